"""The stage `reward`: a model that scores replies, from ratings or from pairs.

From ratings (`rating` view): a number for each attribute at the end of the reply, as in HelpSteer2 (arXiv 2406.08673),
by the mean squared error over the ratings that there are. From pairs (`preference` view), one number r, with
Δ = r(chosen) - r(rejected) and the card's margin m:

    bt        - log σ(Δ)          Bradley and Terry's model; TRL's RewardTrainer
    margin    - log σ(Δ - m)      the margin is asked for (Llama 2)
    scaled    - m log σ(Δ)        the margin is a weight (HelpSteer2-Preference, arXiv 2410.01257)

A stage on pairs may go on from one on ratings: its numbers are joined by their weights into the one that is trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.measures.ratings import GOODNESS
from bezoar_data.runs.conversations.views import kind_of
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.reward_head import REWARD, REWARD_FILE, RewardHead
from bezoar_data.training.data.examples import MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.scored import rated_replies, scored_pairs, scored_sequences
from bezoar_data.training.data.template import Template
from bezoar_data.training.models import Start, load_weights
from bezoar_data.training.scoring import held_out_figures
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model


class RewardStage(TrainingStage):
    """A model that scores replies, trained on the card's `preference` or `rating` view."""

    model_config = ConfigDict(title="Reward stage")
    trainer: ClassVar[str] = "RewardConfig"
    views: ClassVar[tuple[str, ...]] = ("preference", "rating")
    head: ClassVar[Literal["language", "scores", "same"]] = "scores"

    use: Literal["reward"] = Field(description="What the stage does.", examples=["reward"])
    view: Literal["preference", "rating"] | None = Field(
        default=None, description="The card's view to train on, where it has both.", examples=["rating"]
    )
    loss: Literal["bt", "margin", "scaled"] = Field(
        default="bt",
        description="On pairs: Bradley-Terry's loss, with the card's margin asked for, or with it as a weight.",
        examples=["scaled"],
    )
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="On ratings: which attributes of the card's view; by default all of them.",
        examples=[["helpfulness"]],
    )
    weights: Annotated[dict[str, float], Field(min_length=1)] | None = Field(
        default=None,
        description="On ratings: what each attribute counts in the one reward. By default HelpSteer2's weights; where "
        "none of its attributes is trained, each counts alike.",
        examples=[{"helpfulness": 0.65, "correctness": 0.8, "coherence": 0.45}],
    )
    scale: tuple[float, float] = Field(
        default=(0, 4), description="On ratings: the lowest and the highest that there is.", examples=[[0, 4]]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's RewardConfig, over those of the recipe.",
        examples=[{"num_train_epochs": 1, "learning_rate": 1e-5}],
    )


def masked_error(scores: Any, ratings: Any) -> Any:
    """The mean squared error over the ratings that are there; those that are not are NaN. Shapes (rows, attributes)."""
    import torch

    there = ~torch.isnan(ratings)
    return ((scores - ratings.nan_to_num())[there] ** 2).sum() / there.sum().clamp(min=1)


def scaled_loss(chosen: Any, rejected: Any, margin: Any) -> Any:
    """HelpSteer2-Preference's scaled Bradley-Terry loss, the mean over pairs. Shapes (pairs,)."""
    from torch.nn.functional import logsigmoid

    return -(margin * logsigmoid(chosen - rejected)).mean()


def make_trainer(job: TrainingJob) -> Any:
    """TRL's RewardTrainer on pairs; transformers' own trainer on ratings, which TRL's refuses."""
    import torch

    head = head_of(job)
    torch.manual_seed(int(job.settings.full["seed"]))
    model = policy_model(job, _loader(job, head))
    model.config.id2label = dict(enumerate(head.attributes))
    model.config.label2id = {name: i for i, name in enumerate(head.attributes)}
    model.config.problem_type = "regression"
    model.config.get_text_config().pad_token_id = job.template.tokenizer.pad_token_id
    return (_pair_trainer if head.scale is None else _rating_trainer)(job, model)


