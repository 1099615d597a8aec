"""Models of one chain on one suite, side by side: each figure with its interval, and how it differs from the first's.

Figures stand by task, and by facet where all tasks of one are right or wrong; there is no average over all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.evaluation.compare import Compared, Comparison, compare
from bezoar_data.evaluation.items import Evaluated, TaskItems, read_evaluated
from bezoar_data.evaluation.record import EVALUATION, Evaluation, TaskResult
from bezoar_data.measures.intervals import UNDEFINED, Estimate, grouped_share
from bezoar_data.measures.paired import mean_interval


@dataclass(frozen=True, slots=True)
class Point:
    """One model of a chain, as it was evaluated."""

    folder: Path
    record: Evaluation
    items: Evaluated

    @property
    def name(self) -> str:
        return self.record.model.name

    def task(self, name: str) -> TaskResult | None:
        return next((task for task in self.record.tasks if task.task == name), None)


def read_point(folder: Path) -> Point:
    """The evaluation in a folder. Raises `InputError`."""
    return Point(folder, Evaluation.read(folder / EVALUATION), read_evaluated(folder))


@dataclass(frozen=True, slots=True)
class Row:
    """A task, or all tasks of a facet, across a chain."""

    name: str
    facet: str | None
    metric: str
    values: tuple[Estimate, ...]
    """Of each model; not defined where it was not evaluated on it."""
    against: tuple[Compared | None, ...]
    """How each model differs from the first; None for the first, and where the two cannot be compared."""
    is_share: bool
    """Whether the scores lie between 0 and 1."""


@dataclass(frozen=True)
class Chain:
    """Models on one suite, the one that the others are compared with first."""

    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        return self.points[-1]

    @cached_property
    def comparisons(self) -> tuple[Comparison | None, ...]:
        """Of each model with the first one; None for the first, and where they share nothing that can be compared."""
        return tuple(_compared(self.points[0], point) if i else None for i, point in enumerate(self.points))

    @cached_property
    def tasks(self) -> tuple[Row, ...]:
        """The tasks of the last model."""
        return tuple(self._task(task) for task in self.last.record.tasks)

    @cached_property
    def facets(self) -> tuple[Row, ...]:
        """The facets with several tasks, where all of these are right or wrong."""
        return tuple(self._facets())

    @property
    def summary(self) -> tuple[Row, ...]:
        """The facets, and the tasks that are in none of them."""
        whole = {row.name for row in self.facets}
        return (*self.facets, *(row for row in self.tasks if row.facet not in whole))

    def _task(self, task: TaskResult) -> Row:
        values = tuple(_value(point, task.task, task.metric) for point in self.points)
        found = [self._difference(i, "tasks", task.task) for i in range(len(self.points))]
        return Row(task.task, task.facet, task.metric, values, tuple(found), _is_share(self.points, task))

    def _facets(self) -> Iterator[Row]:
        for facet in dict.fromkeys(task.facet for task in self.last.record.tasks if task.facet is not None):
            tasks = [task for task in self.last.record.tasks if task.facet == facet]
            if len(tasks) < 2 or not all(_right_or_wrong(point, task) for task in tasks for point in self.points):
                continue
            values = tuple(_pooled([point.items.tasks[task.task] for task in tasks], tasks) for point in self.points)
            found = [self._difference(i, "facets", facet) for i in range(len(self.points))]
            yield Row(facet, facet, f"right, {len(tasks)} tasks", values, tuple(found), True)

    def _difference(self, place: int, kind: str, name: str) -> Compared | None:
        comparison = self.comparisons[place]
        return next((one for one in getattr(comparison, kind, ()) if one.name == name), None)


def _compared(first: Point, second: Point) -> Comparison | None:
    try:
        return compare(first.items, second.items)
    except InputError:
        return None


def _value(point: Point, name: str, metric: str) -> Estimate:
    """A task's figure, with the interval that its items give; without items, that of its standard error."""
    task, items = point.task(name), point.items.tasks.get(name)
    if task is None or metric not in task.metrics:
        return UNDEFINED
    if items is not None and metric in items.scores:
        return _pooled([items], [task], metric)
    value, error = task.metrics[metric]["value"], task.metrics[metric]["error"]
    if value is None or error is None:
        return Estimate(value, None, None)
    return Estimate(value, value - 1.96 * error, value + 1.96 * error)


def _pooled(found: Sequence[TaskItems], tasks: Sequence[TaskResult], metric: str | None = None) -> Estimate:
    """The mean over all items of tasks: of right or wrong with the interval of a share, else by bootstrap."""
    values: list[float] = []
    groups: list[Hashable] = []
    for items, task in zip(found, tasks, strict=True):
        scores = items.scores[metric or task.metric]
        values += scores.values()
        groups += [(task.task, items.groups.get(item, item)) for item in scores]
    if {*values} <= {0.0, 1.0}:
        return grouped_share([value == 1.0 for value in values], groups)
    return Estimate(sum(values) / len(values), *mean_interval(values, groups))


def _right_or_wrong(point: Point, task: TaskResult) -> bool:
    scores = point.items.tasks[task.task].scores if task.task in point.items.tasks else {}
    better = task.higher_is_better.get(task.metric, True)
    return better and task.metric in scores and {*scores[task.metric].values()} <= {0.0, 1.0}


def _is_share(points: Sequence[Point], task: TaskResult) -> bool:
    """By the scores themselves: no metric says what it can be at most."""
    found = [point.items.tasks[task.task] for point in points if task.task in point.items.tasks]
    scores = [score for items in found for score in items.scores.get(task.metric, {}).values()]
    return bool(scores) and min(scores) >= 0.0 and max(scores) <= 1.0
