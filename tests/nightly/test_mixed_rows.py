"""Rows of every type, tens of thousands of them: memory stays what it is for fewer, and no value is lost."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
FEW, MANY = 10_000, 50_000

pytestmark = [pytest.mark.nightly, pytest.mark.slow]


def test_memory_does_not_grow_with_rows_of_mixed_types(tmp_path: Path):
    bench = runpy.run_path(str(ROOT / "benchmarks" / "engine" / "mixed.py"))
    peaks = []
    for rows in (FEW, MANY):
        bench["prepare"](tmp_path / str(rows), "mixed", rows)
        peaks.append(bench["run"](ROOT, tmp_path / str(rows))[1])
    assert peaks[1] < 1.25 * peaks[0], peaks

    dataset = tmp_path / str(MANY) / "runs" / "mixed" / "dataset"
    lock = json.loads((dataset / "lock.json").read_text())
    assert lock["counts"] == {"source": MANY, "kept": MANY, "dropped": 0}
    assert lock["mixed_columns"] == ["large", "facts"]
    for i, row in enumerate(pq.read_table(dataset / "data").to_pylist()):
        wanted = bench["mixed"](i)
        assert {name: row[name] for name in ("instruction", "response", "score", "tags", "messages", "perhaps")} == {
            name: wanted[name] for name in ("instruction", "response", "score", "tags", "messages", "perhaps")
        }
        assert json.loads(row["large"]) == wanted["large"]
        assert json.loads(row["facts"]) == wanted["facts"]
