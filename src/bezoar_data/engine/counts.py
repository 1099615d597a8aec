"""What happened to the rows at each step, counted as it happens: for the progress display, the lock and the card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.runs.row import Drop, Lineage


@dataclass(slots=True)
class StepCount:
    """Rows that came to a step, went on from it (children counted), and were dropped by it, by reason."""

    rows_in: int = 0
    rows_out: int = 0
    waiting: int = 0
    """Rows that lie before a step that needs all rows, until it decides them."""
    dropped: Counter[str] = field(default_factory=Counter)
    soft_failures: Counter[str] = field(default_factory=Counter)
    """Rows that went on although the step failed at them, by reason."""
    flags: Counter[str] = field(default_factory=Counter)
    """Rows that went on although the step found something in them, by reason."""
    failed: Counter[str] = field(default_factory=Counter)
    """Rows that the step failed at, dropped or not, by reason."""
    words: dict[str, str] = field(default_factory=dict)
    """What was said of the first row that failed for a reason: mostly the words of a model's endpoint."""

    def fail(self, mark: Drop) -> None:
        if mark.failed:
            self.failed[mark.reason] += 1
            if mark.detail:
                self.words.setdefault(mark.reason, mark.detail)

    def as_json(self) -> dict[str, Any]:
        counted = {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "dropped": dict(sorted(self.dropped.items())),
        }
        more = {"missed": self.soft_failures, "noted": self.flags}
        return counted | {name: dict(sorted(n.items())) for name, n in more.items() if n}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found in a row and reports with facts. `kept` says that the row went on all the same."""

    row: str
    order: tuple[int, ...]
    mark: Drop
    kept: bool


class Counts:
    """Counters of one run, by step id in topological order, and what steps report of single rows."""

    def __init__(self, steps: Iterable[str]) -> None:
        self.steps: Mapping[str, StepCount] = {step: StepCount() for step in steps}
        self._findings: list[Finding] = []

    def came(self, step: str) -> None:
        self.steps[step].rows_in += 1

    def wait(self, step: str) -> None:
        self.steps[step].waiting += 1

    def decided(self, step: str) -> None:
        self.steps[step].waiting = 0

    def went(self, step: str, rows: int = 1) -> None:
        self.steps[step].rows_out += rows

    def drop(self, mark: Drop, row: Lineage | None = None) -> None:
        count = self.steps[mark.step]
        self._find(mark, row, kept=False)
        count.dropped[mark.reason] += 1
        count.fail(mark)

    def soft_failure(self, mark: Drop) -> None:
        count = self.steps[mark.step]
        count.soft_failures[mark.reason] += 1
        count.fail(mark)

    def flag(self, mark: Drop, row: Lineage) -> None:
        self.steps[mark.step].flags[mark.reason] += 1
        self._find(mark, row, kept=True)

    def _find(self, mark: Drop, row: Lineage | None, *, kept: bool) -> None:
        if mark.facts is not None and row is not None:
            self._findings.append(Finding(row.id, row.order, mark, kept))

    def findings(self, step: str) -> list[Finding]:
        """What a step reports, in the order of the rows: whatever the concurrency, the same."""
        return sorted((f for f in self._findings if f.mark.step == step), key=lambda f: (f.order, f.row))

    @property
    def dropped(self) -> int:
        return sum(c.dropped.total() for c in self.steps.values())

    @property
    def failed(self) -> int:
        return sum(c.failed.total() for c in self.steps.values())
