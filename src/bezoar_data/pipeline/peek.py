"""The first rows of a source's files, looked at before anything slow is imported: what cannot work costs a second.

Read are the first rows of text files and the schemas of Parquet files. Only where none of these rows can be used, or a
bad one is to stop the run, is more read, until it is sure that the run would fail. What is seen of the columns is told
to those who check expressions, as far as it holds of all rows: the whole of a small file, a header, a schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.pipeline.columns import Column, RowColumns
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, Columns
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.sources.formats import FileRow, extension, is_missing, read_file, reads_as_a_whole, schema_of
from bezoar_data.steps.sources.readers import SourceFile, find_files
from bezoar_data.steps.sources.rows import Faults, FileShape, SourceRow, source_row
from bezoar_data.steps.verdicts import Dropped

HEAD = 200
"""Rows that are read of a text file."""
_LARGEST_VALUE = 8 << 20
"""Bytes up to which a file that has to be read as a whole is."""
_TYPES = {str: "text", bool: "boolean", int: "integer", float: "number", list: "list", dict: "record"}


@dataclass(frozen=True, slots=True)
class Peeked:
    """What is wrong with the files of a source, and the columns of its rows; `warnings` are of its setting `keep`."""

    problems: Sequence[Problem]
    columns: RowColumns
    warnings: Sequence[str] = ()


def peek(step: str, entry: StepEntry, settings: Mapping[str, Any], paths: Sequence[Path]) -> Peeked:
    """Look at the files of a source that is set so. Without paths (a dataset of the Hub), nothing is looked at."""
    assert entry.files is not None  # noqa: S101
    source = _Source(entry.files, {s.field: s.default for s in entry.settings} | entry.fields(settings))
    keeps_all = source.settings.get("keep") == "all"
    try:
        files = find_files([relative_to_cwd(path) for path in paths])
        heads = source.heads(files)
    except InputError as error:
        # A path that leads nowhere is told where the pipeline file names it.
        told = [p for p in error.problems if p.code != "missing-file" or (p.place and _is_pattern(p.place.file))]
        return Peeked(told, RowColumns(more=keeps_all))
    if not heads:
        return Peeked((), RowColumns(more=keeps_all))
    written = {*entry.columns(settings)[1], *entry.optional_columns(settings)}
    return Peeked((), *_kept(step, source.settings, heads, written))


def _is_pattern(path: str) -> bool:
    return any(mark in path for mark in "*?[")


@dataclass(frozen=True, slots=True)
class _Head:
    """The columns of a file with their types; `sure` says that all its rows have these and no others."""

    types: Mapping[str, str | None]
    sure: bool


class _Source:
    """The files of a source under its settings."""

    def __init__(self, shape: FileShape, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self._shape = shape.under(settings)
        self._named = shape.named(settings)
        self._stop = settings.get("on_bad_row") == "stop"

    def heads(self, files: Sequence[SourceFile]) -> list[_Head]:
        """What the files begin with. Raises `InputError` where none of their rows can be used, or one that cannot be
        is to stop the run."""
        problems: list[Problem] = []
        heads: list[_Head] = []
        faults = self._faults(files)
        for file in files:
            try:
                heads.append(self._head(file, faults))
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)
        if files and faults.bad and (self._stop or faults.bad == faults.rows):
            self._read_on(files)
        elif files and not faults.rows:
            faults.raise_if_empty()
        return heads

    def _read_on(self, files: Sequence[SourceFile]) -> None:
        """Read until a row can be used; to the end where a bad row stops the run. Raises `InputError`."""
        faults = self._faults(files)
        for file in files:
            for row in self._rows(file):
                faults.see(row, self._verdict(row))
                if faults.rows > faults.bad and not self._stop:
                    return
        faults.raise_if_empty()
        faults.raise_if_stopping()

    def _faults(self, files: Sequence[SourceFile]) -> Faults:
        where = ", ".join(str(file.path) for file in files[:3])
        return Faults(self._shape, where, read=self._named.values(), stop=self._stop)

    def _rows(self, file: SourceFile) -> Iterator[SourceRow]:
        header, columns = self._shape.header(self._named), self._shape.tsv_columns
        for record in read_file(file.path, header=header, tsv_columns=columns):
            yield source_row(file.name, "", file.path, record, self._named)

    def _head(self, file: SourceFile, faults: Faults) -> _Head:
        if (extension(file.path) or "").startswith(".parquet"):
            return self._schema(file, faults)
        if reads_as_a_whole(file.path) and file.path.stat().st_size > _LARGEST_VALUE:
            faults.rows += 1  # of which nothing bad is known
            return _Head({}, False)
        rows = self._rows(file)
        types: dict[str, str | None] = {}
        for row in islice(rows, HEAD):
            faults.see(row, self._verdict(row))
            for name, value in row.record.values.items():
                types[name] = _wider(types[name], value) if name in types else _type(value)
        whole = next(rows, None) is None
        if (extension(file.path) or "").startswith((".csv", ".tsv")):
            return _Head(dict.fromkeys(types, "text"), True)
        return _Head(types if whole else dict.fromkeys(types), whole)

    def _schema(self, file: SourceFile, faults: Faults) -> _Head:
        types, rows = schema_of(file.path)
        seen = source_row(file.name, "", file.path, FileRow(0, None, dict(types)), self._named)
        faults.see(seen, self._verdict(seen), times=rows)
        return _Head(types, True)

    def _verdict(self, row: SourceRow) -> Columns | Dropped:
        """Why a row cannot be used whatever the step makes of it."""
        fault, values = row.record.fault, row.values
        if fault is not None:
            return Dropped(fault.code, fault.message)
        missing = next((name for name in self._shape.needs if is_missing(values.get(name))), None)
        instead = self._shape.instead
        serves = instead and not any(is_missing(values.get(name)) for name in instead)
        bare = self._shape.tsv_columns and row.record.values.keys() == set(self._shape.tsv_columns)
        return {} if missing is None or serves or bare else Dropped("missing", f"no text in '{missing}'")


def _kept(
    step: str, settings: Mapping[str, Any], heads: Sequence[_Head], written: set[str]
) -> tuple[RowColumns, list[str]]:
    """The columns that a source takes along as they are, and what to say of those that its files do not have."""
    keep, named = settings.get("keep") or [], settings.get("columns") or {}
    sure = all(head.sure for head in heads)
    there = dict.fromkeys(name for head in heads for name in head.types)
    if keep == "all":
        used = {named.get(name, name) for name in written}
        ours = [name for name in there if name not in (*LINEAGE_COLUMNS, RESERVED)]
        known = {name: Column(step, _agreed(heads, name)) for name in ours if name not in used}
        return RowColumns(known, more=not sure or len(ours) < len(there)), []
    names = keep if isinstance(keep, Mapping) else {name: name for name in keep}
    known = {ours: Column(step, _agreed(heads, theirs)) for theirs, ours in names.items()}
    missing = [name for name, ours in names.items() if sure and name not in there and ours not in LINEAGE_COLUMNS]
    hints = (did_you_mean(name, list(there)) for name in missing)
    return RowColumns(known), [f"no row has a column '{n}' to keep; {h}" for n, h in zip(missing, hints, strict=True)]


def _agreed(heads: Sequence[_Head], name: str) -> str | None:
    """The type of a column where all files that have it agree, and nothing else can be in it."""
    types = {head.types.get(name) for head in heads if name in head.types}
    return types.pop() if len(types) == 1 and all(head.sure for head in heads) else None


_MIXED = "mixed"


def _type(value: Any) -> str | None:
    return None if value is None else _TYPES.get(type(value), _MIXED)


def _wider(known: str | None, value: Any) -> str | None:
    kind = _type(value)
    if kind is None or known is None or kind == known:
        return known or kind
    return "number" if {kind, known} == {"integer", "number"} else _MIXED
