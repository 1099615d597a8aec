"""The stage `asft`: aligned SFT, the absolute likelihood of replies in the place of a preference, without a reference.

Wang et al. 2024 (arXiv 2409.10571), in the form of Gorbatovski et al. 2025 (arXiv 2502.01237). With p(y) the mean
probability of a reply's tokens (the exponential of their mean log-probability) and its odds p / (1 - p):

    L = - log p(chosen) - weight [ log σ(temperature · log odds(chosen)) + log σ(- temperature · log odds(rejected)) ]

At temperature 1 this is - (1 + weight) log p(chosen) - weight log(1 - p(rejected)): each reply is judged by itself, so
that the chosen one always becomes likelier, where DPO may lower both. It is not Anchored SFT (arXiv 2509.23753).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.config.files.trainer_settings import trainer_settings
from bezoar_data.training.data.pairs import pair_examples, pair_faults, pair_sequences
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model

_LARGEST = -1e-6
"""The largest mean log-probability: at 0 the odds are infinite."""
_IDLE = (
    *("beta", "loss_type", "loss_weights", "label_smoothing", "f_divergence_type", "f_alpha_divergence_coef"),
    *("ld_alpha", "discopop_tau", "use_weighting", "router_aux_loss_coef"),
    *("sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps"),
    *("precompute_ref_log_probs", "precompute_ref_batch_size"),
)
"""Settings of DPO's losses and of its reference."""


class AsftStage(TrainingStage):
    """Aligned SFT on the card's `preference` view: the absolute likelihood of both replies, without a reference."""

    model_config = ConfigDict(title="ASFT stage")
    trainer: ClassVar[str] = "DPOConfig"
    views: ClassVar[tuple[str, ...]] = ("preference",)

    use: Literal["asft"] = Field(description="What the stage does.", examples=["asft"])
    view: Literal["preference"] | None = Field(
        default=None, description="The card's view to train on.", examples=["preference"]
    )
    weight: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="How much the alignment counts beside the likelihood (λ).", examples=[1.0]
    )
    temperature: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="What the log odds are multiplied with (β); with `sft: false`, 0.1 to 0.3 served.",
        examples=[1.0],
    )  # fmt: skip
    sft: bool = Field(
        default=True,
        description="Whether the chosen reply is also learnt as in SFT; false after an SFT stage (two stages).",
        examples=[True],
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's DPOConfig, over those of the recipe; those of its losses do nothing here.",
        examples=[{"num_train_epochs": 1, "learning_rate": 8e-6}],
    )


def absolute_likelihood(
    chosen: Any, rejected: Any, *, weight: float = 1.0, temperature: float = 1.0, sft: bool = True
) -> tuple[Any, Any]:
    """The loss of each pair, and the log odds of both replies, shape (2, pairs).

    `chosen` and `rejected` are the replies' mean log-probabilities, shape (pairs,), in single precision or better.
    """
    import torch
    from torch.nn.functional import logsigmoid

    log_p = torch.stack([chosen, rejected])
    kept = log_p.clamp(max=_LARGEST)
    odds = kept - torch.log(-torch.expm1(kept))
    alignment = -logsigmoid(temperature * odds[0]) - logsigmoid(-temperature * odds[1])
    return weight * alignment - (chosen if sft else 0), odds


def make_trainer(job: TrainingJob) -> Any:
    """TRL's DPOTrainer for its batches, with another loss and without a reference."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    stage = cast(AsftStage, job.stage)

    class Trainer(DPOTrainer):
        # Examples come tokenised; SFTTrainer has a setting for it, this one has none.
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

        def _precompute_ref_logps(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            mask = inputs["completion_mask"]
            taken = {name: value for name, value in inputs.items() if name != "completion_mask"}
            labels = inputs["input_ids"].masked_fill(mask == 0, -100)
            outputs = model(**taken, labels=labels, use_cache=False, fused_lm_head=True)
            length = mask[:, 1:].sum(1)
            total = outputs.log_probs[:, 1 - mask.shape[1] :].float().sum(1)
            chosen, rejected = (total / length).chunk(2)
            losses, odds = absolute_likelihood(
                chosen, rejected, weight=stage.weight, temperature=stage.temperature, sft=stage.sft
            )
            self.note(inputs, total, odds)
            loss = losses.mean()
            return (loss, outputs) if return_outputs else loss

        def note(self, inputs: Any, total: Any, odds: Any) -> None:
            """Keep what is logged, under the names that DPO's log has."""
            mode = "train" if self.model.training else "eval"
            if mode == "train":
                self._total_train_tokens += self.accelerator.gather(inputs["attention_mask"].sum()).sum().item()
            chosen, rejected = total.detach().chunk(2)
            better, worse = stage.temperature * odds.detach()
            kept = {
                "logps/chosen": chosen,
                "logps/rejected": rejected,
                "rewards/chosen": better,
                "rewards/rejected": worse,
                "rewards/accuracies": (better > worse).float(),
                "rewards/margins": better - worse,
            }
            for name, values in kept.items():
                self._metrics[mode][name].append(self.accelerator.gather(values).mean().item())
            self._metrics[mode]["num_tokens"] = [self._total_train_tokens]

    trainer = Trainer(
        model=policy_model(job),
        # With this, and nothing to compute beforehand, TRL holds no second copy of the weights.
        args=configuration(job, DPOConfig, precompute_ref_log_probs=True),
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )
    if "ref" in getattr(trainer.model, "peft_config", ()):
        trainer.model.delete_adapter("ref")
    return trainer


def _faults(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield from pair_faults(settings)
    properties = trainer_settings()[AsftStage.trainer]["properties"]
    for name in _IDLE:
        if settings.get(name) != properties[name].get("default"):
            yield name, f"'asft' has no reference and a loss of its own: '{name}' does nothing", "leave it out"


KIND = TrainingKind(AsftStage, make_trainer, pair_examples, _faults, pair_sequences)
