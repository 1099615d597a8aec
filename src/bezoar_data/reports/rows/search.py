"""Finding the row that a person means, in the run they name or in those of the project, the newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.reports.rows.files import FoundRow, RowFiles, excerpt

MOST = 20
"""Rows that are told where several are found."""


@dataclass(frozen=True, slots=True)
class Match:
    """A row in which a text was found: in which column, and the words around it."""

    row: FoundRow
    column: str
    words: str

    def as_json(self) -> dict[str, Any]:
        drop = self.row.lineage.drop
        return {
            "id": self.row.id,
            "kept": self.row.kept,
            "reason": None if drop is None else drop.reason,
            "column": self.column,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Search:
    """The rows found in a run. `more` says that there are others."""

    run: Path
    matches: tuple[Match, ...]
    more: bool


def newest_first(folders: Iterable[Path]) -> list[Path]:
    """Those of the folders in which a run has left a dataset, the one that was finished last first."""
    finished = [
        (lock.stat().st_mtime, folder) for folder in folders if (lock := folder / "dataset/lock.json").is_file()
    ]
    return [folder for _, folder in sorted(finished, reverse=True)]


def find_row(runs: Iterable[Path], start: str) -> tuple[Path, FoundRow]:
    """The row whose id begins so, and the first of the runs that holds it. Raises `InputError` where none does, or
    several rows of that run begin so."""
    runs = list(runs)
    for run in runs:
        found = RowFiles.of(run).by_id(start, MOST + 1)
        if len(found) == 1:
            return run, found[0]
        if found:
            ids = ", ".join(row.id[: len(start) + 6] for row in found[:MOST])
            count = f"more than {MOST}" if len(found) > MOST else len(found)
            message = f"{count} rows begin with '{printable(start)}': {ids}"
            raise InputError(Problem("several-rows", message, Place(str(run)), "give more letters of the one you mean"))
    raise _unknown(runs, f"has an id that begins with '{printable(start)}'", "--find looks for a text")


def find_text(runs: Iterable[Path], text: str) -> Search:
    """The rows of the first run that holds the text. Raises `InputError` where none does."""
    runs = list(runs)
    for run in runs:
        found = RowFiles.of(run).by_text(text, MOST + 1)
        if found:
            matches = tuple(Match(row, *excerpt(text, row)) for row in found[:MOST])
            return Search(run, matches, len(found) > MOST)
    raise _unknown(runs, f"holds the text '{printable(text)}'", "case is ignored")


def _unknown(runs: list[Path], what: str, hint: str) -> InputError:
    one = len(runs) == 1
    said = f"no row {what}" + ("" if one else f", in any of {len(runs)} runs")
    ids = "ids are in the column `id` of the dataset and of dropped.parquet"
    return InputError(Problem("unknown-row", said, Place(str(runs[0])) if one else None, f"{ids}; {hint}"))
