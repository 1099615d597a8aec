"""What an export wrote, and what became of all other rows: as values, and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bezoar_data.cards.export.views import ChosenView
from bezoar_data.config.sanitize import printable


@dataclass
class Exported:
    """The files with their rows, and what became of all others."""

    form: str
    view: ChosenView
    accepted: str | None
    """Which rows are accepted; None: all, or nothing says it."""
    by_person: bool
    """Whether a person chose the rows, and not what is accepted."""
    demo: bool
    files: dict[str, tuple[Path, int]] = field(default_factory=dict)
    """File and rows by split."""
    beside: list[Path] = field(default_factory=list)
    """Files that say how the others are read."""
    rejected: int = 0
    undecided: int = 0
    """Rows that were not accepted: left out, or, where a person chose the rows, among those taken."""
    not_chosen: int = 0
    corrected: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    """What it was in the first row that was left out for a reason."""
    cut: Counter[str] = field(default_factory=Counter)
    """Rows of which something was not written that says nothing to a model, by its name."""

    @property
    def rows(self) -> int:
        return sum(count for _, count in self.files.values())

    def leave_out(self, reason: str, detail: str) -> None:
        self.left_out[reason] += 1
        self.details.setdefault(reason, detail)

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.form,
            "files": [{"file": str(path), "split": split, "rows": rows} for split, (path, rows) in self.files.items()],
            "beside": [str(path) for path in self.beside],
            "rows": self.rows,
            "view": {"kind": self.view.kind, "columns": dict(self.view.columns), "from": self.view.source},
            "accepted": self.accepted,
            "rejected": self.rejected,
            "undecided": self.undecided,
            "not_chosen": self.not_chosen,
            "left_out": dict(sorted(self.left_out.items())),
            "not_written": dict(sorted(self.cut.items())),
            "corrected": self.corrected,
            "demo": self.demo,
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for path, count in self.files.values():
            yield f"{path}: {_rows(count)} as {self.form}"
        yield from (f"{path}: says how the trainer reads them" for path in self.beside)
        if self.view.source == "names":
            yield f"  read by the names of the columns ({self.view}), as no card has a view"
        if self.not_chosen:
            yield f"  {_rows(self.not_chosen)} not chosen by --where"
        yield from self._not_accepted()
        for reason, count in sorted(self.left_out.items()):
            yield f"  {_rows(count)} left out: {reason} (the first: {printable(self.details[reason], 120)})"
        for name, count in sorted(self.cut.items()):
            yield f"  {_rows(count)} written without {printable(name, 60)}, for which the format has no place"
        if self.corrected:
            yield f"  {_rows(self.corrected)} with the response that people corrected; --original leaves it"
        if not self.rows:
            yield "  no row was written: trainers cannot load an empty file"
        if self.demo:
            yield "  demo: made of shipped rows or by models that only show the flow; not for training or publishing"

    def _not_accepted(self) -> Iterator[str]:
        counted = ((self.rejected, "rejected"), (self.undecided, "undecided"))
        counts = " and ".join(f"{count:,} {what}" for count, what in counted if count)
        if counts and self.by_person:
            yield f"  among them {counts} (accepted: {self.accepted})"
        elif counts:
            yield f"  {counts} left out (accepted: {self.accepted}); --all takes them"


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
