"""Writing a finished run's rows as Parquet: the same rows give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.lengths import ColumnLengths, LengthCounts
from bezoar_data.runs.lock import DataFile
from bezoar_data.runs.reviewed import REVIEW_COLUMNS, REVIEW_TEXTS
from bezoar_data.runs.row import RESERVED, Columns, Lineage, Row, content_hash
from bezoar_data.runs.splits import TRAIN, SplitPlan
from bezoar_data.runs.spool import Spool
from bezoar_data.runs.types import ColumnTypes
from bezoar_data.runs.value_counts import ValueCounts

LEAST_GROUP, MOST_GROUP = 5_000, 40_000
"""Rows in a Parquet row group. Between the two, a group ends at the first row whose hash says so."""
_GROUP_SPREAD = 10_000
"""One row in so many ends a group."""
MAX_FILE = 1 << 30
"""Bytes in memory after which a split goes on in another file: some 300 MB on disk."""
_CHUNK = 1_000
"""Rows held as Python objects at once; Arrow holds those of a row group in far less."""
_IDS = pa.list_(pa.string())
_LINEAGE = {"id": pa.string(), "content_hash": pa.string(), "seed_ids": _IDS, "parent_ids": _IDS, RESERVED: pa.string()}


@dataclass(frozen=True, slots=True)
class Written:
    """What a dataset holds: its files, and its columns with their types as Arrow names them."""

    files: tuple[DataFile, ...]
    columns: Mapping[str, str]
    rows: int
    example: Mapping[str, Any] | None
    """The row that the card shows."""
    mixed: tuple[str, ...]
    """Columns whose values had no common type and were written as JSON text."""
    values: Mapping[str, Mapping[str, int]]
    """For columns with few values the rows that hold each."""
    lengths: Mapping[str, ColumnLengths]


class Review(Protocol):
    """What people said of rows."""

    @property
    def added(self) -> Sequence[str]:
        """The columns that it adds to all rows."""

    def columns(self, row: Mapping[str, Any], lineage: Lineage) -> Mapping[str, Any]:
        """What was said of a row, from its id, hash and columns."""


def publishable(lineage: Lineage, columns: Columns, review: Review | None = None) -> dict[str, Any]:
    """A kept row as it stands in the dataset, from its columns as they are published: they first, then what people said
    of it, then lineage."""
    identity = {"id": lineage.id, "content_hash": content_hash(columns)}
    return {
        **columns,
        **(review.columns({**identity, **columns}, lineage) if review is not None else {}),
        **identity,
        "seed_ids": list(lineage.seed_ids),
        "parent_ids": list(lineage.parent_ids),
        RESERVED: lineage.to_json(),
    }


def write_dataset(
    spool: Spool,
    folder: Path,
    *,
    splits: Mapping[str, float],
    seed: int,
    max_file: int = MAX_FILE,
    expected: Mapping[str, str | None] | None = None,
    on_row: Callable[[Row], None] | None = None,
    review: Review | None = None,
    worth_showing: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Written:
    """Write the kept rows of a spool as `data/{split}-00000-of-00001.parquet` files under `folder`, in several where
    they would be larger than `max_file` bytes in memory.

    `expected` names the columns of a dataset without rows, and the types of columns without values (`ColumnTypes`);
    `on_row` is called with each row; `review` gives what people said of it. The example is the first row
    `worth_showing`, else the first. A first pass over the rows settles the columns' types, a second writes. Bytes
    depend on the rows, the splits, what people said and the pyarrow version only.
    """
    (folder / "data").mkdir(parents=True)
    types = ColumnTypes(expected or {})
    for columns in spool.columns():
        types.see(columns)
    schema = _schema(types, review.added if review is not None else ())
    plan = SplitPlan((lineage.seed_ids for lineage in spool.lineages()), splits, seed) if splits else None
    names = plan.names if plan else (TRAIN,)
    first: dict[str, Any] | None = None
    example: dict[str, Any] | None = None
    values = ValueCounts(without=(*_LINEAGE, *REVIEW_COLUMNS))
    lengths = LengthCounts(without=(*_LINEAGE, *REVIEW_COLUMNS))
    with ExitStack() as open_files:
        files = {name: SplitWriter(folder, name, schema, (values, lengths), max_file) for name in names}
        for file in files.values():
            open_files.callback(file.close)
        for row in spool.kept():
            published = types.published(row.columns)
            value = publishable(row.lineage, published, review)
            if on_row is not None:
                on_row(Row(published, row.lineage))
            first = first or dict(value)
            if example is None and worth_showing(value):
                example = dict(value)
            files[plan.split_of(row.lineage.seed_ids) if plan else TRAIN].add(value)
    named = {f.name: str(f.type) for f in schema}
    described = tuple(one for file in files.values() for one in file.files)
    return Written(
        files=described,
        columns=named,
        rows=types.rows,
        example=example or first,
        mixed=types.mixed,
        values=values.result(),
        lengths=lengths.result(),
    )


class _Counts(Protocol):
    def see(self, table: Any) -> None:
        """The rows of an Arrow table."""


class SplitWriter:
    """One split's Parquet files while they are written.

    The files are made for a store that keeps equal chunks of bytes once, as the Hub does: pages and row groups end
    where the rows' content says and not after a fixed number, so that a row more moves no boundary but those beside
    it.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, counts: Sequence[_Counts], max_file: int) -> None:
        self._folder = folder
        self._max_file = max_file
        self._counts = counts
        self._name = name
        self._schema = schema
        self._pending: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []
        self._group = 0
        self._size = 0
        self._parts: list[Path] = []
        self._writer = self._open()
        self.files: tuple[DataFile, ...] = ()
        """The files, once it is closed."""

    def add(self, value: dict[str, Any]) -> None:
        self._pending.append(value)
        self._group += 1
        if len(self._pending) == _CHUNK:
            self._settle()
        ends = self._group >= LEAST_GROUP and int(value["content_hash"][:8], 16) % _GROUP_SPREAD == 0
        if ends or self._group == MOST_GROUP:
            self.end_group()

    def end_group(self) -> None:
        self._settle()
        if not self._tables:
            return
        table = pa.concat_tables(self._tables).combine_chunks()
        # Without what people said: it comes later, and must not move rows to other files.
        size = table.drop_columns([n for n in REVIEW_COLUMNS if n in table.column_names]).nbytes
        if self._size and self._size + size > self._max_file:
            self._end_part()
            self._writer = self._open()
        self._writer.write_table(table, row_group_size=MOST_GROUP)
        self._size += size
        self._tables, self._group = [], 0

    def close(self) -> None:
        self.end_group()
        self._end_part()
        count = len(self._parts)
        described = []
        for i, path in enumerate(self._parts):
            final = path.with_name(f"{self._name}-{i:05d}-of-{count:05d}.parquet")
            path.rename(final)
            described.append(describe_file(self._folder, final, self._name))
        self.files = tuple(described)

    def _open(self) -> pq.ParquetWriter:
        self._parts.append(self._folder / "data" / f".{self._name}-{len(self._parts):05d}")
        return open_data_file(self._parts[-1], self._schema)

    def _end_part(self) -> None:
        self._writer.close()
        self._size = 0

    def _settle(self) -> None:
        if self._pending:
            self._tables.append(pa.Table.from_pylist(self._pending, schema=self._schema))
            for one in self._counts:
                one.see(self._tables[-1])
            self._pending = []


