"""What sources of rows from files or the Hub share: where the rows are, under which licence, and what they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field, PrivateAttr

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Source, SourceFacts
from bezoar_data.steps.sources.hub import hub_facts, hub_records
from bezoar_data.steps.sources.readers import BadRows, FileRow, SourceFile, find_files, read_records


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row as read, with the name and revision of its source and, for messages, the file it stands in."""

    source: str
    revision: str
    file: Path
    record: FileRow

    @property
    def where(self) -> str:
        """Which row it is, for a message, where there is no line to name."""
        return "" if self.record.line else f" in row {self.record.index + 1}"


class FileSource(Source):
    """A source whose rows stand in local files or in a dataset on the Hugging Face Hub. Subclasses write `take`."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("path", "hub"),)
    holds: ClassVar[str] = "row"
    """What one of its rows is, for the message that there is none."""
    tsv_columns: ClassVar[tuple[str, ...]] = ()

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
            SourceFacts(name=f.name, path=str(f.path), sha256=sha256_of(f.path), licence=self._licence(f.name))
            for f in self._files()
        ]

    def names(self) -> Sequence[str]:
        self._either()
        return [self._hub_name(self.hub)] if self.hub else [f.name for f in self._files()]

    def _hub_name(self, dataset: str) -> str:
        return f"{dataset}/{self.data_dir}" if self.data_dir else dataset

    def _hub_facts(self, dataset: str) -> SourceFacts:
        return replace(hub_facts(dataset, self.revision, self._licence(dataset)), name=self._hub_name(dataset))

    def _records(
        self, bad_rows: BadRows, *, need: Collection[str] = (), tsv_columns: Sequence[str] = ()
    ) -> Iterator[SourceRow]:
        """All rows in order, from the Hub or from files; what cannot be read goes to `bad_rows`."""
        if self.hub:
            facts = self._hub_facts(self.hub)
            for record in hub_records(self.hub, facts.revision, self.config, self.split, self.data_dir):
                yield SourceRow(facts.name, facts.revision, Path(self.hub), record)
            return
        for file in self._files():
            for record in read_records(file.path, bad_rows, need=need, tsv_columns=tsv_columns):
                yield SourceRow(file.name, "", file.path, record)

    def columns_needed(self) -> Sequence[str]:
        """Columns that a table must have for `take`; those of a TSV file without a header are `tsv_columns`."""
        return ()

    def take(self, row: SourceRow, bad_rows: BadRows) -> Columns | None:
        """The columns of one row; None for a row to leave out, which is added to `bad_rows` if it is wrong."""
        raise NotImplementedError

    def rows_in(self, bad_rows: BadRows) -> Iterator[tuple[SourceRow, Columns]]:
        """All rows with their columns, in order; bad ones go to `bad_rows`."""
        for row in self._records(bad_rows, need=self.columns_needed(), tsv_columns=self.tsv_columns):
            columns = self.take(row, bad_rows)
            if columns is not None:
                yield row, columns

    def read(self) -> Iterator[tuple[str, str, int, Columns]]:
        """Local files are read once before the first row is given, so that all bad rows are reported together, and
        before anything is paid for; a Hub dataset is not, as that would download it twice."""
        self._either()
        if not self.hub:
            bad_rows = BadRows()
            self._expected = sum(1 for _ in self.rows_in(bad_rows))
            bad_rows.raise_if_any()
        empty = True
        for row, columns in self.rows_in(BadRows(at_once=True)):
            empty = False
            yield row.source, row.revision, row.record.index, columns
        if empty:
            raise InputError(self._empty(f"there is no {self.holds} in it", self._why_empty()))

    def _why_empty(self) -> str:
        return "is it the right file?"

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


def texts_of(row: SourceRow, names: Sequence[str], bad_rows: BadRows, hint: str) -> dict[str, str] | None:
    """The texts in these columns of a row; None, and a bad row, where one of them is not there."""
    values = row.record.values
    bad = next((name for name in names if not isinstance(values.get(name), str)), None)
    if bad is None:
        return {name: values[name] for name in names}
    has = f"{hint}; this one has {', '.join(values)}"
    bad_rows.add("missing-column", f"no text in '{bad}'{row.where}", row.file, row.record.line, has)
    return None
