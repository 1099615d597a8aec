"""Every type a Parquet file may hold: what is published is exact or text, said on the card, and read back the same."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bezoar_data.runs.lock import Lock
from bezoar_data.runs.row import content_hash
from support.command import bezoar
from support.projects import Project

EXACT = {
    "int": pa.array([2**62, -1]),
    "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
    "float": pa.array([0.1, 1e300]),
    "odd": pa.array([float("nan"), float("-inf")]),
    "flag": pa.array([True, None]),
    "nothing": pa.nulls(2),
    "list": pa.array([[1, 2], []]),
    "record": pa.array([{"a": "x", "b": None}, {"a": None, "b": [1.5]}]),
}
AS_TEXT = {
    "day": (pa.array([date(2026, 1, 2), None]), ["2026-01-02", None]),
    "moment": (
        pa.array([datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)] * 2),
        ["2026-01-02T03:04:05.000678+00:00"] * 2,
    ),
    "clock": (pa.array([time(1, 2, 3)] * 2), ["01:02:03"] * 2),
    "money": (pa.array([Decimal("12345678901234567890.10")] * 2), ["12345678901234567890.10"] * 2),
    "raw": (pa.array([b"\x00\xff"] * 2), [base64.b64encode(b"\x00\xff").decode()] * 2),
    "span": (pa.array([timedelta(days=1, microseconds=5)] * 2), None),
}


def test_what_a_parquet_file_holds_is_published_exact_or_as_text_and_said(project: Project) -> None:
    table = pa.table({"text": ["one", "two"], **EXACT, **{name: column for name, (column, _) in AS_TEXT.items()}})
    pq.write_table(table, project.folder / "rows.parquet")
    (project.folder / "card.md").write_text("---\npretty_name: Types\n---\n\n# Types\n")
    steps = "steps:\n  - {use: load_rows, with: {path: rows.parquet, texts: [text]}}\n"
    (project.folder / "types.yaml").write_text(f"name: types\nversion: 1\ncard: card.md\n{steps}")
    done = bezoar("run", "types.yaml", cwd=project.folder)
    assert done.code == 0, done.err
    run = project.folder / "runs" / "types"
    rows = pq.read_table(run / "dataset" / "data").to_pylist()
    for name, column in EXACT.items():
        assert repr([row[name] for row in rows]) == repr(column.to_pylist()), name
    for name, (_, texts) in AS_TEXT.items():
        found = [row[name] for row in rows]
        assert found == texts if texts is not None else all(isinstance(text, str) for text in found), name
    assert [row["content_hash"] for row in rows] == [content_hash(row) for row in rows]
    lock = Lock.read(run / "dataset" / "lock.json")
    assert lock.sources[0].as_text == tuple(AS_TEXT)
    card = (run / "dataset" / "README.md").read_text()
    assert f"were read as text in: {', '.join(f'`{name}`' for name in AS_TEXT)}." in card
    assert bezoar("card", "check", run).code == 0
    assert_loads(run / "dataset")


def assert_loads(folder: Path) -> None:
    from datasets import load_dataset

    loaded = load_dataset("parquet", data_files=[str(p) for p in sorted((folder / "data").glob("*.parquet"))])
    assert loaded["train"].num_rows == 2
