"""Two models on the same items: by task and by facet, paired, with the words that the figures allow.

Tasks are corrected for each other (Holm), as are facets. There is no average over everything: no single figure tells
what data did (Wang et al. 2023, arXiv 2306.04751).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.evaluation.items import Evaluated, TaskItems
from bezoar_data.evaluation.record import Judged
from bezoar_data.measures.paired import (
    ALPHA,
    DISCORDANT,
    Difference,
    Word,
    difference,
    holm,
    smallest_difference,
    smallest_mean_difference,
    word,
)

Part = Literal["all", "clean", "leaked"]
"""Of a task's items: all, those that stand in no training data of either model, or those that do."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One task, or one facet, of both models."""

    name: str
    metric: str
    found: Difference
    p: float
    """Corrected for the other tasks, or facets."""
    word: Word
    """What the second model is against the first."""
    shows: float | None
    """The smallest true difference that so many items show with a power of 80 %; None where they show none."""
    unpaired: int
    """Items that one model alone has: they are left out."""
    part: Part = "all"

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "part": self.part, "metric": self.metric, **self.found.as_json(), "p_corrected": self.p,
            "verdict": self.word, "smallest_difference": self.shows, "unpaired": self.unpaired,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the tasks that both were evaluated on."""

    first: str
    second: str
    tasks: tuple[Compared, ...]
    facets: tuple[Compared, ...]
    leaked: tuple[Compared, ...]
    """Tasks of which items stand in the training data of either: on the clean items, then on the leaked ones."""
    missing: tuple[str, ...]
    """Tasks that one model alone was evaluated on."""
    exact: bool
    """Whether McNemar's test was the exact one, and not its mid-p value."""
    judged: tuple[tuple[str, Judged], ...] = ()
    """Of each model and task that a judge scored, who did."""

    def as_json(self) -> dict[str, Any]:
        return {
            "first": self.first, "second": self.second, "tasks": [t.as_json() for t in self.tasks],
            "facets": [f.as_json() for f in self.facets], "leaked": [one.as_json() for one in self.leaked],
            "missing": list(self.missing), "alpha": round(ALPHA, 4),
            "judged": [{"model": name, **asdict(one)} for name, one in self.judged],
        }  # fmt: skip


def compare(first: Evaluated, second: Evaluated, *, exact: bool = False, metrics: Mapping[str, str] = {}) -> Comparison:
    """Pair the items of two evaluations. `metrics` names another metric for a task than its own.

    Raises `InputError` where the models share no task, a task no item, or a metric is not there.
    """
    shared = [name for name in first.tasks if name in second.tasks]
    if not shared:
        message = f"{first.name} and {second.name} were evaluated on no common task"
        hint = "evaluate both on one suite"
        raise InputError(Problem("nothing-to-compare", message, Place(str(second.folder)), hint))
    pairs = {name: _pair(name, first, second, metrics.get(name)) for name in shared}
    tasks = _corrected(
        {name: (pair.metric, pair.difference(exact), pair.sign, pair.unpaired) for name, pair in pairs.items()}
    )
    missing = sorted(first.tasks.keys() ^ second.tasks.keys())
    # A second judge's ratings may be what is compared: their names are in the metrics.
    judged = tuple(
        (one.name, judge)
        for one in (first, second)
        for name, pair in pairs.items()
        if (judge := one.tasks[name].judged) is not None and judge.judge in pair.metric
    )
    facets, leaked = _facets(pairs, exact), _leaked(pairs, exact)
    return Comparison(first.name, second.name, tasks, facets, leaked, tuple(missing), exact, judged)


@dataclass(frozen=True, slots=True)
class _Pair:
    facet: str | None
    metric: str
    sign: int
    """-1 where a lower score is better."""
    first: list[float]
    second: list[float]
    groups: list[str] | None
    unpaired: int
    flags: list[bool]
    """Of each item, whether it stands in the training data of either."""

    @property
    def flagged(self) -> bool:
        return any(self.flags)

    def of(self, flag: bool) -> _Pair:
        """The items of this flag alone."""
        chosen = [i for i, one in enumerate(self.flags) if one is flag]
        groups = [self.groups[i] for i in chosen] if self.groups is not None else None
        first, second = ([side[i] for i in chosen] for side in (self.first, self.second))
        return replace(self, first=first, second=second, groups=groups, flags=[flag] * len(chosen))

    def difference(self, exact: bool) -> Difference:
        return difference(self.first, self.second, self.groups, exact=exact)


