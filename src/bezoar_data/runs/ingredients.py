"""What a finished dataset is made from besides its pipeline: answers, the files that its steps read, the card's
template. A run notes where they lie on this machine; `publish --with-answers` puts them beside the dataset.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import normalized
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import RunFolder, write_json
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.record import Record, as_json, parse

FOLDER = "answers"
"""Where they stand in a dataset that was published with them."""
MANIFEST = f"{FOLDER}/manifest.json"
ANSWERS = f"{FOLDER}/answers.jsonl.gz"
CARD = f"{FOLDER}/card.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersManifest(Record):
    """`answers/manifest.json`: what was published with a build, by path with its hash."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "manifest"
    IF_MISSING: ClassVar[str] = "the dataset was published without its answers"
    IF_OLDER: ClassVar[str] = "publish it again with --with-answers"

    lock: str
    entries: int
    files: Mapping[str, str]
    inputs: Mapping[str, str]
    """The files that steps read: by the path the pipeline knows them under, the path here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """A run's note: paths from its folder."""

    pipeline: str
    journal: str | None
    answers: tuple[str, ...]
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """`journal` is None where the recorded `answers` are all there is. `inputs` is by the paths that the pipeline file
    knows them under."""

    journal: Path | None
    answers: tuple[Path, ...]
    inputs: Mapping[str, Path]
    card: Path | None

    @classmethod
    def published(cls, dataset: Path) -> Ingredients | None:
        """Those that stand beside a dataset; None where there are none."""
        if not (dataset / MANIFEST).exists():
            return None
        manifest = AnswersManifest.read(dataset / MANIFEST)
        inputs = {name: dataset / path for name, path in manifest.inputs.items()}
        return cls(None, (dataset / ANSWERS,), inputs, dataset / CARD if CARD in manifest.files else None)

    @classmethod
    def of_run(cls, folder: RunFolder) -> Ingredients:
        """Those that a run noted. Raises `InputError` where none did."""
        place = Place(str(folder.made_from))
        try:
            noted = parse(_Noted, json.loads(folder.made_from.read_text("utf-8")))
        except FileNotFoundError:
            message = "neither answers beside the dataset nor a run's note say what it was made from"
            hint = "run the same pipeline again, every answer comes from the journal; or pull one with answers"
            raise InputError(Problem("no-answers", message, Place(str(folder.path)), hint)) from None
        except (OSError, ValueError, RecursionError):
            message, hint = "this note of what the run was made from cannot be read", "run the same pipeline again"
            raise InputError(Problem("note-malformed", message, place, hint)) from None

        def from_here(path: str) -> Path:  # a project that was moved as a whole still finds them
            return normalized(folder.path / path)

        inputs = {name: from_here(path) for name, path in noted.inputs.items()}
        answers = tuple(from_here(path) for path in noted.answers)
        journal = None if noted.journal is None else from_here(noted.journal)
        return cls(journal, answers, inputs, folder.card if folder.card.exists() else None)

    def note(self, folder: RunFolder, pipeline: Path) -> None:
        """Write down where they are, and the pipeline file, for this machine alone."""

        def from_there(path: Path) -> str:
            return os.path.relpath(path, folder.path)

        noted = _Noted(
            pipeline=from_there(pipeline),
            journal=from_there(self.journal) if self.journal else None,
            answers=tuple(from_there(path) for path in self.answers),
            inputs={name: from_there(path) for name, path in self.inputs.items()},
        )
        write_json(folder.made_from, as_json(noted))


def check_published(dataset: Path, stated: Mapping[str, Any]) -> Iterator[Problem]:
    """What of the answers beside a dataset is not as its card says (`bezoar: answers`)."""
    manifest, place = dataset / MANIFEST, Place(str(dataset / MANIFEST))
    if not manifest.is_file() or sha256_of(manifest) != stated.get("sha256"):
        yield Problem("file-changed", "the list of answers is not the one that the card names, or not there", place)
        return
    found = AnswersManifest.read(manifest)
    if found.entries != stated.get("entries"):
        message = f"the card says {stated.get('entries')} answers, their list {found.entries}"
        yield Problem("counts-differ", message, place)
    for path, sha256 in found.files.items():
        file = dataset / path
        if not file.resolve().is_relative_to(dataset.resolve()) or not file.is_file() or sha256_of(file) != sha256:
            message = "the file is not the one that the list of answers names, or not there"
            yield Problem("file-changed", message, Place(str(file)))
