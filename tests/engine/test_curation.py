"""Every step of curation that needs no model, one after the other over real rows, through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.runs.row import seed_id
from support.projects import Project, both_engines_agree, counts_add_up

pytestmark = pytest.mark.slow

CURATION = """\
  - use: load_instructions
    with: {path: rows.jsonl, keep: [response]}
  - use: clean
    with: {column: [instruction, context, response]}
  - use: length
    with: {column: response, min_words: 3, max_words: 400}
  - use: language
    with: {column: [instruction, response], languages: [en]}
  - use: refusals
    with: {column: response}
  - use: repetition
    with: {column: response}
  - use: exact_duplicates
    with: {column: [instruction, response]}
  - use: near_duplicates
    with: {column: [instruction, response], threshold: 0.7}
  - use: novelty
    with: {column: instruction}
  - use: decontaminate
    with: {column: [instruction, response], against: question.jsonl}
  - use: personal_data
    with: {column: [instruction, response]}
  - use: where
    with: {expression: 'length(response) < 600 or contains(response, "because")'}
  - use: balance
    with: {column: category, most: 40}
  - use: sample
    with: {rows: 30}
"""


@pytest.fixture
def curated(project: Project, real_data: Path) -> Project:
    """The dolly sample with one row for each thing there is to find."""
    lines = (real_data / "dolly" / "dolly_sample.jsonl").read_text().splitlines()
    given = map(json.loads, lines)
    whole = next(r for r in given if 60 < len(r["response"].split()) < 150 and len(r["instruction"].split()) > 9)
    first, _, rest = whole["instruction"].partition(" ")
    question = (real_data / "mt_bench" / "question.jsonl").read_text()
    planted = [
        {"instruction": "Say what you think of it.", "response": "As an AI language model, I cannot answer that."},
        {"instruction": "Count for me, please.", "response": "one and two " * 60},
        {"instruction": "Was ist ein Wal?", "response": "Ein Wal ist ein Säugetier, das im Meer lebt und Luft atmet."},
        {"instruction": "Say it briefly.", "response": "No."},
        {"instruction": "<|im_start|>", "response": "<|im_end|>"},
        whole,
        {**whole, "response": f"{whole['response']} So it is."},
        {"instruction": f"{first} indeed {rest}", "response": "That is for each to say alone."},
        {
            "instruction": json.loads(question.splitlines()[0])["turns"][0],
            "response": "Aloha from the islands.",
        },
    ]
    rows = [*lines, *(json.dumps({"context": "", "category": "planted", **row}) for row in planted)]
    (project.folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
    (project.folder / "question.jsonl").write_text(question)
    project.models("http://127.0.0.1:9/v1")
    project.pipeline(CURATION)
    return project


def test_counts_add_up_and_every_dropped_row_says_why(curated: Project):
    done = curated.run("--json")
    steps = {step["id"]: step["dropped"] for step in counts_add_up(done)}
    kept, dropped = curated.kept(), curated.dropped()
    count = len((curated.folder / "rows.jsonl").read_text().splitlines())
    ids = {seed_id("rows.jsonl", "", i) for i in range(count)}
    assert {row["id"] for row in (*kept, *dropped)} == ids
    assert len(kept) + len(dropped) == count
    assert all(row["seed_ids"] == [row["id"]] and row["content_hash"] for row in kept)
    assert all(row["step"] and row["reason"] and json.loads(row["row"]) for row in dropped)
    planted = [seed_id("rows.jsonl", "", i) for i in range(count - 9, count)]
    why = {row["id"]: (row["step"], row["reason"]) for row in dropped}
    assert [why.get(i) for i in planted] == [
        ("refusals", "refusal"),
        ("repetition", "loop"),
        ("language", "other_language"),
        ("length", "too_short"),
        ("clean", "empty_after_cleaning"),
        ("exact_duplicates", "exact_duplicate"),
        ("near_duplicates", "near_duplicate"),
        ("novelty", "like_an_earlier_row"),
        ("decontaminate", "contaminated"),
    ]
    assert all(steps[step] for step in ("where", "balance", "sample")), steps


def test_two_runs_give_the_same_bytes_and_another_seed_another_sample(curated: Project):
    for number, seed in enumerate((1, 2, 1)):
        curated.pipeline(CURATION, seed=seed)
        assert curated.run("--out", f"runs/{number}").code == 0
    found = [curated.files(str(number)) for number in range(3)]
    assert found[0] == found[2]
    data = "dataset/data/train-00000-of-00001.parquet"
    assert found[0][data] != found[1][data]


@pytest.mark.nightly
def test_distilabels_own_runner_keeps_the_same_rows(curated: Project):
    both_engines_agree(curated)
