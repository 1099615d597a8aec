"""Writing a finished run's rows as Parquet: the same rows give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.lock import DataFile
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import RESERVED, Lineage, Row, content_hash
from bezoar_data.runs.splits import TRAIN, SplitPlan
from bezoar_data.runs.spool import Spool

ROW_GROUP = 10_000
"""Rows in a Parquet row group."""
_CHUNK = 1_000
"""Rows held as Python objects at once; Arrow holds those of a row group in far less."""
_IDS = pa.list_(pa.string())
_LEADING = {"id": pa.string(), "content_hash": pa.string()}
_TRAILING = {"seed_ids": _IDS, "parent_ids": _IDS, RESERVED: pa.string()}


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


Review = Callable[[Mapping[str, Any], Lineage], Mapping[str, Any]]
"""Gives what people said of a row, as `REVIEW_COLUMNS`, from its id, hash and columns."""


def publishable(row: Row, review: Review | None = None) -> dict[str, Any]:
    """A kept row as it stands in the dataset: ids first, then its columns, what people said of it, then lineage."""
    lineage = row.lineage
    own = {"id": lineage.id, "content_hash": content_hash(row.columns), **row.columns}
    return {
        **own,
        **(review(own, lineage) if review is not None else {}),
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
    expected: Sequence[str] = (),
    on_row: Callable[[Row], None] | None = None,
    review: Review | None = None,
    worth_showing: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Written:
    """Write the kept rows of a spool as `data/{split}-00000-of-00001.parquet` files under `folder`.

    `expected` names the columns of a dataset without rows; `on_row` is called with each row; `review` gives what
    people said of it. The example is the first row `worth_showing`, else the first. The schema is the union over all
    rows: a first pass finds it, a second writes. Bytes depend on the rows, the splits, what people said and the pyarrow
    version only.
    """
    (folder / "data").mkdir(parents=True)
    schema, mixed, rows = _schema(spool, expected, reviewed=review is not None)
    plan = SplitPlan((r.lineage.seed_ids for r in spool.kept()), splits, seed) if splits else None
    names = plan.names if plan else (TRAIN,)
    first: dict[str, Any] | None = None
    example: dict[str, Any] | None = None
    with ExitStack() as open_files:
        files = {name: _SplitFile(folder, name, schema, mixed) for name in names}
        for file in files.values():
            open_files.callback(file.close)
        for row in spool.kept():
            if on_row is not None:
                on_row(row)
            value = publishable(row, review)
            first = first or dict(value)
            if example is None and worth_showing(value):
                example = dict(value)
            files[plan.split_of(row.lineage.seed_ids) if plan else TRAIN].add(value)
    columns = {f.name: str(f.type) for f in schema}
    described = tuple(file.describe(folder) for file in files.values())
    return Written(files=described, columns=columns, rows=rows, example=example or first, mixed=mixed)


class _SplitFile:
    """One split's Parquet file while it is written."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, mixed: Sequence[str]) -> None:
        self._path = folder / "data" / f"{name}-00000-of-00001.parquet"
        self._name = name
        self._schema = schema
        self._mixed = mixed
        self._writer = open_data_file(self._path, schema)
        self._pending: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []
        self._rows = 0

    def add(self, value: dict[str, Any]) -> None:
        self._pending.append(value)
        self._rows += 1
        if len(self._pending) == _CHUNK:
            self._settle()
        if self._rows % ROW_GROUP == 0:
            self._write()

    def close(self) -> None:
        self._settle()
        self._write()
        self._writer.close()

    def describe(self, folder: Path) -> DataFile:
        return describe_file(folder, self._path, self._name, self._rows)

    def _settle(self) -> None:
        if self._pending:
            self._tables.append(_table(self._pending, self._schema, self._mixed))
            self._pending = []

    def _write(self) -> None:
        if self._tables:
            self._writer.write_table(pa.concat_tables(self._tables).combine_chunks(), row_group_size=ROW_GROUP)
            self._tables = []


def open_data_file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """The one way a dataset's files are written: tables of `ROW_GROUP` rows each, as one row group."""
    return pq.ParquetWriter(path, schema, compression="zstd")


def describe_file(folder: Path, path: Path, split: str, rows: int) -> DataFile:
    where = path.relative_to(folder).as_posix()
    return DataFile(path=where, split=split, rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path))


def review_fields() -> list[pa.Field]:
    """The columns that people's answers add, with their types."""
    return [pa.field(name, pa.int64() if name == "review_people" else pa.string()) for name in REVIEW_COLUMNS]


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


def _schema(spool: Spool, expected: Sequence[str], *, reviewed: bool) -> tuple[pa.Schema, tuple[str, ...], int]:
    found: dict[str, pa.DataType] = {}
    mixed: list[str] = []
    rows = 0
    for chunk in _chunks(spool.kept()):
        rows += len(chunk)
        for name in dict.fromkeys(name for row in chunk for name in row.columns):
            try:
                kind = pa.array([row.columns.get(name) for row in chunk]).type
                fields = [pa.schema([(name, t)]) for t in (found.get(name, pa.null()), kind)]
                found[name] = pa.unify_schemas(fields, promote_options="permissive").field(0).type
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                found[name] = pa.string()
                mixed.append(name)
    if not rows:
        found = {name: pa.string() for name in expected}
    body = {name: pa.string() if name in mixed or pa.types.is_null(t) else t for name, t in found.items()}
    if reviewed:
        body.update((field.name, field.type) for field in review_fields())
    return pa.schema({**_LEADING, **body, **_TRAILING}.items()), tuple(dict.fromkeys(mixed)), rows


def _table(rows: list[dict[str, Any]], schema: pa.Schema, mixed: Sequence[str]) -> pa.Table:
    for name in mixed:
        for row in rows:
            if row.get(name) is not None and not isinstance(row[name], str):
                row[name] = json.dumps(row[name], ensure_ascii=False, sort_keys=True)
    return pa.Table.from_pylist(rows, schema=schema)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
