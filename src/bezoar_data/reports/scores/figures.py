"""How a figure, a difference and a part of a score are written: the same in every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bezoar_data.measures.intervals import Estimate
from bezoar_data.reports.table import apart

if TYPE_CHECKING:
    from bezoar_data.evaluation.chain import Chain, Row
    from bezoar_data.evaluation.compare import Compared, Part
    from bezoar_data.evaluation.record import TaskResult

NONE = "–"


def with_interval(found: Estimate) -> str:
    """`0.412 (0.352 to 0.474)`."""
    if found.value is None:
        return NONE
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def difference(found: Compared | None) -> str:
    return NONE if found is None else apart(found.found)


def verdict(found: Compared | None) -> str:
    return found.word if found is not None else NONE


def metric(task: TaskResult) -> str:
    """A task's metric, and that lower is better where it is."""
    return task.metric + ("" if task.higher_is_better.get(task.metric, True) else ", lower is better")


def items_of(row: Row, chain: Chain) -> int:
    """How many items a task has, or all tasks of a facet."""
    tasks = chain.last.record.tasks
    return sum(task.items for task in tasks if row.name == task.task) or sum(
        task.items for task in tasks if row.name == task.facet
    )


def part(chain: Chain, task: str, which: Part) -> Compared | None:
    """How the last model differs from the first on the clean or the leaked items of a task."""
    comparison = chain.comparisons[-1]
    found = comparison.leaked if comparison is not None else ()
    return next((one for one in found if (one.name, one.part) == (task, which)), None)
