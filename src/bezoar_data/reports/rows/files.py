"""The rows of a finished run or a pulled dataset, kept and dropped: found by id or text, read one by one.

Finding reads the columns that are looked into and no others; a row is then read by its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.value_class import value_class
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.parquet import count_of, numbers_where, readable, rows_at, rows_of, schema_of, starting, true_at
from bezoar_data.runs.published import beside, data_files, dataset_folder
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, Columns, Lineage

if TYPE_CHECKING:
    import pyarrow as pa

_ASIDE = frozenset((*LINEAGE_COLUMNS, RESERVED, *REVIEW_COLUMNS))
_OF_DROPPED = ("id", "step", "reason", "detail", "raw", "row", RESERVED)


@value_class(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """A row as it lies in a run's files. `split` is that of a kept row; `columns` are those that steps wrote, `people`
    what was said in review, where anything was."""

    id: str
    lineage: Lineage
    columns: Columns
    split: str | None = None
    content_hash: str | None = None
    people: Columns = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        return self.lineage.drop is None

    @classmethod
    def of_kept(cls, row: Mapping[str, Any], split: str) -> FoundRow:
        """From a row of the dataset's files."""
        lineage = (
            Lineage.from_json(row[RESERVED])
            if row.get(RESERVED)
            else Lineage(
                id=str(row.get("id", "")),
                order=(),
                seed_ids=tuple(row.get("seed_ids") or ()),
                parent_ids=tuple(row.get("parent_ids") or ()),
            )
        )
        return cls(
            id=lineage.id,
            lineage=lineage,
            columns={name: value for name, value in row.items() if name not in _ASIDE},
            split=split,
            content_hash=row.get("content_hash"),
            people={name: row[name] for name in REVIEW_COLUMNS if row.get(name) is not None},
        )

    @classmethod
    def of_dropped(cls, row: Mapping[str, Any]) -> FoundRow:
        """From a row of `dropped.parquet`."""
        lineage = Lineage.from_json(row[RESERVED])
        return cls(id=lineage.id, lineage=lineage, columns=json.loads(row["row"]))

    def as_json(self) -> dict[str, Any]:
        """Identity, where it stands, why it was dropped, and its columns."""
        drop = self.lineage.drop
        return {
            "id": self.id,
            "kept": self.kept,
            "split": self.split,
            "dropped": None if drop is None else drop.to_json(),
            "columns": self.columns,
            "people": self.people,
        }