def _pair(name: str, first: Evaluated, second: Evaluated, wanted: str | None) -> _Pair:
    a, b = first.tasks[name], second.tasks[name]
    metric = wanted or a.metric
    for one, task in ((first, a), (second, b)):
        if metric not in task.scores:
            message = f"{one.name} has no scores '{metric}' of each item of '{name}': it has {', '.join(task.scores)}"
            hint = did_you_mean(metric, list(task.scores)) or "name a metric: --metric TASK=METRIC"
            raise InputError(Problem("unknown-metric", message, Place(str(one.folder)), hint))
    left, right = a.scores[metric], b.scores[metric]
    items = [item for item in left if item in right]
    if not items:
        message = f"the two evaluations of '{name}' share no item: other data, or another limit"
        hint = "evaluate both on one suite"
        raise InputError(Problem("nothing-to-compare", message, Place(str(second.folder)), hint))
    return _Pair(
        a.facet or b.facet,
        metric,
        -1 if metric in a.lower_is_better else 1,
        [left[item] for item in items],
        [right[item] for item in items],
        _groups(a, items),
        len(left.keys() ^ right.keys()),
        [item in a.flagged or item in b.flagged for item in items],
    )


def _groups(task: TaskItems, items: Sequence[str]) -> list[str] | None:
    return [task.groups.get(item, item) for item in items] if task.groups else None


def _leaked(pairs: Mapping[str, _Pair], exact: bool) -> tuple[Compared, ...]:
    flags: dict[Part, bool] = {"clean": False, "leaked": True}
    parts = [
        (name, part, flag)
        for name, pair in pairs.items()
        for part, flag in flags.items()
        if pair.flagged and flag in pair.flags
    ]
    found = _corrected({
        f"{name}, {part}": (pairs[name].metric, pairs[name].of(flag).difference(exact), pairs[name].sign, 0)
        for name, part, flag in parts
    })  # fmt: skip
    return tuple(replace(one, name=name, part=part) for one, (name, part, _) in zip(found, parts, strict=True))


def _facets(pairs: Mapping[str, _Pair], exact: bool) -> tuple[Compared, ...]:
    """The facets with more than one task: all their items together, where they are scored alike."""
    by_facet: dict[str, list[_Pair]] = {}
    for pair in pairs.values():
        if pair.facet is not None:
            by_facet.setdefault(pair.facet, []).append(pair)
    found: dict[str, _Found] = {}
    for facet, members in by_facet.items():
        right_or_wrong = all({*m.first, *m.second} <= {0.0, 1.0} and m.sign > 0 for m in members)
        if len(members) < 2 or not right_or_wrong:
            continue
        first = [value for m in members for value in m.first]
        second = [value for m in members for value in m.second]
        groups = None
        if any(m.groups for m in members):
            groups = [(i, g) for i, m in enumerate(members) for g in m.groups or range(len(m.first))]
        metric = f"right, {len(members)} tasks"
        found[facet] = metric, difference(first, second, groups, exact=exact), 1, sum(m.unpaired for m in members)
    return _corrected(found)


_Found = tuple[str, Difference, int, int]
"""Metric, difference, sign, unpaired items."""


def _corrected(found: Mapping[str, _Found]) -> tuple[Compared, ...]:
    ps = holm({name: one.p for name, (_, one, _, _) in found.items()})
    return tuple(
        Compared(name, metric, one, ps[name], word(one.value * sign, ps[name]), _shows(one), unpaired)
        for name, (metric, one, sign, unpaired) in found.items()
    )


def _shows(found: Difference) -> float | None:
    """From the share of items on which the two were seen to differ; where that is none, from what is usual."""
    if found.right_or_wrong and found.groups == found.items:
        return smallest_difference(found.items, found.discordant or DISCORDANT)
    return smallest_mean_difference(found.error) if found.error else None
