"""What sources of rows from files or the Hub share: where the rows are, under which licence, and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field, PrivateAttr

from bezoar_data.spec.errors import InputError, Problem
from bezoar_data.steps.base import Source, SourceFacts
from bezoar_data.steps.sources.readers import SourceFile, find_files


class FileSource(Source):
    """A source whose rows stand in local files or in a dataset on the Hugging Face Hub."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("path", "hub"),)

    path: str | list[str] | None = Field(
        default=None,
        description="A JSONL, Parquet or TSV file, a folder of them, a glob, or a list of these.",
        json_schema_extra={"path": "input"},
    )
    hub: str | None = Field(
        default=None, pattern=r"^[\w.-]+(/[\w.-]+)?$", description="A dataset on the Hub instead of files: owner/name."
    )
    revision: str | None = Field(default=None, description="The Hub dataset's commit, tag or branch.")
    config: str | None = Field(default=None, description="The Hub dataset's configuration.")
    split: str = Field(default="train", description="The Hub dataset's split.")
    licence: str | dict[str, str] | None = Field(
        default=None,
        description="The rows' licence as an SPDX id, or an id for each file by its name (other files then have none "
        "stated). A Hub dataset has its card's unless one is given here.",
    )

    _expected: int | None = PrivateAttr(default=None)

    @property
    def expected(self) -> int | None:
        return self._expected

    def facts(self) -> Sequence[SourceFacts]:
        self._either()
        if self.hub:
            from bezoar_data.steps.sources.hub import hub_facts

            return [hub_facts(self.hub, self.revision, self._licence(self.hub))]
        return [
            SourceFacts(name=f.name, path=str(f.path), sha256=sha256_of_file(f.path), licence=self._licence(f.name))
            for f in self._files()
        ]

    def _files(self) -> list[SourceFile]:
        return find_files(self.path or [])

    def _licence(self, source: str) -> str | None:
        return self.licence.get(source) if isinstance(self.licence, dict) else self.licence

    def _either(self) -> None:
        if bool(self.path) == bool(self.hub):
            raise InputError(Problem("missing-key", f"{self.use} needs either `path` or `hub`"))


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
