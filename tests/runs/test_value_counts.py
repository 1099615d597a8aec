"""Columns with few values, counted."""

from __future__ import annotations

import pyarrow as pa

from bezoar_data.runs.value_counts import LONGEST, ValueCounts

ROWS = 200


def counts(*tables: pa.Table) -> dict[str, dict[str, int]]:
    values = ValueCounts(without=("id",))
    for table in tables:
        values.see(table)
    return {name: dict(found) for name, found in values.result().items()}


def test_few_values_are_counted_and_others_are_not():
    table = pa.table(
        {
            "status": ["Accept", "Accept", "Reject", None] * (ROWS // 4),
            "epoch": [1, 2] * (ROWS // 2),
            "good": [True, False] * (ROWS // 2),
            "many": [f"value {i % 31}" for i in range(ROWS)],
            "long": ["x" * (LONGEST + 1)] * ROWS,
            "half": [0.5] * ROWS,
            "empty": pa.nulls(ROWS, pa.string()),
            "id": ["same"] * ROWS,
        }
    )
    expected = {
        "status": {"Accept": 100, "Reject": 50},
        "epoch": {"1": 100, "2": 100},
        "good": {"false": 100, "true": 100},
    }
    assert counts(table) == expected
    assert counts(*(table.slice(i, 7) for i in range(0, ROWS, 7))) == expected
    assert list(counts(table)["status"]) == ["Accept", "Reject"], "the most frequent first"


def test_values_that_hardly_repeat_are_no_kinds():
    assert counts(pa.table({"name": ["a", "b", "c", "d"]})) == {}
    assert counts(pa.table({"name": ["a"] * 4 + ["b"]})) == {}
    assert counts(pa.table({"name": ["a"] * 9 + ["b"]})) == {"name": {"a": 9, "b": 1}}
