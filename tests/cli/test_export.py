"""`export` writes a run's rows as trainers read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command import Outcome
from support.projects import Project

CARD = """\
---
pretty_name: Test
bezoar:
  views: {views}
---

# Test
"""
ROWS = [
    {"id": "1", "ask": "Q1", "say": "A1", "sys": "Be brief", "bad": "B1", "ok": True, "_bezoar": "{}"},
    {"id": "2", "ask": "Q2", "say": "A2", "sys": "", "bad": "B2", "ok": False, "_bezoar": "{}"},
    {"id": "3", "ask": "Q3", "say": None, "sys": None, "bad": "B3", "ok": True, "_bezoar": "{}"},
]
SFT = "{sft: {system: sys, prompt: ask, response: say}}"
PAIR = "{preference: {prompt: ask, chosen: say, rejected: bad}}"


def run(tmp_path: Path, views: str = SFT, rows: list[dict[str, Any]] = ROWS) -> Project:
    project = Project(tmp_path)
    data = tmp_path / "runs" / "t" / "dataset" / "data"
    data.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), data / "train-00000-of-00001.parquet")
    later = [{**rows[0], "id": "v"}]
    pq.write_table(pa.Table.from_pylist(later), data / "validation-00000-of-00001.parquet")
    (data.parent / "README.md").write_text(CARD.replace("{views}", views))
    return project


def export(project: Project, *arguments: str) -> tuple[Outcome, list[Any]]:
    done = project.bezoar("export", "runs/t", *arguments)
    files = [p for p in project.folder.glob("*.jsonl") if p.name != "rows.jsonl"]
    return done, [json.loads(line) for f in files for line in f.read_text().splitlines()]


def test_each_format_of_an_sft_view(tmp_path: Path):
    done, rows = export(run(tmp_path / "a"), "--format", "alpaca", "--split", "train")
    assert done.code == 0, done.err
    assert rows == [
        {"instruction": "Q1", "input": "", "output": "A1", "system": "Be brief"},
        {"instruction": "Q2", "input": "", "output": "A2"},
    ]
    assert done.out.splitlines() == [
        "t-alpaca.jsonl: 2 rows as alpaca",
        "  1 rows left out: no prompt or no answer in them",
    ]
    _, rows = export(run(tmp_path / "b"), "--format", "messages", "--split", "train")
    assert rows[0] == {
        "messages": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "Q1"},
            {"role": "assistant", "content": "A1"},
        ]
    }
    _, rows = export(run(tmp_path / "c"), "--format", "sharegpt", "--split", "train")
    assert rows[1] == {"conversations": [{"from": "human", "value": "Q2"}, {"from": "gpt", "value": "A2"}]}
    _, rows = export(run(tmp_path / "d"), "--format", "jsonl")
    assert [r["id"] for r in rows] == ["1", "2", "3", "v"], "all splits, train first"
    assert set(rows[0]) == {"id", "ask", "say", "sys", "bad", "ok"}


def test_pairs(tmp_path: Path):
    _, rows = export(run(tmp_path / "a", PAIR), "--format", "messages", "--split", "validation")
    turn = {"prompt": [{"role": "user", "content": "Q1"}]}
    chosen, rejected = ([{"role": "assistant", "content": t}] for t in ("A1", "B1"))
    assert rows == [{**turn, "chosen": chosen, "rejected": rejected}]
    _, rows = export(run(tmp_path / "b", PAIR), "--format", "alpaca", "--split", "validation")
    assert rows == [{"instruction": "Q1", "input": "", "chosen": "A1", "rejected": "B1"}]


def test_conversations_with_history(tmp_path: Path):
    talk = [
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Hello"},
        {"from": "human", "value": "Bye"},
        {"from": "gpt", "value": "So long"},
    ]
    views = "{messages: {messages: talk}}"
    rows = [{"id": "1", "talk": talk, "_bezoar": "{}"}]
    _, found = export(run(tmp_path / "a", views, rows), "--format", "alpaca", "--split", "train")
    assert found == [{"instruction": "Bye", "input": "", "output": "So long", "history": [["Hi", "Hello"]]}]
    _, found = export(run(tmp_path / "b", views, rows), "--format", "sharegpt", "--split", "train")
    assert found == [{"conversations": talk}]


def test_where_chooses_and_a_json_file_is_one_list(tmp_path: Path):
    project = run(tmp_path)
    done = project.bezoar(
        "export", "runs/t", "--format", "jsonl", "--where", 'ok and ask != "Q3"', "--out", "x.json", "--json"
    )
    assert done.json == {
        "ok": True, "file": "x.json", "format": "jsonl", "rows": 2, "left_out": 2, "without_text": 0,
    }  # fmt: skip
    assert [r["id"] for r in json.loads((tmp_path / "x.json").read_text())] == ["1", "v"]
    assert not list(tmp_path.glob(".*.new"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "alpaca", "--where", "okk"), "did you mean 'ok'?"),
        (("--format", "alpaca", "--where", "ask = 1"), "write '=='"),
        (("--format", "alpaca", "--split", "trian"), "did you mean 'train'?"),
        (("--format", "alpaca", "--view", "preference"), "has no view 'preference'"),
        (("--format", "alpaca", "--out", "runs"), "this is a folder"),
        (("--format", "alpaca", "--out", "no/such/x.jsonl"), "cannot be written"),
        (("--format", "csv"), "csv"),
    ],
)
def test_mistakes_end_in_one_message_and_no_file(tmp_path: Path, arguments: tuple[str, ...], said: str):
    done, rows = export(run(tmp_path), *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert rows == []


def test_a_view_of_a_column_that_is_gone_and_a_folder_without_a_dataset(tmp_path: Path):
    done, _ = export(run(tmp_path, "{sft: {prompt: ask, response: sai}}"), "--format", "alpaca")
    assert (done.code, "README.md:4:" in done.err, "did you mean 'say'?" in done.err) == (2, True, True)
    done = Project(tmp_path).bezoar("export", "nothing", "--format", "jsonl")
    assert (done.code, "there is no dataset in this folder" in done.err) == (2, True)