def open_data_file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """The one way a dataset's files are written. Pages are small, and dictionaries smaller: a dictionary of long texts
    is one block that any new text changes."""
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_index=True,
        dictionary_pagesize_limit=16 * 1024,
        use_content_defined_chunking={"min_chunk_size": 64 * 1024, "max_chunk_size": 256 * 1024},
    )


def describe_file(folder: Path, path: Path, split: str) -> DataFile:
    """A finished file, its bytes in memory as `datasets` counts them: those of its row groups, read again."""
    with pq.ParquetFile(path) as file:
        rows = file.metadata.num_rows
        memory = sum(file.read_row_group(i).nbytes for i in range(file.num_row_groups))
    where = path.relative_to(folder).as_posix()
    size = path.stat().st_size
    return DataFile(path=where, split=split, rows=rows, bytes=size, memory=memory, sha256=sha256_of(path))


def review_fields(names: Iterable[str]) -> list[pa.Field]:
    """Columns that people's answers add, with their types."""
    return [pa.field(name, pa.string() if name in REVIEW_TEXTS else pa.int64()) for name in names]


def write_dropped(spool: Spool, path: Path, *, on_row: Callable[[Row], None] | None = None) -> int:
    """Write every dropped row: id, step, reason, detail, a model's raw text, and the row itself as JSON. `on_row` is
    called with each."""
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("id", "step", "reason", "detail", "raw")),
            ("seed_ids", _IDS),
            ("parent_ids", _IDS),
            ("row", pa.string()),
            (RESERVED, pa.string()),
        ]
    )
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for chunk in _chunks(spool.dropped()):
            if on_row is not None:
                for row in chunk:
                    on_row(row)
            writer.write_table(pa.Table.from_pylist([_dropped_row(r) for r in chunk], schema=schema))
            count += len(chunk)
    return count


def _dropped_row(row: Row) -> dict[str, Any]:
    lineage = row.lineage
    mark = lineage.drop
    assert mark is not None  # noqa: S101 (the spool holds no dropped row without a mark)
    return {
        "id": lineage.id,
        "step": mark.step,
        "reason": mark.reason,
        "detail": mark.detail,
        "raw": mark.raw,
        "seed_ids": list(lineage.seed_ids),
        "parent_ids": list(lineage.parent_ids),
        "row": json.dumps(row.columns, ensure_ascii=False),
        RESERVED: lineage.to_json(),
    }


def _schema(types: ColumnTypes, added: Iterable[str]) -> pa.Schema:
    """What rows say comes before their hashes, which another order of rows changes, so that the former lie together."""
    review = {field.name: field.type for field in review_fields(added)}
    return pa.schema({**types.settle(), **review, **_LINEAGE}.items())


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
