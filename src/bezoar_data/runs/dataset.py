"""Writing a finished run's rows as Parquet: the same rows give the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bezoar_data.runs.row import RESERVED, Row, content_hash
from bezoar_data.runs.splits import TRAIN, SplitPlan
from bezoar_data.runs.spool import Spool

ROW_GROUP = 10_000
_IDS = pa.list_(pa.string())
_LEADING = {"id": pa.string(), "content_hash": pa.string()}
_TRAILING = {"seed_ids": _IDS, "parent_ids": _IDS, RESERVED: pa.string()}


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a dataset: its path inside the dataset folder, rows, bytes and hash."""

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a dataset holds: its files, and its columns with their types as Arrow names them."""

    files: tuple[DataFile, ...]
    columns: Mapping[str, str]
    rows: int
    first_row: Mapping[str, Any] | None
    mixed: tuple[str, ...]
    """Columns whose values had no common type and were written as JSON text."""


def publishable(row: Row) -> dict[str, Any]:
    """A kept row as it stands in the dataset: ids first, then its columns, then lineage."""
    lineage = row.lineage
    return {
        "id": lineage.id,
        "content_hash": content_hash(row.columns),
        **row.columns,
        "seed_ids": list(lineage.seed_ids),
        "parent_ids": list(lineage.parent_ids),
        RESERVED: lineage.to_json(),
    }


def write_dataset(
    spool: Spool, folder: Path, *, splits: Mapping[str, float], seed: int, expected: Sequence[str] = ()
) -> Written:
    """Write the kept rows of a spool as `data/{split}-00000-of-00001.parquet` files under `folder`.

    `expected` names the columns of a dataset without rows. The schema is the union over all rows: a first pass finds
    it, a second writes. Bytes depend on the rows, the splits and the pyarrow version only.
    """
    (folder / "data").mkdir(parents=True)
    schema, mixed, rows = _schema(spool, expected)
    plan = SplitPlan((r.lineage.seed_ids for r in spool.kept()), splits, seed) if splits else None
    names = plan.names if plan else (TRAIN,)
    paths = {name: folder / "data" / f"{name}-00000-of-00001.parquet" for name in names}
    counts = dict.fromkeys(names, 0)
    pending: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    writers = {name: pq.ParquetWriter(path, schema, compression="zstd") for name, path in paths.items()}
    first_row = None

    def flush(name: str) -> None:
        if pending[name]:
            writers[name].write_table(_table(pending[name], schema, mixed), row_group_size=ROW_GROUP)
            counts[name] += len(pending[name])
            pending[name].clear()

    try:
        for row in spool.kept():
            value = publishable(row)
            first_row = first_row or value
            name = plan.split_of(row.lineage.seed_ids) if plan else TRAIN
            pending[name].append(value)
            if len(pending[name]) == ROW_GROUP:
                flush(name)
        for name in names:
            flush(name)
    finally:
        for writer in writers.values():
            writer.close()
    files = tuple(_describe(folder, paths[name], name, counts[name]) for name in names)
    columns = {f.name: str(f.type) for f in schema}
    return Written(files=files, columns=columns, rows=rows, first_row=first_row, mixed=mixed)


def write_dropped(spool: Spool, path: Path) -> int:
    """Write every dropped row: id, step, reason, detail, a model's raw text, and the row itself as JSON."""
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
            writer.write_table(pa.Table.from_pylist([_dropped_row(r) for r in chunk], schema=schema))
            count += len(chunk)
    return count


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _schema(spool: Spool, expected: Sequence[str]) -> tuple[pa.Schema, tuple[str, ...], int]:
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
    return pa.schema({**_LEADING, **body, **_TRAILING}.items()), tuple(dict.fromkeys(mixed)), rows


def _table(rows: list[dict[str, Any]], schema: pa.Schema, mixed: Sequence[str]) -> pa.Table:
    for name in mixed:
        for row in rows:
            if row.get(name) is not None and not isinstance(row[name], str):
                row[name] = json.dumps(row[name], ensure_ascii=False, sort_keys=True)
    return pa.Table.from_pylist(rows, schema=schema)


def _describe(folder: Path, path: Path, split: str, rows: int) -> DataFile:
    return DataFile(
        path=path.relative_to(folder).as_posix(),
        split=split,
        rows=rows,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, ROW_GROUP)):
        yield chunk
