"""What there is to hold a card's claims against: its rows and lock, and what lies beside them where it is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bezoar_data.cards.claims.rows import DroppedFacts, RowFacts
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import Card, check_front
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.lock import DataFile, Lock
from bezoar_data.runs.parquet import readable
from bezoar_data.runs.published import beside, pipeline_of
from bezoar_data.runs.reviewed import read_answers

_SHOWN = 5
"""So many rows are named."""


@dataclass
class Evidence:
    """A dataset's folder, read once. `problems` is what was found wrong while it was read."""

    folder: Path
    lock: Lock
    card: Card
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = RowFacts(self.lock)
        for file in self.lock.data:
            self.problems += self._read(file)

    @property
    def lock_place(self) -> Place:
        return Place(str(self.folder / "lock.json"))

    @cached_property
    def malformed(self) -> list[Problem]:
        """What is wrong with the front matter in itself."""
        return check_front(self.card, tuple(self.lock.columns))

    @property
    def is_malformed(self) -> bool:
        return any(problem.level == "error" for problem in self.malformed)

    @cached_property
    def dropped(self) -> DroppedFacts | None:
        """None where the rows that were dropped are not at hand, or cannot be read."""
        path = self.beside("dropped.parquet")
        if path is None:
            return None
        try:
            return DroppedFacts.read(path)
        except InputError as error:
            self.problems += error.problems
            return None

    @cached_property
    def answers(self) -> list[dict[str, Any]] | None:
        """What people answered in review; None where that is not at hand."""
        path = self.beside("review.parquet")
        if path is None:
            return None
        try:
            return read_answers(path)
        except InputError as error:
            self.problems += error.problems
            return None

    @cached_property
    def pipeline(self) -> Path | None:
        """The pipeline as it was run: beside the dataset's folder, or in it."""
        return pipeline_of(self.folder)

    @cached_property
    def journal(self) -> Path | None:
        """The journal of the run, as far as it noted where that is; None where it is not at hand."""
        if self.beside("made_from.json") is None:
            return None
        try:
            path = Ingredients.of_run(RunFolder(self.folder.resolve().parent)).journal
        except (InputError, KeyError, ValueError, TypeError, AttributeError):
            return None
        return path if path is not None and path.is_file() else None

    def beside(self, name: str) -> Path | None:
        """A file of the run's folder; None where there is none."""
        return beside(self.folder, name)

    def _read(self, file: DataFile) -> Iterator[Problem]:
        path = self.folder / file.path
        place = Place(str(path))
        if not path.is_file() or not path.resolve().is_relative_to(self.folder.resolve()):
            yield Problem("file-missing", "the lock names this file, but it is not there", place)
            return
        changed = sha256_of(path) != file.sha256
        if changed:
            yield Problem("file-changed", "the file is not the one that the lock names: its hash differs", place)
        try:
            with readable(path):
                wrong = list(self.rows.read(path, file.path, file.split))
        except InputError as error:
            yield from error.problems
            return
        if wrong:
            yield Problem("rows-changed", f"rows were changed: {some(wrong)}", place)
        if file.bytes != path.stat().st_size:
            yield Problem(
                "file-differs", f"the lock says {file.bytes} bytes, the file has {path.stat().st_size}", place
            )
        if self.rows.by_file[file.path] != file.rows:
            message = f"the lock says {file.rows} rows, the file has {self.rows.by_file[file.path]}"
            yield Problem("rows-differ", message, place)


def some(names: list[str]) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
