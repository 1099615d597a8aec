"""How two runs differ, from Python and from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.paths import expand_home
from bezoar_data.reports.diff.diff import Diff
from bezoar_data.reports.diff.diff import diff as compared
from bezoar_data.reports.diff.html import diff_page, diff_piece
from bezoar_data.reports.diff.text import diff_text


@dataclass(frozen=True, slots=True)
class DiffReport:
    """How two runs differ. `print` it; a notebook shows it by itself."""

    diff: Diff

    def as_json(self) -> dict[str, Any]:
        return self.diff.as_json()

    def page(self) -> str:
        """A self-contained page for a browser."""
        return diff_page(self.diff)

    def text(self, *, full: bool = False) -> str:
        """Plain lines; without `full`, of many the first."""
        return diff_text(self.diff, full=full)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return diff_piece(self.diff)


def diff(first: str | Path, second: str | Path) -> DiffReport:
    """How the second run, or dataset, differs from the first. Raises `InputError`."""
    return DiffReport(compared(expand_home(first), expand_home(second)))
