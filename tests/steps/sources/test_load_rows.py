"""`load_rows`: every column as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bezoar_data.steps.sources.load_rows import LoadRows


def load(path: Path, *rows: dict[str, Any], **settings: Any) -> list[Any]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(LoadRows(name="load", path=str(path), **settings).rows())


def test_rows_keep_their_columns_values_and_order(tmp_path: Path):
    rows = [{"n": i, "instruction": f" {i}\n", "more": {"a": [i]}, "none": None} for i in range(3)]
    found = load(tmp_path / "a.jsonl", *rows, texts=["instruction"])
    assert [list(row.columns.items()) for row in found] == [list(row.items()) for row in rows]


def test_columns_are_renamed_chosen_and_kept_apart_from_lineage(tmp_path: Path):
    row = {"id": 7, "q": "Why?", "_bezoar": "x", "a": "So.", "source_id": "given"}
    (found,) = load(tmp_path / "a.jsonl", row, texts=["question"], columns={"question": "q", "answer": "a"})
    mine = {"question": "Why?", "answer": "So."}
    assert found.columns == {**mine, "source_bezoar": "x", "source_id": "given", "source_source_id": 7}
    (found,) = load(tmp_path / "a.jsonl", row, texts=["question"], columns={"question": "q"}, keep=[])
    assert found.columns == {"question": "Why?"}


def test_a_row_without_one_of_its_texts_is_dropped_with_its_words(tmp_path: Path):
    rows = [{"q": "Why?", "a": "So."}, {"q": "Why?", "a": "\u200b"}, {"q": "Why?", "a": 5}]
    ends = [row.lineage.drop for row in load(tmp_path / "a.jsonl", *rows, texts=["q", "a"])]
    assert [end and (end.reason, json.loads(end.raw)) for end in ends] == [
        None,
        ("empty", rows[1]),
        ("not_text", rows[2]),
    ]
