"""What happened to the rows at each step, counted as it happens: for the progress display, the lock and the card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.runs.row import Drop


@dataclass(slots=True)
class StepCount:
    """Rows that came to a step, went on from it (children counted), and were dropped by it, by reason."""

    rows_in: int = 0
    rows_out: int = 0
    waiting: int = 0
    """Rows that lie before a step that needs all rows, until it decides them."""
    dropped: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "dropped": dict(sorted(self.dropped.items())),
        }


class Counts:
    """Counters of one run, by step id in topological order."""

    def __init__(self, steps: Iterable[str]) -> None:
        self.steps: Mapping[str, StepCount] = {step: StepCount() for step in steps}

    def came(self, step: str) -> None:
        self.steps[step].rows_in += 1

    def wait(self, step: str) -> None:
        self.steps[step].waiting += 1

    def decided(self, step: str) -> None:
        self.steps[step].waiting = 0

    def went(self, step: str, rows: int = 1) -> None:
        self.steps[step].rows_out += rows

    def drop(self, mark: Drop) -> None:
        count = self.steps[mark.step]
        count.dropped[mark.reason] += 1
        count.failed += mark.failed

    @property
    def dropped(self) -> int:
        return sum(c.dropped.total() for c in self.steps.values())

    @property
    def failed(self) -> int:
        return sum(c.failed for c in self.steps.values())
