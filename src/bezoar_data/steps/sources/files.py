"""What sources of rows from files or the Hub share: where the rows are, under which licence, and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import Field, PrivateAttr

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.steps.base import Source, SourceFacts
from bezoar_data.steps.sources.readers import Faults, Record, SourceFile, find_files, read_records

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Sourced:
    """A row as read, with the name and revision of its source and, for messages, the file it stands in."""

    source: str
    revision: str
    file: Path
    record: Record

    @property
    def where(self) -> str:
        """Which row it is, in words, where there is no line to name."""
        return "" if self.record.line else f" in row {self.record.index + 1}"


class FileSource(Source):
    """A source whose rows stand in local files or in a dataset on the Hugging Face Hub."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("path", "hub"),)

    path: str | list[str] | None = Field(
        default=None,
        description="A JSONL, Parquet or TSV file, a folder of them, a glob, or a list of these.",
        examples=["rows.jsonl", "data/*.parquet"],
        json_schema_extra={"path": "input"},
    )
    hub: str | None = Field(
        default=None,
        pattern=r"^[\w.-]+(/[\w.-]+)?$",
        description="A dataset on the Hub instead of files: owner/name.",
        examples=["databricks/databricks-dolly-15k"],
    )
    revision: str | None = Field(
        default=None, description="The Hub dataset's commit, tag or branch.", examples=["main"]
    )
    config: str | None = Field(default=None, description="The Hub dataset's configuration.", examples=["default"])
    data_dir: str | None = Field(
        default=None, description="The folder of the Hub dataset to read, if not all of it.", examples=["helpful-base"]
    )
    split: str = Field(default="train", description="The Hub dataset's split.")
    licence: str | dict[str, str] | None = Field(
        default=None,
        description="The rows' licence as an SPDX id, or an id for each file by its name (other files then have none "
        "stated). A Hub dataset has its card's unless one is given here.",
        examples=["CC-BY-SA-3.0", {"rows.jsonl": "CC0-1.0"}],
    )

    _expected: int | None = PrivateAttr(default=None)

    @property
    def expected(self) -> int | None:
        return self._expected

    def facts(self) -> Sequence[SourceFacts]:
        self._either()
        if self.hub:
            return [self._hub_facts(self.hub)]
        return [
            SourceFacts(name=f.name, path=str(f.path), sha256=sha256_of_file(f.path), licence=self._licence(f.name))
            for f in self._files()
        ]

    def names(self) -> Sequence[str]:
        self._either()
        return [self._hub_name(self.hub)] if self.hub else [f.name for f in self._files()]

    def _hub_name(self, dataset: str) -> str:
        return f"{dataset}/{self.data_dir}" if self.data_dir else dataset

    def _hub_facts(self, dataset: str) -> SourceFacts:
        from bezoar_data.steps.sources.hub import hub_facts

        return replace(hub_facts(dataset, self.revision, self._licence(dataset)), name=self._hub_name(dataset))

    def _records(
        self, faults: Faults, *, need: Collection[str] = (), tsv_columns: Sequence[str] = ()
    ) -> Iterator[Sourced]:
        """All rows in order, from the Hub or from files; what cannot be read goes to `faults`."""
        if self.hub:
            from bezoar_data.steps.sources.hub import hub_records

            facts = self._hub_facts(self.hub)
            for record in hub_records(self.hub, facts.revision, self.config, self.split, self.data_dir):
                yield Sourced(facts.name, facts.revision, Path(self.hub), record)
            return
        for file in self._files():
            for record in read_records(file.path, faults, need=need, tsv_columns=tsv_columns):
                yield Sourced(file.name, "", file.path, record)

    def _looked_through(
        self, found: Callable[[Faults], Iterator[_Found]], why_none: str, hint: str
    ) -> Iterator[_Found]:
        """All that `found` finds. Local files are gone through once before the first is given, so that all faults are
        told together, and before anything is paid for; a Hub dataset is not, as that would download it twice."""
        self._either()
        if not self.hub:
            faults = Faults()
            self._expected = sum(1 for _ in found(faults))
            faults.raise_if_any()
        empty = True
        for one in found(Faults(at_once=True)):
            empty = False
            yield one
        if empty:
            raise InputError(self._empty(why_none, hint))

    def _empty(self, message: str, hint: str) -> Problem:
        name = self.hub or (self.path if isinstance(self.path, str) else ", ".join(self.path or []))
        return Problem("empty-source", f"no rows: {message}", Place(name), hint)

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


def texts_of(found: Sourced, names: Sequence[str], faults: Faults, hint: str) -> dict[str, str] | None:
    """The texts in these columns of a row; None, and a fault, where one of them is not there."""
    values = found.record.values
    bad = next((name for name in names if not isinstance(values.get(name), str)), None)
    if bad is None:
        return {name: values[name] for name in names}
    has = f"{hint}; this one has {', '.join(values)}"
    faults.add("missing-column", f"no text in '{bad}'{found.where}", found.file, found.record.line, has)
    return None
