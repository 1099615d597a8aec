"""`export` writes a run's rows as trainers read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.cards.render import card_renderer
from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.runs.dataset import describe_file
from bezoar_data.runs.lock import Lock
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
    files = sorted(p for p in project.folder.glob("*.jsonl") if p.name != "rows.jsonl")
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
        "  1 row left out: empty (the first: nothing in response)",
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
    assert [r["id"] for r in rows] == ["1", "2", "3", "v"]
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


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_split_is_a_file_and_the_same_command_works_twice(tmp_path: Path):
    project = run(tmp_path)
    for _ in range(2):
        done = project.bezoar("export", "runs/t", "--format", "messages")
        assert done.code == 0, done.err
        assert done.out.splitlines()[:2] == [
            "t-messages.train.jsonl: 2 rows as messages",
            "t-messages.validation.jsonl: 1 row as messages",
        ]
    assert [len(lines(tmp_path / f"t-messages.{split}.jsonl")) for split in ("train", "validation")] == [2, 1]
    project.bezoar("export", "runs/t/dataset", "--format", "jsonl", "--out", "x.json")
    assert [len(json.loads((tmp_path / f"x.{split}.json").read_text())) for split in ("train", "validation")] == [3, 1]
    project.bezoar("export", "runs/t", "--format", "jsonl", "--out", "made")
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["train.jsonl", "validation.jsonl"]
    project.bezoar("export", "runs/t", "--format", "jsonl", "--split", "validation", "--out", "one.jsonl")
    assert [row["id"] for row in lines(tmp_path / "one.jsonl")] == ["v"]
    assert not list(tmp_path.rglob(".*.new"))


def test_where_chooses_and_a_json_file_is_one_list(tmp_path: Path):
    project = run(tmp_path)
    done = project.bezoar(
        *("export", "runs/t", "--format", "jsonl", "--split", "train"),
        *("--where", 'ok and ask != "Q3"', "--out", "x.json", "--json"),
    )
    assert done.json["files"] == [{"file": "x.json", "split": "train", "rows": 1}]
    assert (done.json["ok"], done.json["rows"], done.json["not_chosen"]) == (True, 1, 2)
    assert [r["id"] for r in json.loads((tmp_path / "x.json").read_text())] == ["1"]


JUDGED = [
    {"id": str(i), "ask": f"Q{i}", "say": f"A{i}", "judge_status": status, "judge_rating": 5 - i, "judge_reason": "why"}
    for i, status in enumerate(("Accept", "Reject", None, "Accept"))
]
TWO = [{**row, "other_status": "Accept", "other_rating": 1, "other_reason": "why"} for row in JUDGED]
ASKED = "{sft: {prompt: ask, response: say}}"
RATED = "{sft: {prompt: ask, response: say, where: judge_rating >= 4}}"


def taken(project: Project, *arguments: str) -> tuple[str, dict[str, Any]]:
    """The rows of the training split that were written, by their numbers, and the counts."""
    out = project.folder / "taken.jsonl"
    split = ("--split", "train", "--out", "taken.jsonl", "--json")
    done = project.bezoar("export", "runs/t", "--format", "alpaca", *split, *arguments)
    assert done.code == 0, done.err
    return "".join(row["output"][1:] for row in lines(out)), done.json


def test_accepted_rows_leave_and_the_others_are_counted(tmp_path: Path):
    project = run(tmp_path, ASKED, JUDGED)
    rows, counts = taken(project)
    assert (rows, counts["rejected"], counts["undecided"]) == ("03", 1, 1)
    assert counts["accepted"] == 'judge_status == "Accept"'
    said = project.bezoar("export", "runs/t", "--format", "alpaca", "--split", "train").out
    assert '1 rejected and 1 undecided left out (accepted: judge_status == "Accept"); --all takes them' in said
    rows, counts = taken(project, "--all")
    assert (rows, counts["rejected"], counts["undecided"]) == ("0123", 1, 1)
    rows, counts = taken(project, "--where", "judge_rating < 5")
    assert (rows, counts["rejected"], counts["undecided"], counts["not_chosen"]) == ("123", 1, 1, 1)
    assert taken(run(tmp_path / "rated", RATED, JUDGED))[0] == "01"
    done = project.bezoar("export", "runs/t", "--format", "alpaca", "--all", "--where", "ok")
    assert (done.code, "--all and --where" in done.err) == (2, True)


def test_several_judges_need_a_where_and_the_error_says_what_to_write(tmp_path: Path):
    project = run(tmp_path, ASKED, TWO)
    done = project.bezoar("export", "runs/t", "--format", "alpaca")
    assert done.code == 2
    assert "judge and other" in done.err
    assert 'where: judge_status == "Accept"' in done.err
    assert "README.md:4" in done.err
    assert taken(project, "--all")[0] == "0123"
    assert taken(project, "--where", 'other_status == "Accept"')[0] == "0123"
    assert taken(run(tmp_path / "rated", RATED, TWO))[0] == "01"


def test_people_go_before_the_judge_and_their_corrections_before_the_response(tmp_path: Path):
    said = (("Reject", None), ("Accept", "B1"), (None, None), (None, None))
    rows = [
        {
            **row,
            "review_status": status,
            "final_status": status or row["judge_status"],
            "review_response": better,
            "review_corrects": "say" if better else None,
        }
        for row, (status, better) in zip(JUDGED, said, strict=True)
    ]
    project = run(tmp_path, ASKED, rows)
    found, counts = taken(project)
    assert (found, counts["corrected"]) == ("13", 1)
    assert [row["output"] for row in lines(tmp_path / "taken.jsonl")] == ["B1", "A3"]
    _, counts = taken(project, "--original")
    assert counts["corrected"] == 0
    assert [row["output"] for row in lines(tmp_path / "taken.jsonl")] == ["A1", "A3"]


def test_a_card_with_several_views_asks(tmp_path: Path):
    project = run(tmp_path, SFT[:-1] + ", " + PAIR[1:])
    done = project.bezoar("export", "runs/t", "--format", "messages")
    assert (done.code, "--view sft, or --view preference" in done.err) == (2, True)
    assert project.bezoar("export", "runs/t", "--format", "messages", "--view", "preference").code == 0
    assert set(lines(tmp_path / "t-messages.train.jsonl")[0]) == {"prompt", "chosen", "rejected"}
    assert project.bezoar("export", "runs/t", "--format", "jsonl").code == 0, "rows as they are need no view"


def test_columns_are_read_by_their_names_or_by_those_that_are_given(tmp_path: Path):
    project = Project(tmp_path)
    rows = [{"question": "Q", "answer": "A", "n": 1.5}, {"question": "", "answer": "A", "n": float("nan")}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "faq.parquet")
    done = project.bezoar("export", "faq.parquet", "--format", "alpaca")
    assert done.out.splitlines() == [
        "faq-alpaca.jsonl: 1 row as alpaca",
        "  read by the names of the columns (prompt: question, response: answer), as no card has a view",
        "  1 row left out: empty (the first: nothing is asked: there is no prompt)",
    ]
    named = ("--prompt", "answer", "--response", "question")
    done = project.bezoar("export", "faq.parquet", "--format", "alpaca", *named, "--json")
    assert done.json["view"] == {
        "kind": "sft",
        "columns": {"prompt": "answer", "response": "question"},
        "from": "options",
    }
    assert lines(tmp_path / "faq-alpaca.jsonl") == [{"instruction": "A", "input": "", "output": "Q"}]
    done = project.bezoar("export", "faq.parquet", "--format", "alpaca", "--prompt", "qestion")
    assert (done.code, "did you mean 'question'?" in done.err) == (2, True)
    done = project.bezoar("export", "faq.parquet", "--format", "jsonl", "--json")
    assert (done.json["rows"], done.json["not_written"]) == (2, {"n: NaN or infinite": 1})
    pq.write_table(pa.table({"a": ["x"], "b": ["y"]}), tmp_path / "other.parquet")
    done = project.bezoar("export", "other.parquet", "--format", "alpaca")
    assert (done.code, "--prompt COLUMN --response COLUMN" in done.err, "card init" in done.err) == (2, True, True)


def with_lock(dataset: Path, lock: Lock) -> None:
    """Put the lock beside the rows, and the card that follows from it."""
    files = [describe_file(dataset, file, file.name.partition("-")[0]) for file in sorted((dataset / "data").iterdir())]
    columns = {field.name: str(field.type) for field in pq.read_schema(dataset / files[0].path)}
    lock = replace(lock, data=tuple(files), columns=columns)
    (dataset / "lock.json").write_text(json.dumps(lock.as_json()))
    for name, text in card_renderer(dataset / "README.md")(lock, None, None).items():
        (dataset / name).write_text(text)


def test_the_lock_says_what_is_demo_and_which_judges_a_panel_heard(tmp_path: Path):
    panel = [{**row, "panel_status": "Reject", "panel_rating": 1, "panel_reason": "why"} for row in TWO]
    project = run(tmp_path, ASKED, panel)
    lock = tmp_path / "runs" / "t" / "dataset" / "lock.json"
    assert project.bezoar("export", "runs/t", "--format", "alpaca").code == 2
    heard = replace(SAMPLE.steps[0], id="p", use="judge.panel", settings={"judges": ["judge", "other"]})
    counts = replace(SAMPLE.judges[0], name="panel", step="p", kind="panel")
    with_lock(lock.parent, replace(SAMPLE, steps=(heard,), judges=(counts,), demo=True))
    rows, found = taken(project)
    assert (rows, found["accepted"], found["demo"]) == ("", 'panel_status == "Accept"', True)
    card = (lock.parent / "README.md").read_text()
    (lock.parent / "README.md").write_text(card.replace("  demo: true", "  demo: false"))
    refused = project.bezoar("export", "runs/t", "--format", "alpaca")
    assert (refused.code, "'bezoar: demo' is not what follows from the lock" in refused.err) == (4, True)
    (lock.parent / "README.md").write_text(card)
    rest = next((lock.parent / "data").glob("validation*"))
    before = rest.read_bytes()
    pq.write_table(pq.read_table(rest).slice(1), rest)
    refused = project.bezoar("export", "runs/t", "--format", "alpaca")
    assert (refused.code, "not the rows of its lock" in refused.err) == (4, True)
    lock.write_text("{}")
    rest.write_bytes(before)
    assert taken(project, "--all")[1]["demo"] is False, "a lock of another version hides no row"


def test_demo_rows_say_so(tmp_path: Path):
    rows = [{**row, "_bezoar": '{"demo":true}'} for row in JUDGED]
    project = run(tmp_path, ASKED, rows)
    assert taken(project)[1]["demo"] is True
    assert "  demo: " in project.bezoar("export", "runs/t", "--format", "alpaca").out
    assert taken(run(tmp_path / "real", ASKED, JUDGED))[1]["demo"] is False


def test_a_format_for_a_trainer_is_a_folder_that_it_can_use(tmp_path: Path):
    project = run(tmp_path, PAIR)
    done = project.bezoar("export", "runs/t", "--format", "llama-factory")
    assert done.out.splitlines()[2] == "t-llama-factory/dataset_info.json: says how the trainer reads them"
    described = json.loads((tmp_path / "t-llama-factory" / "dataset_info.json").read_text())
    assert [len(lines(tmp_path / "t-llama-factory" / one["file_name"])) for one in described.values()] == [2, 1]
    done = project.bezoar("export", "runs/t", "--format", "axolotl", "--out", "more")
    assert sorted(p.name for p in (tmp_path / "more").iterdir()) == [
        "datasets.yaml",
        "t.train.jsonl",
        "t.validation.jsonl",
    ]
    done = project.bezoar("export", "runs/t", "--format", "axolotl", "--out", "x.jsonl")
    assert (done.code, "is written as a folder" in done.err) == (2, True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "dataset_info.json").write_text("[]")
    done = project.bezoar("export", "runs/t", "--format", "llama-factory", "--out", "broken")
    assert done.code == 2
    assert [p.name for p in (tmp_path / "broken").iterdir()] == ["dataset_info.json"], "nothing is left half-written"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "alpaca", "--where", "okk"), "did you mean 'ok'?"),
        (("--format", "alpaca", "--where", "ask = 1"), "write '=='"),
        (("--format", "alpaca", "--split", "trian"), "did you mean 'train'?"),
        (("--format", "alpaca", "--view", "preference"), "has no view 'preference'"),
        (("--format", "alpaca", "--out", "x.csv"), "what is '.csv' to be?"),
        (("--format", "alpaca", "--split", "train", "--out", "runs/t/dataset/train.jsonl"), "whose card vouches"),
        (("--format", "alpaca", "--out", "no/such/folder"), "cannot be written"),
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


def test_a_damaged_file_is_told_with_its_name_and_nothing_is_written(tmp_path: Path):
    """Whether it is noticed as it is opened, or with the first rows of a page."""
    project = run(tmp_path, rows=[{**ROWS[0], "say": f"{i} {'word ' * 50}"} for i in range(400)])
    file = tmp_path / "runs" / "t" / "dataset" / "data" / "train-00000-of-00001.parquet"
    sound = file.read_bytes()
    for content in (sound + b"x", sound[:-9], b"", sound[:200] + bytes(600) + sound[800:]):
        file.write_bytes(content)
        for source in ("runs/t", str(file.relative_to(tmp_path))):
            done = project.bezoar("export", source, "--format", "jsonl", "--all")
            assert done.code == 2, done.err
            assert "damaged" in done.err or "not a Parquet file" in done.err
            assert "hint:" in done.err
            assert "train-00000-of-00001.parquet" in done.err or "runs/t" in done.err
            assert not list(tmp_path.glob("*.jsonl"))
            assert not list(tmp_path.glob(".*.new"))
