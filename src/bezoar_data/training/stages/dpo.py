"""The stage `dpo`: direct preference optimisation with TRL's DPOTrainer.

The reference is the policy as it starts, never the bare base: with a new adapter, the model without it (a merge
before); with one that is carried on, a frozen copy of it; where all weights are trained, a second copy of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.ends import fit_embeddings
from bezoar_data.training.models import load_weights
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model


class DpoStage(TrainingStage):
    """Direct preference optimisation on the card's `preference` view. The reference is the policy as it starts."""

    model_config = ConfigDict(title="DPO stage")
    trainer: ClassVar[str] = "DPOConfig"
    views: ClassVar[tuple[str, ...]] = ("preference",)
    has_reference: ClassVar[bool] = True

    use: Literal["dpo"] = Field(description="What the stage does.", examples=["dpo"])
    view: Literal["preference"] | None = Field(
        default=None, description="The card's view to train on.", examples=["preference"]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's DPOConfig, over those of the recipe.",
        examples=[{"num_train_epochs": 1, "beta": 0.1}],
    )


def make_trainer(job: TrainingJob) -> Any:
    """TRL's trainer, its policy still the reference."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    class Trainer(DPOTrainer):
        # Examples come tokenised; SFTTrainer has a setting for it, this one has none.
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    model = policy_model(job)
    reference = None
    if job.adapter is None and job.start.adapter is None:
        reference = load_weights(job.start, job.place, dtype="float32", attention=job.kernels.attention)
        reference = fit_embeddings(reference, job.template.tokenizer)
    return Trainer(
        model=model,
        ref_model=reference,
        args=configuration(job, DPOConfig),
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    longest = settings.get("max_length")
    keeps_start = settings.get("truncation_mode") != "keep_end"

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        pair = read_row(rows.view, row)
        thinking = template.reasons(pair.messages) or template.reasons(pair.worse)
        prompt, chosen = template.encode_last(pair.messages, pair.tools, thinking=thinking)
        again, rejected = template.encode_last(pair.worse, pair.tools, thinking=thinking)
        if prompt != again:
            raise Unusable("prompts_differ")
        length = len(prompt) + max(len(chosen), len(rejected))
        # The trainer cuts each side; an example without a token of its replies teaches nothing.
        if longest is not None and keeps_start and len(prompt) >= longest:
            raise Unusable("reply_cut_off")
        cut = [min(len(prompt) + len(side), longest or length) for side in (chosen, rejected)]
        counted.truncated += longest is not None and length > longest
        counted.tokens += sum(cut)
        counted.learnt += sum(min(len(side), n) for side, n in zip((chosen, rejected), cut, strict=True))
        return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}

    return make


def _faults(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if settings["padding_free"]:
        yield "padding_free", "TRL's DPOTrainer pads all batches: 'padding_free' does nothing", "leave it out"


def _sequences(example: Example) -> list[int]:
    return [len(example["prompt_ids"]) + len(example[side]) for side in ("chosen_ids", "rejected_ids")]


KIND = TrainingKind(DpoStage, make_trainer, _examples, _faults, _sequences)
