"""The stage `iterative_dpo`: a round of DPO on the model's own answers (Wang et al. 2024, arXiv 2406.08673).

Of each prompt n answers are drawn from the model as it starts, once, and scored; the best is the chosen one of a pair,
the worst the rejected one. What follows is the stage `dpo`, whose reference is the model that drew. For another round,
let another such stage go on from this one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.pairs import pair_faults
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.sampled import with_frozen
from bezoar_data.training.stages import dpo
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.drawn import DrawnStage, draw_replies, of_both_sides
from bezoar_data.training.stages.rewarded import RewardedStage, as_conversation, asked_of, reward_of

PAIRS = "pairs.jsonl"
"""The pairs that a stage drew, beside its weights: of each its ids and scores; null where all answers scored alike."""


class IterativeDpoStage(RewardedStage, DrawnStage):
    """A round of DPO on the best and the worst of several answers of the model itself."""

    model_config = ConfigDict(title="Iterative DPO stage")
    trainer: ClassVar[str] = "DPOConfig"
    views: ClassVar[tuple[str, ...]] = ("preference", "sft", "messages", "rating")
    has_reference: ClassVar[bool] = True

    use: Literal["iterative_dpo"] = Field(description="What the stage does.", examples=["iterative_dpo"])
    view: Literal["preference", "sft", "messages", "rating"] | None = Field(
        default=None, description="The card's view whose prompts are answered.", examples=["sft"]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's DPOConfig, over those of the recipe.",
        examples=[{"num_train_epochs": 3, "learning_rate": 9e-8, "beta": 0.1}],
    )


def best_and_worst(scores: Sequence[float | None]) -> tuple[int, int] | None:
    """The places of the highest and the lowest score, the earliest of equals; None where there are no two scores."""
    scored = [(score, i) for i, score in enumerate(scores) if score is not None]
    if len({score for score, _ in scored}) < 2:
        return None
    return max(scored, key=lambda one: (one[0], -one[1]))[1], min(scored)[1]


def make_trainer(job: TrainingJob) -> Any:
    """DPO's trainer on pairs of the model's own answers. Raises `InputError` where no prompt gives a pair."""
    train, held_out = _pairs(job)
    if not train:
        message = f"of {len(job.examples.train):,} prompts, each has answers that all score alike: there is no pair"
        raise InputError(Problem("no-pairs", message, job.place, "draw more answers, more freely, or longer ones"))
    return dpo.make_trainer(replace(job, examples=replace(job.examples, train=train, held_out=held_out)))


def _pairs(job: TrainingJob) -> tuple[list[Example], list[Example]]:
    """The pairs to train on, and those held out."""
    asked = [*job.examples.train, *job.examples.held_out]
    train, held_out = of_both_sides(job, PAIRS, lambda: _draw(job, asked))
    return [one for one in train if one is not None], [one for one in held_out if one is not None]


def _draw(job: TrainingJob, asked: Sequence[Example]) -> list[Example | None]:
    tokenizer, score = job.template.tokenizer, reward_of(job)
    prompts = [example["prompt_ids"] for example in asked]
    drawn = with_frozen(job.start, job.template, job.place, lambda model: draw_replies(job, model, prompts))
    said = [
        as_conversation(example["asked"], ids, tokenizer)
        for example, replies in zip(asked, drawn, strict=True)
        for ids in replies
    ]
    scores = iter([0.0] * len(said) if job.tried else score(said))
    found: list[Example | None] = []
    for prompt, replies in zip(prompts, drawn, strict=True):
        scored = [next(scores) for _ in replies]
        at = (0, 1) if job.tried else best_and_worst(scored)
        if at is None:
            found.append(None)
            continue
        best, worst = at
        found.append({
            "prompt_ids": prompt, "chosen_ids": replies[best], "rejected_ids": replies[worst],
            "chosen_score": scored[best], "rejected_score": scored[worst],
        })  # fmt: skip
    return found


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    stage, longest = cast(IterativeDpoStage, rows.stage), settings.get("max_length")
    seen: set[tuple[int, ...]] = set()

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        answer = read_row(rows.view, row)
        prompt, _ = template.encode_last(answer.messages, answer.tools)
        if longest is not None and len(prompt) + stage.max_new_tokens > longest:
            raise Unusable("too_long")
        if tuple(prompt) in seen:
            raise Unusable("same_prompt")
        seen.add(tuple(prompt))
        counted.tokens += 2 * (len(prompt) + stage.max_new_tokens)
        counted.learnt += 2 * stage.max_new_tokens
        return {"prompt_ids": prompt, "asked": asked_of(answer.messages), "longest": stage.max_new_tokens}

    return make


def _sequences(example: Example) -> list[int]:
    return [len(example["prompt_ids"]) + example["longest"]] * 2


def _beside(job: TrainingJob) -> None:
    """Leave the pairs with their scores."""
    shutil.copy(job.work / PAIRS, job.result / PAIRS)


def _measure(job: TrainingJob, trainer: Any) -> dict[str, Any]:
    """How many prompts gave a pair, and the mean scores of the best and the worst answers."""
    train, _ = _pairs(job)
    means = {
        name: round(sum(pair[score] for pair in train) / len(train), 4)
        for name, score in (("chosen", "chosen_score"), ("rejected", "rejected_score"))
    }
    return {"iterative_dpo": {"prompts": len(job.examples.train), "pairs": len(train), **means}}


KIND = TrainingKind(
    IterativeDpoStage, make_trainer, _examples, pair_faults, _sequences, beside=_beside, measure=_measure
)
