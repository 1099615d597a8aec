"""What a run says of overlap with evaluation sets: in the lock, on the card and in the report beside it."""

from __future__ import annotations

import hashlib
import json

import pytest

from bezoar_data.runs.row import seed_id
from support.fault_server import FaultServer
from support.projects import Project, both_engines_agree

QUESTION = "Why does the moon show us the same side on every single night of the year?"
SEARCH = """\
  - use: load_flan
    with: {path: rows.jsonl}
  - use: decontaminate
    with: {column: [inputs, targets], against: tests.jsonl, ACTION}
"""
EXPLAIN = """\
  - use: orca.system_message
  - use: orca.explain
    with: {model: teacher}
"""


def prepare(project: Project, steps: str) -> None:
    """Twenty rows, of which rows 3, 5 and 7 hold an item of the evaluation set, disguised."""
    project.rows(20, {3: QUESTION, 5: QUESTION.upper(), 7: f"So: {QUESTION.replace('?', ' - tell me!')}"})
    items = [
        {"question_id": 81, "turns": [QUESTION, "And how did that come about?"]},
        {"question_id": 82, "turns": ["Add 2 and 2 for me."]},
    ]
    (project.folder / "tests.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    project.models("http://127.0.0.1:9/v1")
    project.pipeline(steps)


def test_rows_dropped_and_kept_on_appeal_are_told_with_item_and_words(project: Project):
    appealed, *found = (seed_id("rows.jsonl", "", i) for i in (5, 3, 7))
    prepare(project, SEARCH.replace("ACTION", f"allow: [{appealed}]"))
    done = project.run("--json")
    assert done.code == 0, done.err
    dataset = project.folder / "runs" / "test" / "dataset"
    lock = json.loads((dataset / "lock.json").read_text())["contamination"]
    (search,) = lock["steps"]
    assert search["sets"] == [
        {
            "name": "tests.jsonl",
            "revision": None,
            "sha256": hashlib.sha256((project.folder / "tests.jsonl").read_bytes()).hexdigest(),
            "url": None,
            "items": 2,
            "texts": 3,
            "rows_found": 3,
        }
    ]
    outcomes = ("rows", "flagged", "dropped", "marked", "kept_on_appeal", "ngram", "every_row", "changed_after")
    assert [search[name] for name in outcomes] == [20, 3, 2, 0, 1, 8, True, []]
    report = (dataset / "contamination.jsonl").read_bytes()
    assert lock["report"] == {"path": "contamination.jsonl", "rows": 3, "sha256": hashlib.sha256(report).hexdigest()}
    lines = [json.loads(line) for line in report.splitlines()]
    assert [(line["row"], line["outcome"]) for line in lines] == [
        (found[0], "dropped"),
        (appealed, "kept_on_appeal"),
        (found[1], "dropped"),
    ]
    match = {"set": "tests.jsonl", "item": "item 81 1", "coverage": 1.0, "ngram": "why does the moon show us the same"}
    assert all(line["matches"] == [match] for line in lines)
    assert {row["id"] for row in project.dropped()} == set(found)
    assert appealed in {row["id"] for row in project.kept()}
    card = (dataset / "README.md").read_text()
    assert "3 held test items (2 dropped, 1 kept on appeal)" in card
    assert "| `tests.jsonl` | 2 | 3 | 3 |" in card
    assert "`contamination.jsonl`" in card
    assert "Overlap with benchmarks" not in card


@pytest.mark.slow
def test_marked_rows_and_what_was_not_compared_are_told(project: Project):
    late = "  - {id: again, use: clean, with: {column: [targets]}}\n"
    prepare(project, SEARCH.replace("ACTION", "action: mark") + late)
    assert project.run().code == 0
    dataset = project.folder / "runs" / "test" / "dataset"
    search = json.loads((dataset / "lock.json").read_text())["contamination"]["steps"][0]
    assert (search["flagged"], search["dropped"], search["marked"]) == (3, 0, 3)
    assert search["changed_after"] == ["again"]
    card = (dataset / "README.md").read_text()
    assert "3 held test items (3 kept and marked)" in card
    assert "What was written later (`again`) was not compared." in card
    assert "Overlap with benchmarks was checked in a part of the data only." in card
    branches = """\
  - {id: other, use: load_flan, after: [], with: {path: others.jsonl}}
  - {id: both, use: where, after: [decontaminate, other], join: union, with: {expression: inputs is not null}}
"""
    prepare(project, SEARCH.replace("ACTION", "action: mark") + branches)
    (project.folder / "others.jsonl").write_bytes((project.folder / "rows.jsonl").read_bytes())
    done = project.run("--out", "runs/union")
    assert done.code == 0, done.err
    lock = json.loads((project.folder / "runs" / "union" / "dataset" / "lock.json").read_text())
    assert lock["contamination"]["steps"][0]["every_row"] is False


@pytest.mark.slow
def test_both_engines_report_the_same(project: Project, server: FaultServer):
    appealed = seed_id("rows.jsonl", "", 5)
    prepare(project, SEARCH.replace("ACTION", f"allow: [{appealed}], action: mark") + EXPLAIN)
    project.models(server.url)
    both_engines_agree(project)
    folders = [project.folder / place / "dataset" for place in ("runs/stream", "elsewhere/local")]
    reports = [(folder / "contamination.jsonl").read_bytes() for folder in folders]
    assert reports[0] == reports[1]
    assert reports[0].count(b"\n") == 3
    locks = [json.loads((folder / "lock.json").read_text())["contamination"] for folder in folders]
    assert locks[0] == locks[1]
