"""What sources of rows from files or the Hub share: where the rows are, under which licence, what their columns are
called, and what becomes of a row that cannot be used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.words import is_blank
from bezoar_data.runs.conversations.turns import is_unicode
from bezoar_data.runs.demo_mark import is_demo
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, Columns
from bezoar_data.steps.base import Dropped, Source, SourceFacts
from bezoar_data.steps.sources.formats import FileRow, is_missing, read_file
from bezoar_data.steps.sources.hub import hub_facts, hub_records
from bezoar_data.steps.sources.readers import BadRows, SourceFile, find_files


@dataclass(slots=True)
class SourceRow:
    """A row as read, with the name and revision of its source and, for messages, the file it stands in. `values` are
    its columns under the names that the step knows them by."""

    source: str
    revision: str
    file: Path
    record: FileRow
    values: Mapping[str, Any]

    def dropped(self, reason: str, detail: str) -> Dropped:
        """The verdict that it cannot be used, with its words."""
        words = json.dumps(self.record.values, ensure_ascii=False, default=str)
        return Dropped(reason, detail, raw=words.encode("utf-8", "backslashreplace").decode())


class FileSource(Source):
    """A source whose rows stand in local files or in a dataset on the Hugging Face Hub. Subclasses write `take`."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("path", "hub"),)
    holds: ClassVar[str] = "row"
    """What one of its rows is, for the message that there is none."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The columns that each row must have, as this step calls them."""
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
        return replace(hub_facts(dataset, self.revision, self._licence(dataset)), name=self._hub_name(dataset))

    def _records(self) -> Iterator[SourceRow]:
        """All rows in order, from the Hub or from files."""
        if self.hub:
            facts = self._hub_facts(self.hub)
            for record in hub_records(self.hub, facts.revision, self.config, self.split, self.data_dir):
                yield self._row(facts.name, facts.revision, Path(self.hub), record)
            return
        problems: list[Problem] = []
        for file in self._files():
            try:
                for record in read_file(file.path, header=self._needed(), tsv_columns=self.tsv_columns):
                    yield self._row(file.name, "", file.path, record)
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)

    def _row(self, source: str, revision: str, file: Path, record: FileRow) -> SourceRow:
        values = record.values
        if self._named:
            values = {**values, **{ours: at(values, theirs) for ours, theirs in self._named.items()}}
        return SourceRow(source, revision, file, record, values)

    def _needed(self) -> list[str]:
        """What the source calls the columns that each row must have."""
        return [self._named.get(name, name).partition(".")[0] for name in self.needs]

    @cached_property
    def _named(self) -> Mapping[str, str]:
        """What the source calls a column, by what this step calls it; columns of one name need not be among them."""
        named = {ours: getattr(self, setting) for ours, setting in self.named_by.items()}
        return {**{ours: theirs for ours, theirs in named.items() if theirs}, **self.columns}

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
                if not is_unicode(found):
                    found = row.dropped("not_unicode", "it holds half a surrogate pair")
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

    def _look_through(self, rows: Iterable[tuple[SourceRow, Columns | Dropped]]) -> _Faults:
        """Read everything once. Raises `InputError` where nothing can be used, and for bad rows that are to stop."""
        faults = _Faults(self)
        for row, found in rows:
            faults.see(row, found)
        faults.raise_if_empty()
        faults.raise_if_stopping()
        self._expected = faults.rows
        return faults

    def _again(
        self, rows: Iterable[tuple[SourceRow, Columns | Dropped]], seen: _Faults | None
    ) -> Iterator[tuple[str, str, int, Columns | Dropped]]:
        """The rows that leave. Raises `InputError` where none can be used, or a file is no longer what was `seen`."""
        faults = _Faults(self)
        for row, found in rows:
            faults.see(row, found, at_once=True)
            if seen is not None and faults.bad > seen.bad:
                message = f"the file changed while it was read: {faults.last}"
                raise InputError(Problem("source-changed", message, Place(str(row.file), row.record.line)))
            yield row.source, row.revision, row.record.index, found
        faults.raise_if_empty()

    def how_to_name(self, ours: str, theirs: str) -> str:
        """The setting that says what the source calls a column."""
        return f"{self.named_by[ours]}: {theirs}" if ours in self.named_by else f"columns: {{{ours}: {theirs}}}"

    def _nothing(self) -> tuple[str, str]:
        """What to say where no row leaves it, and the remedy."""
        return f"there is no {self.holds} in it", "is it the right file?"

    def _files(self) -> list[SourceFile]:
        return find_files(self.path or [])

    def _licence(self, source: str) -> str | None:
        return self.licence.get(source) if isinstance(self.licence, dict) else self.licence

    def _either(self) -> None:
        if bool(self.path) == bool(self.hub):
            raise InputError(Problem("missing-key", f"{self.use} needs either `path` or `hub`"))


