"""Rows of a finished run on the command line: their stories, and the rows themselves."""

from __future__ import annotations

import json
import shutil
import unicodedata
from contextlib import closing
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bezoar_data import head, load_pipeline, trace
from bezoar_data.llms.journal import reader
from bezoar_data.llms.journal.schema import connect
from bezoar_data.reports.rows.story import Stories, Story
from bezoar_data.reports.rows.terminal import show_story
from support.fault_server import FaultServer
from support.projects import JUDGED, Project
from support.shipped import OFFLINE, PIPELINES
from support.shown_texts import NASTY

STEERING = "\x1b[31mred\x1b[0m \x07 \u202ereversed\u202c \u2066isolated\u2069 [bold]no markup[/bold] \x9b2J \r over"
HOSTILE = dict(enumerate((*NASTY[:8], STEERING), start=20))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, running_server: FaultServer) -> Project:
    """A judged run: a row that was refused, some that hold texts which steer terminals and pages."""
    project = Project(tmp_path_factory.mktemp("rows") / "project")
    project.rows(29, {3: "[[400]]", **HOSTILE})
    project.pipeline(JUDGED, tolerate=0.5)
    running_server.renew()
    project.models(running_server.url, price={"input": 1.0, "output": 2.0, "read": "2026-11-01"})
    done = project.run()
    assert done.code == 0, done.err
    return project


@pytest.fixture
def copy(judged: Project, tmp_path: Path) -> Project:
    """The same, to be spoiled."""
    shutil.copytree(judged.folder, tmp_path / "copy")
    return Project(tmp_path / "copy")


def traced(project: Project, *arguments: str) -> dict[str, Any]:
    done = project.bezoar("trace", *arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def test_a_kept_rows_story_is_told_by_id_by_its_first_letters_and_by_text(judged: Project) -> None:
    row = next(r for r in judged.kept() if "number 7?" in r["inputs"])
    story = traced(judged, row["id"])
    assert story == traced(judged, row["id"][:12].upper(), "--run", "runs/test")
    assert story == traced(judged, "--find", "THE NUMBER 7?")
    assert (story["id"], story["kept"], story["run"]) == (row["id"], True, "runs/test")
    assert story["columns"]["explained_targets"] == row["explained_targets"]
    assert [(s["step"], s["ends"]) for s in story["steps"]] == [
        ("load_flan", "read"),
        ("orca-system_message", "kept"),
        ("orca-explain", "kept"),
        ("judge-accept", "kept"),
    ]
    asked, judging = (s["calls"][0] for s in story["steps"][2:])
    assert asked["messages"][-1] == {"role": "user", "content": row["inputs"]}
    assert (asked["text"], asked["known"], asked["model"]) == (row["explained_targets"], "answered", "tester")
    assert json.loads(judging["text"])["rating"] == row["judge_rating"]
    assert story["cost"] == pytest.approx(asked["cost"] + judging["cost"])
    assert story["cost"] > 0
    assert (story["answers"], story["missing"]) == (2, 0)


def test_a_dropped_rows_story_ends_where_it_was_dropped(judged: Project) -> None:
    (row,) = judged.dropped()
    story = traced(judged, row["id"][:10])
    last = story["steps"][-1]
    assert (story["kept"], last["step"], last["ends"], last["reason"]) == (False, row["step"], "dropped", row["reason"])
    assert story["columns"]["inputs"].endswith("[[400]]")
    assert last["detail"]
    shown = judged.bezoar("trace", row["id"], "--run", "runs/test")
    assert f"dropped by orca-explain: {row['reason']}" in shown.out
    assert traced(judged, "--find", "[[400]]") == story


def test_texts_found_in_several_rows_are_listed(judged: Project) -> None:
    done = judged.bezoar("trace", "--find", "it comes after 2", "--json")
    assert done.code == 0
    assert len(done.json["matches"]) == 10 - 1  # 3, and those from 21 to 28
    assert {match["column"] for match in done.json["matches"]} == {"targets"}
    assert "It comes after 2" in done.json["matches"][0]["words"]
    shown = judged.bezoar("trace", "--find", "comes after")
    assert "more than 20 rows" in shown.out
    assert len(shown.out.splitlines()) == 21


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zz"], "no row has an id that begins with 'zz'"),
        (["--find", "nowhere at all"], "no row holds the text 'nowhere at all'"),
        (["--find", 'inputs": "What'], "no row holds the text"),
        (["ab", "--find", "ab"], "name one row"),
        ([], "name one row"),
        (["ab", "--run", "nowhere"], "there is no dataset in this folder"),
    ],
)
def test_what_is_not_there_is_told(judged: Project, arguments: list[str], said: str) -> None:
    done = judged.bezoar("trace", *arguments)
    assert done.code == 2
    assert said in done.err


