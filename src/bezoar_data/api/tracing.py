"""The whole story of a row, and rows found by a text, from Python and from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.journal.places import run_folders
from bezoar_data.reports.rows.html import story_piece
from bezoar_data.reports.rows.search import Search, find_row, find_text, newest_first
from bezoar_data.reports.rows.story import Stories, Story
from bezoar_data.reports.rows.terminal import printed, show_story
from bezoar_data.runs.project import find_journal


@dataclass(frozen=True, slots=True)
class TracedRow:
    """A row with all that happened to it. `print` it; a notebook shows it by itself."""

    run: Path
    story: Story

    def as_json(self) -> dict[str, Any]:
        return {"run": str(self.run), **self.story.as_json()}

    def show(self, console: Console, *, full: bool = False) -> None:
        show_story(self.story, console, full=full)

    def __str__(self) -> str:
        return printed(self.show)

    def _repr_html_(self) -> str:
        return story_piece(self.story)


def trace(row: str, run: str | Path | None = None, *, journal: str | Path | None = None) -> TracedRow:
    """The whole story of a row, kept or dropped, by its id or the first letters of it.

    Without `run`, of the newest run of the project that holds it; `journal` is looked into in the place of that run's.
    Raises `InputError` where there is no such row, or several.
    """
    named = None if journal is None else expand_home(journal)
    where, found = find_row(_runs(run, named), row)
    with Stories.open(where, named) as stories:
        return TracedRow(where, stories.of(found, with_parents=True))


def find(text: str, run: str | Path | None = None, *, journal: str | Path | None = None) -> Search:
    """The rows of a run, or of the newest of the project that holds some, in which a text stands. Raises
    `InputError` where there is none."""
    return find_text(_runs(run, None if journal is None else expand_home(journal)), text)


def _runs(run: str | Path | None, journal: Path | None) -> list[Path]:
    if run is not None:
        return [expand_home(run)]
    at = find_journal(journal)
    found = newest_first(run_folders(at))
    if not found:
        message = f"no finished run is known to the journal {at}"
        raise InputError(Problem("no-run", message, Place(str(at)), "name the run's folder with --run"))
    return found
