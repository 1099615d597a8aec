"""What an ablation has found: `ablation.json`, with each variant's data, scores and what they say of the step.

A difference is always that of what is asked about: of a step that a variant leaves out, the whole pipeline's score less
the variant's; of a change, the variant's less the whole pipeline's. So `helps` and `hurts` are said of step and change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.items import Evaluated, TaskItems
from bezoar_data.measures.over_seeds import Effect, effect
from bezoar_data.measures.paired import Word, holm, smallest_mean_difference, word
from bezoar_data.runs.record import Record

ABLATION = "ablation.json"
Verdict = Literal["helps", "hurts", "tied"]
_VERDICTS: Mapping[Word, Verdict] = {"better": "helps", "worse": "hurts", "tied": "tied"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What making a variant's data takes; with several seeds of data, the mean."""

    rows: float
    learnt: float
    """Rows that a training learnt from: those of its split that are accepted. The mean over seeds."""
    answers: float
    """LLM answers behind its rows, shared ones too: as if it alone were made."""
    tokens: float
    cost: float | None
    """US dollars, in the same way; None where a model has no price."""
    asked: int
    """Requests that were sent for it: the others' answers were there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A variant's score on a task."""

    task: str
    metric: str
    value: float
    by_seed: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a task says of the step that was left out, or of the change."""

    task: str
    metric: str
    effect: Mapping[str, Any]
    p: float
    """Corrected for all tasks of all variants (Holm)."""
    verdict: Verdict
    shows: float | None
    """The smallest true difference that these items and seeds show four times in five."""
    cost_per_point: float | None
    """US dollars that a hundredth of the score takes; None where it does not help, or a price is not known."""
    answers_per_point: float | None
    """The same in LLM answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResult:
    """One variant."""

    name: str
    change: str
    """What is left out or changed, in words."""
    left_out: bool
    """Whether it leaves something out and changes nothing else."""
    failed: str | None
    """Why there is nothing to say of it."""
    data: Data | None
    same_as: str | None
    """The variant with whose rows it was trained: what was changed changes none of them."""
    scores: tuple[Score, ...]
    found: tuple[Found, ...]
    """Empty for the whole pipeline."""

    @property
    def verdict(self) -> str:
        """In a word: what no task contradicts."""
        words = {one.verdict for one in self.found} - {"tied"}
        return "mixed" if len(words) > 1 else next(iter(words), "tied")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablated(Record):
    """`ablation.json`."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "ablation"
    IF_MISSING: ClassVar[str] = "make one: bezoar-data ablate FILE"
    IF_OLDER: ClassVar[str] = "run the ablation again with this version; what is done is not done again"

    name: str
    description: str
    pipeline: str
    recipe: str
    suite: str
    seeds: tuple[int, ...]
    data_seeds: tuple[int, ...]
    """One for each of `seeds`, or empty: the data were made once."""
    trainings: int
    """Different ones: variants with the same rows share theirs."""
    variants: tuple[VariantResult, ...]
    """The whole pipeline first."""

    @property
    def whole(self) -> VariantResult:
        return self.variants[0]


@dataclass(frozen=True, slots=True)
class Trained:
    """A variant that was trained with every seed and evaluated."""

    name: str
    change: str
    left_out: bool
    data: Data
    same_as: str | None
    models: Sequence[Evaluated]
    """One for each seed."""


@dataclass(frozen=True, slots=True)
class _Effect:
    metric: str
    sign: int
    """-1 where a lower score is better."""
    found: Effect


def compare_variants(whole: Trained, others: Sequence[Trained]) -> list[VariantResult]:
    """The whole pipeline and each other variant, with what that says of step or change. Raises `InputError` where no
    task was evaluated, or two evaluations share no item of one."""
    if not whole.models[0].tasks:
        message = "no task of the suite was evaluated"
        raise InputError(Problem("nothing-to-compare", message, Place(str(whole.models[0].folder))))
    effects = {(one.name, task): found for one in others for task, found in _effects(whole, one).items()}
    ps = dict(zip(effects, holm({str(i): one.found.p for i, one in enumerate(effects.values())}).values(), strict=True))
    results = [_result(whole, ())]
    for one in others:
        mine = {task: found for (name, task), found in effects.items() if name == one.name}
        found = [_found(task, e, ps[one.name, task], whole.data, one) for task, e in mine.items()]
        results.append(_result(one, found))
    return results


def _result(one: Trained, found: Sequence[Found]) -> VariantResult:
    return VariantResult(
        name=one.name,
        change=one.change,
        left_out=one.left_out,
        failed=None,
        data=one.data,
        same_as=one.same_as,
        scores=tuple(_scores(one.models)),
        found=tuple(found),
    )


def _scores(models: Sequence[Evaluated]) -> list[Score]:
    scores = []
    for name, task in models[0].tasks.items():
        values = [list(model.tasks[name].scores[task.metric].values()) for model in models]
        means = tuple(sum(one) / len(one) for one in values)
        scores.append(Score(task=name, metric=task.metric, value=sum(means) / len(means), by_seed=means))
    return scores


def _effects(whole: Trained, one: Trained) -> dict[str, _Effect]:
    """The effect on each task of what is asked about."""
    first, second = (one, whole) if one.left_out else (whole, one)
    found = {}
    for name, task in whole.models[0].tasks.items():
        sides = [[model.tasks[name] for model in side.models] for side in (first, second)]
        items = _common(sides, task.metric)
        if not items:
            message = f"the evaluations of '{name}' share no item"
            raise InputError(Problem("nothing-to-compare", message, Place(str(one.models[0].folder))))
        groups = [task.groups.get(item, item) for item in items] if task.groups else None
        a, b = ([[t.scores[task.metric][item] for item in items] for t in side] for side in sides)
        found[name] = _Effect(task.metric, -1 if task.metric in task.lower_is_better else 1, effect(a, b, groups))
    return found


def _common(sides: Sequence[Sequence[TaskItems]], metric: str) -> list[str]:
    scores = [task.scores[metric] for side in sides for task in side]
    return [item for item in scores[0] if all(item in one for one in scores)]


def _found(task: str, e: _Effect, p: float, whole: Data, one: Trained) -> Found:
    better = e.found.value * e.sign
    verdict = _VERDICTS[word(better, p)]
    more, less = (whole, one.data) if one.left_out else (one.data, whole)
    cost = more.cost - less.cost if more.cost is not None and less.cost is not None else None
    points = better * 100
    return Found(
        task=task,
        metric=e.metric,
        effect=e.found.as_json(),
        p=p,
        verdict=verdict,
        shows=smallest_mean_difference(e.found.error) if e.found.error else None,
        cost_per_point=cost / points if cost is not None and verdict == "helps" else None,
        answers_per_point=(more.answers - less.answers) / points if verdict == "helps" else None,
    )