def test_first_letters_of_several_rows_are_told_with_all_of_them(judged: Project) -> None:
    ids = [row["id"] for row in (*judged.kept(), *judged.dropped())]
    letter = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    done = judged.bezoar("trace", letter)
    assert done.code == 2
    assert f"rows begin with '{letter}'" in done.err
    assert all(one[:7] in done.err for one in ids if one[0] == letter)


@pytest.mark.parametrize("number", HOSTILE)
def test_nothing_in_a_row_steers_the_terminal(judged: Project, number: int) -> None:
    row = next(r for r in judged.kept() if r["inputs"].startswith(f"What is special about the number {number}?"))
    outs = [
        judged.bezoar("trace", row["id"], "--full").out,
        judged.bezoar("show", "runs/test", row["id"]).out,
        judged.bezoar(
            "head", "runs/test", "-n", "40", "--full", "--where", f'contains(inputs, "number {number}?")'
        ).out,
    ]
    for out in outs:
        assert not [c for c in out if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t\u200c\u200d"]
        if number == max(HOSTILE):
            assert "\\x1b[31mred" in out
            assert "[bold]no markup[/bold]" in " ".join(out.split())


def test_a_terminal_gets_colours_and_lines_no_wider_than_it_is(judged: Project) -> None:
    with Stories.open(judged.folder / "runs/test") as stories:
        story = stories.of(stories.files.by_text(STEERING[:12], 1)[0])
        text = StringIO()
        show_story(story, Console(file=text, width=60, force_terminal=True, color_system="standard"), full=True)
        plain = StringIO()
        show_story(story, Console(file=plain, width=60, color_system=None), full=True)
    assert "\x1b[" in text.getvalue()
    assert "\x1b[" not in plain.getvalue()
    assert max(map(len, plain.getvalue().splitlines())) <= 60


def test_what_was_redacted_is_told_as_such(copy: Project) -> None:
    row = copy.kept()[0]
    assert copy.bezoar("journal", "redact", row["id"]).code == 0
    story = traced(copy, row["id"])
    assert [call["known"] for step in story["steps"] for call in step["calls"]] == ["redacted", "redacted"]
    assert all(call["text"] is None and call["messages"] is None for step in story["steps"] for call in step["calls"])


def test_without_its_journal_a_row_is_told_all_the_same(copy: Project) -> None:
    for file in copy.folder.glob("runs/journal.sqlite*"):
        file.unlink()
    row = copy.kept()[0]
    story = traced(copy, row["id"], "--run", "runs/test")
    assert (story["answers"], story["missing"], story["id"]) == (2, 2, row["id"])
    assert "no journal here holds this answer" in copy.bezoar("trace", row["id"], "--run", "runs/test").out
    assert not list(copy.folder.glob("runs/journal.sqlite*"))


def test_recorded_answers_serve_where_the_journal_has_none(copy: Project) -> None:
    assert copy.bezoar("journal", "export", "--to", "answers.jsonl").code == 0
    made_from = copy.folder / "runs/test/made_from.json"
    noted = json.loads(made_from.read_text())
    made_from.write_text(json.dumps({**noted, "answers": ["../../answers.jsonl"]}))
    for file in copy.folder.glob("runs/journal.sqlite*"):
        file.unlink()
    story = traced(copy, copy.kept()[0]["id"], "--run", "runs/test")
    assert story["missing"] == 0
    assert story["steps"][2]["calls"][0]["messages"]


def test_the_journal_is_only_read_and_by_its_index(copy: Project) -> None:
    journal = copy.folder / "runs/journal.sqlite"
    before = journal.read_bytes()
    traced(copy, copy.kept()[0]["id"])
    assert journal.read_bytes() == before
    with closing(connect(journal)) as connection:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {reader._SELECT}", (b"",)))
    assert "SEARCH a USING INDEX answers_key" in plan
    assert "SCAN" not in plan


def test_a_file_that_is_no_journal_is_refused(copy: Project) -> None:
    (copy.folder / "notes.txt").write_text("no journal" * 100)
    done = copy.bezoar("trace", copy.kept()[0]["id"], "--run", "runs/test", "--journal", "notes.txt")
    assert done.code == 2
    assert "notes.txt is not a journal" in done.err
    done = copy.bezoar("trace", copy.kept()[0]["id"], "--run", "runs/test", "--journal", "nowhere.sqlite")
    assert done.code == 2
    assert "there is no journal at nowhere.sqlite" in done.err


def test_all_stories_of_a_run_are_those_of_each_row(judged: Project) -> None:
    with Stories.open(judged.folder / "runs/test") as stories:
        every: list[Story] = list(stories.all())
        assert len(every) == 29
        assert [s.row.id for s in every if s.row.kept] == [row["id"] for row in judged.kept()]
        for story in every[::9]:
            (row,) = stories.files.by_ids([story.row.id])
            assert stories.of(row) == story


def test_a_made_rows_story_names_the_step_that_made_it(tmp_path: Path) -> None:
    run = load_pipeline(
        PIPELINES / "lamini.yaml", models=OFFLINE, out=tmp_path / "lamini", journal=tmp_path / "journal.sqlite"
    ).run(quiet=True)
    with Stories.open(Path(run.folder)) as stories:
        every = list(stories.all())
        assert {s.made_by for s in every if s.row.lineage.parent_ids} == {"lamini-generate"}
        kept = next(s for s in every if s.row.kept and s.row.lineage.parent_ids)
    ends = {step.step: step.ends for step in kept.steps}
    assert ends["lamini-generate"] == "made"
    assert ends["judge-accept"] == "kept"
    assert not kept.missing


def test_head_shows_the_first_rows_and_those_that_are_asked_for(judged: Project) -> None:
    kept = judged.kept()
    found = judged.bezoar("head", "runs/test", "-n", "3", "--columns", "inputs,judge_status", "--json").json
    assert [row["id"] for row in found["rows"]] == [row["id"] for row in kept[:3]]
    assert [row["number"] for row in found["rows"]] == [1, 2, 3]
    assert found["total"] == 28
    assert all(list(row["columns"]) == ["inputs", "judge_status"] for row in found["rows"])
    rejected = [i for i, row in enumerate(kept, 1) if row["judge_status"] == "Reject"]
    found = judged.bezoar("head", "runs/test", "-n", "50", "--where", 'judge_status == "Reject"', "--json").json
    assert [row["number"] for row in found["rows"]] == rejected
    shown = judged.bezoar("head", "runs/test", "-n", "1")
    assert "row 1 of 28" in shown.out
    assert "judge_status" in shown.out


def test_dropped_rows_are_shown_with_why(judged: Project) -> None:
    shown = judged.bezoar("head", "runs/test", "--dropped", "--where", 'step == "orca-explain"')
    assert "dropped by orca-explain" in shown.out
    assert judged.bezoar("head", "runs/test", "--dropped", "--where", 'reason == "other"').out.startswith("no rows")


def test_a_sample_is_the_same_for_the_same_seed(judged: Project) -> None:
    def drawn(*more: str) -> list[str]:
        return [r["id"] for r in judged.bezoar("sample", "runs/test", "-n", "6", "--json", *more).json["rows"]]

    assert drawn() == drawn()
    assert drawn() != drawn("--seed", "1")
    assert len(set(drawn())) == 6


def test_show_takes_numbers_and_ids_and_tells_every_wrong_one(judged: Project) -> None:
    kept = judged.kept()
    found = judged.bezoar("show", "runs/test", "2", kept[4]["id"][:9], "--json").json["rows"]
    assert [row["id"] for row in found] == [kept[1]["id"], kept[4]["id"]]
    done = judged.bezoar("show", "runs/test", "0", "99", "zz", "--columns", "inputs")
    assert done.code == 2
    assert all(said in done.err for said in ("no row 0", "no row 99", "begins with 'zz'"))
    done = judged.bezoar("show", "runs/test", "1", "--columns", "input")
    assert done.code == 2
    assert "there is no column 'input'" in done.err
    done = judged.bezoar("head", "runs/test", "--where", 'judge == "x"')
    assert done.code == 2
    assert "there is no column 'judge'" in done.err


class Seen(HTMLParser):
    """The elements of a piece, and what a reader reads of it."""

    def __init__(self, piece: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = ""
        self.feed(piece)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        assert not [name for name, _ in attrs if name not in ("class", "colspan", "rowspan")]

    def handle_data(self, data: str) -> None:
        self.text += data


OURS = {
    "style",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "pre",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "h2",
}


def test_in_a_notebook_rows_and_stories_show_themselves_and_obey_nothing(judged: Project) -> None:
    run = judged.folder / "runs" / "test"
    (dropped,) = judged.dropped()
    rows = Seen(head(run, 40)._repr_html_())
    assert rows.elements <= OURS
    assert "What is special about the number 7?" in rows.text
    only = Seen(head(run, 3, columns=["judge_rating"])._repr_html_()).text
    assert "judge_rating" in only
    assert "What is special" not in only
    for row in (*judged.kept(), dropped):
        story = Seen(trace(row["id"], run)._repr_html_())
        assert story.elements <= {*OURS, "h3", "span", "section"}
        assert row["id"] in story.text
    assert f"dropped · {dropped['reason']}" in story.text


def test_in_a_notebook_a_run_shows_its_first_rows(judged: Project) -> None:
    shown = load_pipeline(judged.folder / "pipeline.yaml").run()._repr_html_()
    assert "The first rows" in shown
    assert judged.kept()[0]["inputs"] in Seen(shown).text
