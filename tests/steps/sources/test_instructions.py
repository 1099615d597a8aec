"""`load_instructions`: seeds as people have them, and the ones we ship."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.steps.sources.load_instructions import LoadInstructions

SHIPPED = Path(__file__).parents[3] / "pipelines" / "seeds" / "dolly_like.jsonl"


def load(path: Path, **settings: Any) -> list[dict[str, Any]]:
    return [row.columns for row in LoadInstructions(name="load", path=str(path), **settings).rows()]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_shipped_seeds_are_eight_of_each_of_dollys_categories_each_once():
    rows = load(SHIPPED, keep=["response"])
    assert len(rows) >= 60
    assert set(Counter(r["category"] for r in rows).values()) == {8}
    assert len({r["category"] for r in rows}) == 8
    assert len({r["instruction"] for r in rows}) == len(rows)
    assert all(r["response"].strip() for r in rows)
    needs = {"closed_qa", "information_extraction", "summarization"}
    assert all(r["context"] for r in rows if r["category"] in needs)


def test_context_and_category_may_be_missing_and_other_columns_are_left_out(tmp_path: Path):
    file = write(
        tmp_path / "a.jsonl", {"instruction": " Sing. ", "response": "La."}, {"instruction": "Hum.", "context": None}
    )
    empty = {"context": "", "category": ""}
    assert load(file) == [{"instruction": "Sing.", **empty}, {"instruction": "Hum.", **empty}]


def test_columns_have_other_names_and_others_are_kept_under_new_ones(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", {"id": 7, "q": {"text": "Sing."}, "score": 0.5})
    named = {"columns": {"instruction": "q.text"}}
    none = {"instruction": "Sing.", "context": "", "category": ""}
    assert load(file, **named) == [none]
    assert load(file, **named, keep=["score"]) == [{**none, "score": 0.5}]
    assert load(file, **named, keep={"id": "source_id"}) == [{**none, "source_id": 7}]
    everything = load(file, **named, keep="all")[0]
    assert everything == {**none, "source_id": 7, "q": {"text": "Sing."}, "score": 0.5}


def test_columns_may_lie_inside_lists_and_mappings(tmp_path: Path):
    file = write(
        tmp_path / "tasks.jsonl",
        {"name": "relation", "instruction": "Which?", "instances": [{"input": "day : night", "output": "opposites"}]},
        {"name": "free", "instruction": "Sing.", "instances": []},
    )
    rows = load(file, context="instances.0.input", category="name")
    assert rows == [
        {"instruction": "Which?", "context": "day : night", "category": "relation"},
        {"instruction": "Sing.", "context": "", "category": "free"},
    ]


def test_parquet_and_tsv_are_read_too(tmp_path: Path):
    pq.write_table(pa.table({"instruction": ["Sing."], "category": ["music"]}), tmp_path / "a.parquet")
    (tmp_path / "b.tsv").write_text("instruction\tcontext\tcategory\nHum.\tlow\tmusic\n")
    assert [r["instruction"] for r in load(tmp_path)] == ["Sing.", "Hum."]


def test_only_the_categories_asked_for_are_taken_and_ids_stay_those_of_the_file(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", *({"instruction": f"Do {i}.", "category": "ab"[i % 2]} for i in range(6)))
    whole = {r["instruction"]: r.id for r in LoadInstructions(name="load", path=str(file)).rows()}
    some = list(LoadInstructions(name="load", path=str(file), categories=["b"]).rows())
    assert [r["instruction"] for r in some] == ["Do 1.", "Do 3.", "Do 5."]
    assert all(whole[r["instruction"]] == r.id for r in some)


BAD = [
    '{"instruction": ""}',
    '{"instruction": "\\u200b\\u2060 \\ufeff"}',
    '{"instruction": null, "context": "x"}',
    '{"instruction": NaN}',
    '{"prompt": "Hum."}',
    '{"instruction": 5}',
    '{"instruction": ["Hum."]}',
    '{"instruction": "half a pair \\ud800"}',
    "oops",
    '["Hum."]',
    "\xff".encode("latin-1").decode("utf-8", "surrogateescape"),
]
REASONS = ["empty", "empty", *["missing"] * 3, *["not_text"] * 2, "not_unicode", "not_json", "not_a_row", "not_utf8"]


def bad_file(path: Path, *lines: str) -> Path:
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    return path


def test_a_bad_row_is_one_dropped_row_with_its_words(tmp_path: Path):
    file = bad_file(tmp_path / "a.jsonl", '{"instruction": "Sing."}', *BAD, '{"instruction": "Hum."}')
    rows = list(LoadInstructions(name="load", path=str(file)).rows())
    drops = [row.lineage.drop for row in rows]
    assert [drop and drop.reason for drop in drops] == [None, *REASONS, None]
    assert all(not drop.failed for drop in drops if drop)
    words = [drop.raw for drop in drops if drop]
    assert words[2] == '{"instruction": null, "context": "x"}'
    assert words[8] == "oops"
    assert words[10] == "\\xff"
    assert all(text and text.encode() for text in words)


def test_bad_rows_stop_the_run_where_that_is_wanted(tmp_path: Path):
    file = bad_file(tmp_path / "a.jsonl", '{"instruction": "Sing."}', *BAD)
    with pytest.raises(InputError) as error:
        load(file, on_bad_row="stop")
    assert [p.place and p.place.line for p in error.value.problems] == list(range(2, 13))
    assert "the row has prompt" in error.value.problems[4].hint


def test_where_every_row_is_bad_one_error_says_why_and_what_to_write(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", *({"question": f"Why {i}?", "answer": "So."} for i in range(30)))
    with pytest.raises(InputError) as error:
        load(file)
    (problem,) = error.value.problems
    assert "none of the 30 rows can be used (30 missing)" in problem.message
    assert problem.hint == "write instruction: question; the row has question, answer"
    assert [r["instruction"] for r in load(file, instruction="question")][:2] == ["Why 0?", "Why 1?"]


def test_a_source_without_a_usable_row_is_an_input_error(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", {"instruction": "Sing.", "category": "music"})
    with pytest.raises(InputError, match="no rows"):
        load(file, categories=["art"])


def test_the_real_seed_files_are_read_as_they_are(real_data: Path):
    assert len(load(real_data / "dolly" / "dolly_sample.jsonl")) == 100
    tasks = load(real_data / "self_instruct_seed_tasks.jsonl", context="instances.0.input", category="name")
    assert len(tasks) == 175
    assert 50 < sum(1 for r in tasks if r["context"]) < 175
