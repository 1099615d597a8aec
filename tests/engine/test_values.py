"""Every kind of JSON value in a column that is taken along: exact in the dataset or as JSON text, said on the card."""

from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from bezoar_data.runs.lock import Lock
from bezoar_data.runs.row import content_hash
from support.command import bezoar
from support.projects import Project

HUGE = 123456789012345678901234567890
COLUMNS: dict[str, tuple[list[Any], list[Any]]] = {
    "whole_then_part": ([4, 2.5, None], [4.0, 2.5, None]),
    "beyond_a_double": ([2**53 + 1, 0.5, None], [str(2**53 + 1), "0.5", None]),
    "unsigned": ([2**64 - 1, 1, None], [2**64 - 1, 1, None]),
    "empty": ([{}, {}, {}], ["{}", "{}", "{}"]),
    "empty_inside": ([[{}], [], None], ["[{}]", "[]", None]),
    "numbers_and_words": ([1, "high", None], ["1", "high", None]),
    "lists_and_words": (["one", ["one"], None], ["one", '["one"]', None]),
    "other_keys": ([{"a": 1}, {"b": 2}, {}], ['{"a": 1}', '{"b": 2}', "{}"]),
    "truth": ([True, None, False], [True, None, False]),
}
"""Of each column what three rows have, and what stands in the dataset."""


def published(project: Project, columns: dict[str, list[Any]], *more: str) -> list[dict[str, Any]]:
    rows = [{"instruction": f"Say {i}.", **{name: values[i] for name, values in columns.items()}} for i in range(3)]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (project.folder / "card.md").write_text("---\npretty_name: Values\n---\n\n# Values\n")
    keep = json.dumps(list(columns))
    steps = f"  - {{use: load_instructions, with: {{path: rows.jsonl, keep: {keep}}}}}\n"
    (project.folder / "values.yaml").write_text(f"name: values\nversion: 1\ncard: card.md\nsteps:\n{steps}")
    done = bezoar("run", "values.yaml", *more, cwd=project.folder)
    assert done.code == 0, done.err
    assert bezoar("card", "check", "runs/values", cwd=project.folder).code == 0
    found = pq.read_table(project.folder / "runs" / "values" / "dataset" / "data").to_pylist()
    assert [row["content_hash"] for row in found] == [content_hash(row) for row in found]
    return found


def test_values_are_exact_or_json_text_and_said_so(project: Project) -> None:
    found = published(project, {name: given for name, (given, _) in COLUMNS.items()})
    for name, (given, expected) in COLUMNS.items():
        assert [row[name] for row in found] == expected, (name, [row[name] for row in found])
        # Whatever stands there says what was given.
        read = [json.loads(v) if isinstance(v, str) and v not in ("high", "one") else v for v in expected]
        assert read == given, name
    lock = Lock.read(project.folder / "runs" / "values" / "dataset" / "lock.json")
    texts = {name for name, (given, expected) in COLUMNS.items() if list(map(type, given)) != list(map(type, expected))}
    assert set(lock.mixed_columns) == texts - {"whole_then_part"}
    card = (project.folder / "runs" / "values" / "dataset" / "README.md").read_text()
    assert all(f"`{name}`" in card.partition("JSON text, and texts as they are, in:")[2] for name in lock.mixed_columns)


def test_numbers_beyond_all_types_are_exact(project: Project) -> None:
    found = published(project, {"n": [HUGE, 2**64 - 1, -1]})
    assert [json.loads(row["n"]) for row in found] == [HUGE, 2**64 - 1, -1]


@pytest.mark.nightly
def test_distilabels_runner_publishes_the_same_values(project: Project) -> None:
    columns = {name: given for name, (given, _) in COLUMNS.items()}
    streamed = published(project, columns)
    assert published(project, columns, "--engine", "local", "--out", "runs/values") == streamed


def test_a_run_that_keeps_no_row_does_not_end_well(project: Project) -> None:
    """`datasets` cannot load a dataset without rows."""
    (project.folder / "rows.jsonl").write_text(json.dumps({"instruction": "Say one."}) + "\n")
    steps = "  - {use: load_instructions, with: {path: rows.jsonl}}\n"
    steps += "  - {use: length, with: {column: instruction, min_words: 99}}\n"
    (project.folder / "none.yaml").write_text(f"name: none\nversion: 1\nsteps:\n{steps}")
    done = bezoar("run", "none.yaml", cwd=project.folder)
    assert done.code == 1
    assert "no row is left: the dataset is empty" in done.out + done.err
