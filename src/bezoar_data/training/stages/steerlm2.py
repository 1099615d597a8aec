"""The stage `steerlm2`: SteerLM 2.0 (Wang et al. 2024, arXiv 2406.08673), of a SteerLM model and a reward model.

The model is trained towards what it should say by Bayes' rule, P(y|a,x) ∝ P(a|x,y) P(y|x): the reward model says how
likely a reply y has the attributes a that are asked for, a plain SFT model how likely it is at all. Of each prompt n
replies are drawn from the model as it starts, Q', once. With

    w = softmax over the n of  log P(a|x,y) + log P(y|x) - log Q'(y|a,x)
    b = softmax over the n of  log Q(y|a,x) - log Q'(y|a,x)

the gradient is - Σ (w - b) ∇ log Q, which is that of the cross-entropy between w and the softmax of log Q - log Q'. For
another round, let another such stage go on from this one.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import STEP_ID
from bezoar_data.config.problems import Problem
from bezoar_data.llms.reward.model import scores
from bezoar_data.measures.beta_levels import CONCENTRATION, log_probability_of
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.steered import attribute_line, steered
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.sampled import (
    in_groups,
    log_probabilities,
    padded,
    reply_log_probabilities,
    with_frozen,
)
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.drawn import DrawnStage, draw_replies, of_both_sides
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model

_BATCH = 16
"""Replies that a frozen model reads at once."""


class Steerlm2Stage(DrawnStage):
    """SteerLM 2.0: a SteerLM model trained on replies of its own, weighed by a reward model and a plain model."""

    model_config = ConfigDict(title="SteerLM 2.0 stage")
    trainer: ClassVar[str] = "RewardConfig"
    views: ClassVar[tuple[str, ...]] = ("rating", "sft", "messages", "preference")
    needs: ClassVar[Mapping[str, Literal["language", "scores"]]] = {"reward": "scores", "plain": "language"}

    use: Literal["steerlm2"] = Field(description="What the stage does.", examples=["steerlm2"])
    view: Literal["rating", "sft", "messages", "preference"] | None = Field(
        default=None, description="The card's view whose prompts are answered.", examples=["rating"]
    )
    reward: Annotated[str, Field(pattern=STEP_ID)] = Field(
        description="The earlier stage whose model rates replies, trained on ratings.", examples=["ratings"]
    )
    plain: Annotated[str, Field(pattern=STEP_ID)] = Field(
        description="The earlier stage whose model says how likely a reply is without attributes, or 'base'.",
        examples=["sft"],
    )
    ask_for: Annotated[dict[str, int], Field(min_length=1)] = Field(
        default={"helpfulness": 4, "correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 2},
        description="The ratings that replies are asked for; by default HelpSteer2's.",
        examples=[{"helpfulness": 4, "verbosity": 2}],
    )
    concentration: Annotated[float, Field(gt=0)] = Field(
        default=CONCENTRATION, description="How sure the reward model is taken to be (α + β).", examples=[24]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's RewardConfig, over those of the recipe; a batch counts prompts.",
        examples=[{"num_train_epochs": 2, "learning_rate": 1e-7}],
    )


def group_weights(log_targets: Sequence[float]) -> list[float]:
    """The softmax of `log P(a|x,y) + log P(y|x) - log Q'(y|a,x)` over the replies to one prompt."""
    highest = max(log_targets)
    exponentials = [math.exp(one - highest) for one in log_targets]
    return [one / sum(exponentials) for one in exponentials]


def group_loss(log_q: Any, frozen: Any, weights: Any, tokens: Any) -> tuple[Any, Any]:
    """The loss, and how far each group's b is from its w (their Kullback-Leibler divergence). Shapes (groups, replies).

    Each group is divided by the mean length of its replies, as NVIDIA's own code does: log-probabilities are sums.
    """
    log_b = (log_q - frozen).log_softmax(-1)
    entropy = (weights * log_b).sum(-1)
    distance = (weights * weights.clamp(min=1e-30).log()).sum(-1) - entropy
    return (-entropy / tokens.float().mean(-1)).mean(), distance.detach()


def make_trainer(job: TrainingJob) -> Any:
    """transformers' trainer, whose examples are prompts with their weighed replies."""
    import torch
    from transformers import Trainer
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.utils import disable_dropout_in_model

    train, held_out = _groups(job)
    model = policy_model(job)
    args = configuration(job, RewardConfig, remove_unused_columns=False)
    if args.disable_dropout:
        disable_dropout_in_model(model)
    pad = job.template.tokenizer.pad_token_id

    def collate(groups: Sequence[Example]) -> dict[str, Any]:
        pairs = [(group["prompt_ids"], reply) for group in groups for reply in group["replies"]]
        ids, mask, own = padded(pairs, pad)
        weighed = {name: torch.tensor([group[name] for group in groups]) for name in ("frozen", "weights")}
        return {"input_ids": ids, "attention_mask": mask, "own": own, **weighed}

    class GroupTrainer(Trainer):
        loss_is_scaled_for_ga = False
        distances: list[float]

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            shape = inputs["weights"].shape
            log_q = reply_log_probabilities(model, inputs["input_ids"], inputs["attention_mask"], inputs["own"])
            tokens = inputs["own"].sum(1).view(shape)
            loss, distance = group_loss(log_q.view(shape), inputs["frozen"], inputs["weights"], tokens)
            if model.training:
                self.distances += distance.tolist()
            return (loss, {"distance": distance}) if return_outputs else loss

        def prediction_step(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            with torch.no_grad():
                return self.compute_loss(model, self._prepare_inputs(inputs)).detach(), None, None

        def log(self, logs: dict[str, float], *more: Any, **named: Any) -> None:
            if "loss" in logs and self.distances:
                logs["distance"] = sum(self.distances) / len(self.distances)
                self.distances.clear()
            super().log(logs, *more, **named)

    trainer = GroupTrainer(
        model=model,
        args=args,
        data_collator=collate,
        train_dataset=dataset(train),
        eval_dataset=dataset(held_out),
        processing_class=job.template.tokenizer,
    )
    trainer.distances = []
    return trainer


def _groups(job: TrainingJob) -> tuple[list[Example], list[Example]]:
    """The prompts to train on, and those held out, each with its replies and their weights. They are drawn once: what
    goes on after an interruption finds them."""
    return of_both_sides(job, GROUPS, lambda: _draw(job, [*job.examples.train, *job.examples.held_out]))


GROUPS = "groups.jsonl"


def _draw(job: TrainingJob, examples: Sequence[Example]) -> list[Example]:
    stage, template = cast(Steerlm2Stage, job.stage), job.template
    pad, n = template.tokenizer.pad_token_id, stage.responses
    asked = [example["prompt_ids"] for example in examples]

    def draw(model: Any) -> tuple[list[list[list[int]]], list[float]]:
        drawn = draw_replies(job, model, asked)
        replies = [reply for group in drawn for reply in group]
        of_each = [prompt for prompt in asked for _ in range(n)]
        return drawn, log_probabilities(model, of_each, replies, pad, _BATCH)

    drawn, frozen = with_frozen(job.start, template, job.place, draw)
    replies = [reply for group in drawn for reply in group]
    plainly = [example["plain_ids"] for example in examples for _ in range(n)]
    plain = with_frozen(
        job.others["plain"], template, job.place, lambda m: log_probabilities(m, plainly, replies, pad, _BATCH)
    )
    whole = [prompt + reply for prompt, reply in zip(plainly, replies, strict=True)]
    rated = with_frozen(job.others["reward"], template, job.place, lambda m: scores(m, whole, pad, batch=_BATCH))
    wanted = _wanted(job, stage)
    found = []
    for example, group, q, p, r in zip(
        examples, drawn, in_groups(frozen, n), in_groups(plain, n), in_groups(rated, n), strict=True
    ):
        a = [wanted(one) for one in r]
        weights = group_weights([x + y - z for x, y, z in zip(a, p, q, strict=True)])
        found.append({"prompt_ids": example["prompt_ids"], "replies": group, "frozen": q, "weights": weights})
    return found


def _wanted(job: TrainingJob, stage: Steerlm2Stage) -> Any:
    """How likely a reply with these scores has the ratings that are asked for. Raises `InputError`."""
    head = job.others["reward"].head
    scale = head.scale if head is not None else None
    if head is None or scale is None:
        message = f"'{stage.reward}' was trained on pairs: its scores are not ratings"
        raise InputError(Problem("no-ratings", message, job.place, "name a 'reward' stage on a 'rating' view"))
    if missing := [name for name in stage.ask_for if name not in head.attributes]:
        message = f"'{stage.reward}' does not rate {', '.join(missing)}"
        raise InputError(Problem("unknown-attribute", message, job.place, f"it rates {', '.join(head.attributes)}"))
    at = [head.attributes.index(name) for name in stage.ask_for]
    levels = [float(level) for level in stage.ask_for.values()]
    if off := [level for level in levels if not scale[0] <= level <= scale[1]]:
        message = f"'ask_for' has {off[0]:g}, off the scale from {scale[0]:g} to {scale[1]:g}"
        raise InputError(Problem("bad-value", message, job.place, "write levels of the scale under 'ask_for'"))
    return lambda one: log_probability_of(levels, [one[i] for i in at], scale, stage.concentration)


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    stage, longest = cast(Steerlm2Stage, rows.stage), settings.get("max_length")
    line = attribute_line({name: float(level) for name, level in stage.ask_for.items()})
    seen: set[tuple[int, ...]] = set()

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        found = read_row(rows.view, row)
        plain, _ = template.encode_last(found.messages, found.tools)
        asked, _ = template.encode_last([*steered(found.prompt, line), *found.answer], found.tools)
        if longest is not None and len(asked) + stage.max_new_tokens > longest:
            raise Unusable("too_long")
        if tuple(asked) in seen:
            raise Unusable("same_prompt")
        seen.add(tuple(asked))
        counted.tokens += stage.responses * (len(asked) + stage.max_new_tokens)
        counted.learnt += stage.responses * stage.max_new_tokens
        return {"prompt_ids": asked, "plain_ids": plain, "longest": stage.max_new_tokens, "responses": stage.responses}

    return make


def _sequences(example: Example) -> list[int]:
    return [len(example["prompt_ids"]) + example["longest"]] * example["responses"]


def _beside(job: TrainingJob) -> None:
    """Leave the replies with their weights."""
    shutil.copy(job.work / GROUPS, job.result / GROUPS)


def _measure(job: TrainingJob, trainer: Any) -> dict[str, Any]:
    """How many of a prompt's replies count: the weights of long ones often leave one alone."""
    train, _ = _groups(job)
    counting = [1 / sum(weight**2 for weight in group["weights"]) for group in train]
    alone = sum(one < _ALONE for one in counting) / len(counting)
    return {"steerlm2": {"effective_replies": round(sum(counting) / len(counting), 3), "one_reply": round(alone, 3)}}


_ALONE = 1.5
"""Replies that count, below which there is one."""

KIND = TrainingKind(Steerlm2Stage, make_trainer, _examples, sequences=_sequences, beside=_beside, measure=_measure)