class _Faults:
    """Rows of a source that cannot be used: the first few at their places, all of them counted."""

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self._bad = BadRows()
        self._reasons: Counter[str] = Counter()
        self.rows = 0
        self.last = ""
        """What is wrong with the last one."""

    @property
    def bad(self) -> int:
        return self._bad.count

    def see(self, row: SourceRow, found: Columns | Dropped, *, at_once: bool = False) -> None:
        self.rows += 1
        if isinstance(found, Dropped):
            self._reasons[found.reason] += 1
            self.last = found.detail
            where = "" if row.record.line else f" in row {row.record.index + 1}"
            self._bad.add(found.reason, f"{found.detail}{where}", row.file, row.record.line, self._hint(row, found))
            if at_once:
                self.raise_if_stopping()

    def raise_if_stopping(self) -> None:
        if self._source.on_bad_row == "stop":
            self._bad.raise_if_any()

    def raise_if_empty(self) -> None:
        """Raises `InputError` where no row can be used."""
        source = self._source
        if self.rows > self.bad:
            return
        if not self.rows:
            path = source.path if isinstance(source.path, str) else ", ".join(source.path or [])
            message, hint = source._nothing()
            raise InputError(Problem("empty-source", f"no rows: {message}", Place(source.hub or path), hint))
        if self._source.on_bad_row == "stop":
            self._bad.raise_if_any()
        first = self._bad.problems[0]
        counted = ", ".join(f"{n:,} {reason}" for reason, n in self._reasons.most_common())
        message = f"none of the {self.rows:,} rows can be used ({counted}); the first: {first.message}"
        raise InputError(replace(first, code="empty-source", message=message))

    def _hint(self, row: SourceRow, found: Dropped) -> str:
        """What to write where a column is called otherwise."""
        if row.record.fault is not None:
            return row.record.fault.hint
        read = set(self._source._named.values())
        names = [name for name, value in row.record.values.items() if isinstance(value, str) and name not in read]
        missing = next((n for n in self._source.needs if is_missing(row.values.get(n))), None)
        if missing is None or not row.record.values:
            return ""
        likely = next((n for n in (*LIKELY, *names) if n in names), "NAME")
        return f"write {self._source.how_to_name(missing, likely)}; the row has {', '.join(row.record.values)}"


def _own_name(name: str, others: Collection[str]) -> str:
    """The name of a column that is taken along: one of lineage is another's lineage here."""
    if name not in (*LINEAGE_COLUMNS, RESERVED):
        return name
    name = f"source_{name.lstrip('_')}"
    while name in others:
        name = f"source_{name}"
    return name


LIKELY = ("instruction", "question", "prompt", "inputs", "input", "query", "problem", "text")
"""What the column with the question is usually called."""


def texts_of(
    row: SourceRow, names: Sequence[str], *, empty: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, str] | Dropped:
    """The texts in these columns of a row, or why there is none in one of them: `missing`, `not_text`, `not_unicode`
    (half a surrogate pair, which no file of text can hold), or `empty` where that is not among those allowed to be.
    What is `optional` may be missing: it is then an empty text."""
    texts: dict[str, str] = {}
    values = row.values
    for name in names:
        value = values.get(name)
        if not isinstance(value, str):
            if not is_missing(value):
                return row.dropped("not_text", f"'{name}' is not text but {type(value).__name__}")
            if name not in optional:
                return row.dropped("missing", f"no text in '{name}'")
            value = ""
        if name not in empty and is_blank(value):
            return row.dropped("empty", f"'{name}' is empty")
        if not value.isascii() and not is_unicode(value):
            return row.dropped("not_unicode", f"'{name}' holds half a surrogate pair")
        texts[name] = value
    return texts


def at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where the path leads nowhere. A column of that very name comes first."""
    if path in values:
        return values[path]
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list | tuple) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