def head_of(job: TrainingJob) -> RewardHead:
    """What the stage's model scores. Raises `InputError` where it cannot go on from what its start scores."""
    stage = cast(RewardStage, job.stage)
    pairs = not job.examples.train or "chosen_ids" in job.examples.train[0]
    before = job.start.head
    end = job.template.end
    if pairs:
        if before is not None and len(before.attributes) > 1 and job.start.adapter is not None:
            message = f"the {len(before.attributes)} scores of an adapter cannot be joined into one"
            raise InputError(Problem("several-scores", message, job.place, "put a 'merge' before this stage"))
        return RewardHead(attributes=(REWARD,), weights={REWARD: 1.0}, scale=None, end_of_turn=end)
    attributes = tuple(job.examples.train[0]["names"])
    if before is not None and before.attributes != attributes:
        message = f"a model that scores {', '.join(before.attributes)} cannot go on to {', '.join(attributes)}"
        raise InputError(Problem("other-scores", message, job.place, "say 'from: base'"))
    known = {name: GOODNESS[name] for name in attributes if name in GOODNESS}
    weights = stage.weights or known or dict.fromkeys(attributes, 1.0)
    if unknown := [name for name in weights if name not in attributes]:
        message, hint = f"'weights' names '{unknown[0]}', which is not trained", did_you_mean(unknown[0], attributes)
        raise InputError(Problem("unknown-attribute", message, job.place, hint))
    return RewardHead(attributes=attributes, weights=weights, scale=stage.scale, end_of_turn=end)


def _loader(job: TrainingJob, head: RewardHead) -> Any:
    """Loads weights with the head that is trained: that of the start, joined where it has more, or a new one."""

    def load(start: Start, place: Any, **how: Any) -> Any:
        before = start.head or head
        model = load_weights(start, place, labels=len(before.attributes), **how)
        if len(before.attributes) > len(head.attributes):
            _join(model, before)
        return model

    return load


def _join(model: Any, head: RewardHead) -> None:
    """Make of a head's several numbers the one that they come to by their weights."""
    import torch

    weights = torch.tensor([head.weights.get(name, 0.0) for name in head.attributes]).to(model.score.weight)
    one = torch.nn.Linear(model.score.in_features, 1, bias=False).to(model.score.weight)
    with torch.no_grad():
        one.weight.copy_(weights @ model.score.weight)
    model.score = one
    model.num_labels = model.config.num_labels = 1


def _pair_trainer(job: TrainingJob, model: Any) -> Any:
    from torch import chunk
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    scaled = cast(RewardStage, job.stage).loss == "scaled"

    class Trainer(RewardTrainer):
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            margin = inputs.pop("margin") if scaled else None
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True)  # type: ignore[no-untyped-call]
            if margin is not None:
                chosen, rejected = chunk(outputs.logits.squeeze(-1), chunks=2)
                loss = scaled_loss(chosen, rejected, margin)
                if (centred := self.args.center_rewards_coefficient) is not None:
                    loss = loss + centred * ((chosen + rejected) ** 2).mean()
            return (loss, outputs) if return_outputs else loss

    return Trainer(
        model=model,
        args=configuration(job, RewardConfig),
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )


def _rating_trainer(job: TrainingJob, model: Any) -> Any:
    import torch
    from transformers import Trainer
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.utils import disable_dropout_in_model

    args = configuration(job, RewardConfig, remove_unused_columns=False)
    if args.disable_dropout:
        disable_dropout_in_model(model)
    pad = job.template.tokenizer.pad_token_id

    def collate(examples: Sequence[Example]) -> dict[str, Any]:
        rows = [torch.tensor(example["input_ids"]) for example in examples]
        missing = float("nan")
        ratings = [[missing if r is None else r for r in example["ratings"]] for example in examples]
        return {
            "input_ids": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad),
            "attention_mask": torch.nn.utils.rnn.pad_sequence([torch.ones_like(r) for r in rows], batch_first=True),
            "labels": torch.tensor(ratings, dtype=torch.float),
        }

    class RatingTrainer(Trainer):
        loss_is_scaled_for_ga = False

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            given = {name: value for name, value in inputs.items() if name != "labels"}
            outputs = model(**given, use_cache=False)
            loss = masked_error(outputs.logits.float(), inputs["labels"])
            return (loss, outputs) if return_outputs else loss

    return RatingTrainer(
        model=model,
        args=args,
        data_collator=collate,
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    stage, longest = cast(RewardStage, rows.stage), settings.get("max_length")
    if kind_of(rows.view) == "preference":
        return scored_pairs(rows.view, template, longest, stage.loss)
    return rated_replies(rows.view, template, longest, stage.attributes, stage.scale)


def _beside(job: TrainingJob) -> None:
    write_json(job.result / REWARD_FILE, head_of(job).as_json())


def _measure(job: TrainingJob, trainer: Any) -> dict[str, Any]:
    held_out = job.examples.held_out
    if not held_out or trainer.is_fsdp_enabled:
        return {}
    pad, batch = job.template.tokenizer.pad_token_id, int(job.settings.full["per_device_eval_batch_size"])
    return {"reward": held_out_figures(trainer.model, head_of(job), held_out, pad, batch)}


KIND = TrainingKind(RewardStage, make_trainer, _examples, sequences=scored_sequences, beside=_beside, measure=_measure)