@dataclass(frozen=True, slots=True)
class RowFiles:
    """The files that hold them. `kept` are those of each split, training rows first."""

    kept: tuple[tuple[Path, str], ...]
    dropped: Path | None

    @classmethod
    def of(cls, run: Path, split: str | None = None) -> RowFiles:
        """Of a run's folder or a dataset's. Raises `InputError` where no dataset is there."""
        dataset = dataset_folder(run)
        files = tuple((file, file.name.partition("-")[0]) for file in data_files(dataset, split))
        return cls(files, beside(dataset, RunFolder(dataset).dropped.name))

    def all(self) -> Iterator[FoundRow]:
        """Every row: the kept ones in the dataset's order, then the dropped ones."""
        yield from self.all_kept()
        yield from self.all_dropped()

    def all_kept(self) -> Iterator[FoundRow]:
        for file, split in self.kept:
            for row in rows_of(file):
                with readable(file):
                    yield FoundRow.of_kept(row, split)

    def all_dropped(self) -> Iterator[FoundRow]:
        for row in rows_of(self.dropped, needs=_OF_DROPPED) if self.dropped is not None else ():
            with readable(self.dropped or Path()):
                yield FoundRow.of_dropped(row)

    def kept_count(self) -> int:
        return sum(count_of(file) for file, _ in self.kept)

    def dropped_count(self) -> int:
        return count_of(self.dropped) if self.dropped is not None else 0

    def kept_at(self, numbers: Sequence[int]) -> Iterator[FoundRow]:
        """The kept rows of these numbers, counted from 0 over all files, in their order."""
        first = 0
        for file, split in self.kept:
            count = count_of(file)
            for row in rows_at(file, [n - first for n in numbers if first <= n < first + count]):
                with readable(file):
                    yield FoundRow.of_kept(row, split)
            first += count

    def dropped_at(self, numbers: Sequence[int]) -> Iterator[FoundRow]:
        for row in rows_at(self.dropped, numbers) if self.dropped is not None else ():
            with readable(self.dropped or Path()):
                yield FoundRow.of_dropped(row)

    def by_id(self, start: str, most: int) -> list[FoundRow]:
        """The rows whose ids are these letters or begin with them, `most` at most: kept ones first."""
        return self._where(("id",), lambda batch: starting(batch.column("id"), start.lower()), most)

    def by_ids(self, ids: Sequence[str]) -> list[FoundRow]:
        """The rows of these ids that are there, in the order of `ids`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(list(dict.fromkeys(ids)), pa.string())
        found = self._where(("id",), lambda batch: true_at(pc.is_in(batch.column("id"), value_set=wanted)), len(wanted))
        by = {row.id: row for row in found}
        return [by[i] for i in dict.fromkeys(ids) if i in by]

    def by_text(self, text: str, most: int) -> list[FoundRow]:
        """The rows in which this text stands somewhere, in a column, a verdict or a dropped row's answer, whatever its
        case; `most` at most."""
        found: list[FoundRow] = []
        for file, split in self.kept:
            numbers = islice(numbers_where(file, _texts_of(file), lambda batch: _holds(batch, text)), most - len(found))
            found += [FoundRow.of_kept(row, split) for row in rows_at(file, list(numbers))]
        if self.dropped is not None and len(found) < most:
            # The row is JSON in one column: what is found in its letters is looked for once more in its values.
            escaped = json.dumps(text, ensure_ascii=False)[1:-1]
            columns = ("reason", "detail", "raw", "row")
            numbers_there = numbers_where(
                self.dropped,
                columns,
                lambda batch: true_at(_any([_has(batch.column(c), escaped if c == "row" else text) for c in columns])),
            )
            there = (row for n in numbers_there for row in self.dropped_at([n]) if _is_in(text, row))
            found += islice(there, most - len(found))
        return found

    def _where(self, columns: Sequence[str], chosen: Any, most: int) -> list[FoundRow]:
        found: list[FoundRow] = []
        for file, split in self.kept:
            numbers = list(islice(numbers_where(file, columns, chosen), most - len(found)))
            found += [FoundRow.of_kept(row, split) for row in rows_at(file, numbers)]
        if self.dropped is not None:
            numbers = list(islice(numbers_where(self.dropped, columns, chosen), most - len(found)))
            found += self.dropped_at(numbers)
        return found


def excerpt(text: str, row: FoundRow, around: int = 40) -> tuple[str, str]:
    """The column of a row in which the text stands, and the words around it."""
    for name, value in _values(row):
        at = value.lower().find(text.lower())
        if at >= 0:
            start, end = max(0, at - around), at + len(text) + around
            return name, f"{'…' if start else ''}{value[start:end]}{'…' if end < len(value) else ''}"
    return "", ""


def _values(row: FoundRow) -> Iterator[tuple[str, str]]:
    drop = row.lineage.drop
    told = {} if drop is None else {"reason": drop.reason, "detail": drop.detail, "raw": drop.raw}
    for name, value in {**row.columns, **row.people, **told}.items():
        yield from ((name, said) for said in _said(value))


def _said(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _said(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _said(inner)
    elif value is not None:
        yield json.dumps(value)


def _is_in(text: str, row: FoundRow) -> bool:
    return any(text.lower() in said.lower() for _, said in _values(row))


def _texts_of(file: Path) -> list[str]:
    """The columns that may hold texts: all but those of the lineage."""
    return [name for name in schema_of(file).names if name not in (*LINEAGE_COLUMNS, RESERVED)]


def _holds(batch: pa.RecordBatch, text: str) -> list[int]:
    return true_at(_any([_nowhere(batch.num_rows), *(_has(column, text) for column in batch.columns)]))


def _has(values: Any, text: str) -> Any:
    """Of each value whether the text stands in it, however deep: true, false, or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.match_substring(values, text, ignore_case=True)
    if pa.types.is_struct(kind):
        return _any([_nowhere(len(values)), *(_has(values.field(i), text) for i in range(kind.num_fields))])
    if pa.types.is_list(kind):
        inside = _has(pc.list_flatten(values), text)
        parents = pc.unique(pc.filter(pc.list_parent_indices(values), inside))
        return pc.is_in(pa.array(range(len(values)), parents.type), value_set=parents)
    if pa.types.is_null(kind):
        return _nowhere(len(values))
    return pc.match_substring(pc.cast(values, pa.string()), text, ignore_case=True)


def _nowhere(count: int) -> Any:
    import pyarrow as pa

    return pa.array([False] * count, pa.bool_())


def _any(found: Sequence[Any]) -> Any:
    """Whether one of them says so of each row."""
    import pyarrow.compute as pc

    first, *others = (pc.fill_null(one, False) for one in found)
    for one in others:
        first = pc.or_(first, one)
    return first
