"""What sources of rows from files or the Hub share: where the rows are, under which licence, what their columns are
called, and what becomes of a row that cannot be used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.conversations.turns import is_unicode
from bezoar_data.runs.demo_mark import is_demo
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, Columns
from bezoar_data.runs.values import PLAIN
from bezoar_data.steps.base import Dropped, Source, SourceFacts
from bezoar_data.steps.sources.formats import FileRow, as_text, columns_as_text, read_file
from bezoar_data.steps.sources.hub import hub_facts, hub_records
from bezoar_data.steps.sources.readers import SourceFile, find_files
from bezoar_data.steps.sources.rows import Faults, FileShape, SourceRow, at, source_row, texts_of

__all__ = ["FileSource", "SourceRow", "at", "texts_of"]


class FileSource(Source):
    """A source whose rows stand in local files or in a dataset on the Hugging Face Hub. Subclasses write `take`."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("path", "hub"),)
    holds: ClassVar[str] = "row"
    """What one of its rows is, for the message that there is none."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The columns that each row must have, as this step calls them; declared as `writes` is."""
    instead: ClassVar[tuple[str, ...]] = ()
    """Columns of the source that serve in their place."""
    named_by: ClassVar[Mapping[str, str]] = {}
    """The settings that say what the source calls a column, by what this step calls it, besides `columns`."""
    tsv_columns: ClassVar[tuple[str, ...]] = ()
    """The columns of a TSV file without a header, where such files are known."""

    path: str | list[str] | None = Field(
        default=None,
        description="A file of rows (JSONL, JSON, CSV, TSV, Parquet; also .gz, .zst), a folder of them, a glob, or a "
        "list of these.",
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
    columns: dict[str, str] = Field(
        default={},
        description="What the source calls a column: {ours: theirs}. A path such as instances.0.input looks into lists "
        "and mappings.",
        examples=[{"inputs": "question"}],
    )
    keep: list[str] | dict[str, str] | Literal["all"] = Field(
        default=[],
        description="Other columns to take along as they are: their names, {name: new name}, or all. With all, those "
        "that are called as columns of lineage are (id, content_hash and their like) become source_id and so on.",
        examples=[["id_of_source"], {"id": "source_id"}],
    )
    on_bad_row: Literal["drop", "stop"] = Field(
        default="drop",
        description="A row that cannot be used (unreadable, or no text where one is needed) is dropped with its "
        "reason, or it stops the run before it begins, with every such row at its place.",
    )

    _expected: int | None = PrivateAttr(default=None)
    _as_text: dict[str, None] = PrivateAttr(default_factory=dict)
    """Columns of a Hub dataset that held what became text, as far as it was read."""

    @property
    def expected(self) -> int | None:
        return self._expected

    def facts(self) -> Sequence[SourceFacts]:
        self._either()
        if self.hub:
            return [self._hub_facts(self.hub)]
        demo = self.demo_names()
        return [
            SourceFacts(
                name=f.name,
                path=str(f.path),
                sha256=sha256_of(f.path),
                licence=self._licence(f.name),
                demo=f.name in demo,
                as_text=columns_as_text(f.path),
            )
            for f in self._files()
        ]

    def demo_names(self) -> Collection[str]:
        return () if self.hub else {f.name for f in self._files() if is_demo(f.path)}

    def names(self) -> Sequence[str]:
        self._either()
        return [self._hub_name(self.hub)] if self.hub else [f.name for f in self._files()]

    def _hub_name(self, dataset: str) -> str:
        return f"{dataset}/{self.data_dir}" if self.data_dir else dataset

    def _hub_facts(self, dataset: str) -> SourceFacts:
        facts = hub_facts(dataset, self.revision, self._licence(dataset))
        return replace(facts, name=self._hub_name(dataset), as_text=tuple(self._as_text))

    def _records(self) -> Iterator[SourceRow]:
        """All rows in order, from the Hub or from files."""
        if self.hub:
            facts = self._hub_facts(self.hub)
            for record in hub_records(self.hub, facts.revision, self.config, self.split, self.data_dir):
                values = {name: self._readable(name, value) for name, value in record.values.items()}
                yield self._row(facts.name, facts.revision, Path(self.hub), replace(record, values=values))
            return
        problems: list[Problem] = []
        header = self._shape.header(self._named)
        for file in self._files():
            try:
                for record in read_file(file.path, header=header, tsv_columns=self.tsv_columns):
                    yield self._row(file.name, "", file.path, record)
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)

    def _row(self, source: str, revision: str, file: Path, record: FileRow) -> SourceRow:
        return source_row(source, revision, file, record, self._named)

    def _readable(self, name: str, value: Any) -> Any:
        """A value of a Hub dataset as rows hold it; one that they cannot hold, an image say, as it is: few want it."""
        if type(value) in PLAIN:
            return value
        try:
            text = as_text(value)
        except InputError:
            return value
        if text != value:
            self._as_text[name] = None
        return text

    @cached_property
    def _named(self) -> Mapping[str, str]:
        return self._shape.named(self._settings())

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields}

    @classmethod
    def shape(cls) -> FileShape:
        return FileShape(cls.holds, cls.needs, cls.instead, cls.named_by, cls.tsv_columns)

    @cached_property
    def _shape(self) -> FileShape:
        return self.shape().under(self._settings())

    def _faults(self) -> Faults:
        where = self.hub or (self.path if isinstance(self.path, str) else ", ".join(self.path or []))
        return Faults(
            self._shape, where, read=self._named.values(), stop=self.on_bad_row == "stop", nothing=self._nothing()
        )

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        """The columns of one row; why it cannot be used (`row.dropped`); None for one that is not wanted."""
        raise NotImplementedError

    def rows_in(self) -> Iterator[tuple[SourceRow, Columns | Dropped]]:
        """All rows that are wanted, in order, with their columns or why they cannot be used."""
        for row in self._records():
            if (fault := row.record.fault) is not None:
                yield row, Dropped(fault.code, fault.message, raw=fault.words)
                continue
            found = self.take(row)
            if found is None:
                continue
            if not isinstance(found, Dropped):
                if self.keep:
                    found = {**self._kept(row, found), **found}
                try:
                    if not is_unicode(found):
                        found = row.dropped("not_unicode", "it holds half a surrogate pair")
                except RecursionError:
                    found = row.dropped("too_deep", "it is nested too deep")
            yield row, found

    def _kept(self, row: SourceRow, taken: Columns) -> Columns:
        """The columns of the row that are taken along as they are."""
        values = row.record.values
        if self.keep == "all":
            used = {self._named.get(name, name) for name in taken} - taken.keys()
            return {_own_name(name, values): value for name, value in values.items() if name not in used}
        names = self.keep if isinstance(self.keep, dict) else {name: name for name in self.keep}
        return {ours: values.get(theirs) for theirs, ours in names.items()}

    def read(self) -> Iterator[tuple[str, str, int, Columns | Dropped]]:
        """Local files are read once before the first row is given: what stops the run is then told before anything is
        paid for, all of it at once. A Hub dataset is not, as that would download it twice."""
        self._either()
        seen = None if self.hub else self._look_through(self.rows_in())
        yield from self._again(self.rows_in(), seen)

    def _look_through(self, rows: Iterable[tuple[SourceRow, Columns | Dropped]]) -> Faults:
        """Read everything once. Raises `InputError` where nothing can be used, and for bad rows that are to stop."""
        faults = self._faults()
        for row, found in rows:
            faults.see(row, found)
        faults.raise_if_empty()
        faults.raise_if_stopping()
        self._expected = faults.rows
        return faults

    def _again(
        self, rows: Iterable[tuple[SourceRow, Columns | Dropped]], seen: Faults | None
    ) -> Iterator[tuple[str, str, int, Columns | Dropped]]:
        """The rows that leave. Raises `InputError` where none can be used, or a file is no longer what was `seen`."""
        faults = self._faults()
        for row, found in rows:
            faults.see(row, found, at_once=True)
            if seen is not None and faults.bad > seen.bad:
                message = f"the file changed while it was read: {faults.last}"
                raise InputError(Problem("source-changed", message, Place(str(row.file), row.record.line)))
            yield row.source, row.revision, row.record.index, found
        faults.raise_if_empty()

    def _nothing(self) -> tuple[str, str] | None:
        """What to say where no row leaves it, and the remedy, where that is not the usual one."""
        return None

    def _files(self) -> list[SourceFile]:
        return find_files(self.path or [])

    def _licence(self, source: str) -> str | None:
        return self.licence.get(source) if isinstance(self.licence, dict) else self.licence

    def _either(self) -> None:
        if bool(self.path) == bool(self.hub):
            raise InputError(Problem("missing-key", f"{self.use} needs either `path` or `hub`"))


def _own_name(name: str, others: Collection[str]) -> str:
    """The name of a column that is taken along: one of lineage is another's lineage here."""
    if name not in (*LINEAGE_COLUMNS, RESERVED):
        return name
    name = f"source_{name.lstrip('_')}"
    while name in others:
        name = f"source_{name}"
    return name
