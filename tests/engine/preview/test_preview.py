"""The preview of a few rows: on the real engine, in this process, over the shipped pipelines and a real server."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bezoar_data import Pipeline, load_pipeline
from bezoar_data.reports.preview.report import PreviewReport
from support.fault_server import FaultServer
from support.projects import JUDGED, STEPS, Project
from support.shipped import OF_FILES, OFFLINE

PIPELINES = Path(__file__).parents[3] / "pipelines"


def keys(journal: Path) -> set[bytes]:
    with closing(sqlite3.connect(journal)) as db:
        return {key for (key,) in db.execute("SELECT key FROM answers")}


def pipeline(project: Project, steps: str = STEPS, **more: object) -> Pipeline:
    runs = project.folder / "runs"
    return load_pipeline(project.pipeline(steps, **more), out=runs / "test", journal=runs / "journal.sqlite")


def asked_of(report: PreviewReport) -> dict[str, int]:
    """How many questions each step asked."""
    steps = report.preview.asked["steps"]
    return {step: sum(count["asks"] for count in models.values()) for step, models in steps.items()}


@pytest.mark.parametrize("name", ["orca", "lamini", "evol-instruct"])
def test_a_run_after_a_preview_asks_only_what_is_new(name: str, tmp_path: Path):
    def pipeline(folder: Path) -> Pipeline:
        return load_pipeline(
            PIPELINES / f"{name}.yaml", models=OFFLINE, out=folder / name, journal=folder / "journal.sqlite"
        )

    alone = pipeline(tmp_path / "alone").run(quiet=True)
    file = pipeline(tmp_path / "after")
    report = file.preview(3, quiet=True)
    assert report.exit_code == 0
    assert any(row.ends == "kept" for row in report.rows)
    previewed = keys(tmp_path / "after" / "journal.sqlite")
    assert 0 < len(previewed) < 60
    run = file.run(quiet=True)
    assert keys(tmp_path / "after" / "journal.sqlite") == keys(tmp_path / "alone" / "journal.sqlite")
    assert run.as_json()["asked"]["requests"] == alone.as_json()["asked"]["requests"] - len(previewed)
    assert run.lock.hash == alone.lock.hash
    kept = {row["id"] for split in run.load_dataset().values() for row in split}
    assert {row.id for row in report.rows if row.ends == "kept"} <= kept


@pytest.mark.parametrize("name", OF_FILES)
def test_every_shipped_pipeline_is_previewed(name: str, tmp_path: Path):
    file = load_pipeline(
        PIPELINES / f"{name}.yaml", models=OFFLINE, out=tmp_path / name, journal=tmp_path / "journal.sqlite"
    )
    report = file.preview(1, quiet=True)
    assert report.exit_code == 0
    assert any(row.ends == "kept" for row in report.rows)
    assert name in str(report)
    assert name in report.page()


def test_a_preview_writes_nothing_but_the_journal(project: Project, server: FaultServer):
    project.rows(40)
    project.models(server.url)
    before = {p.relative_to(project.folder) for p in project.folder.rglob("*")}
    file = pipeline(project)
    before.add(Path("pipeline.yaml"))
    assert len(file.preview(2, quiet=True).rows) == 2
    after = {p.relative_to(project.folder) for p in project.folder.rglob("*")}
    assert {p.name.removesuffix(".lock").partition("-")[0] for p in after - before} == {"runs", "journal.sqlite"}
    assert server.stats()["requests"] == 2


def test_everything_said_of_a_row_is_shown(project: Project, server: FaultServer):
    project.rows(10, mark={0: "[[400]]"})
    project.models(server.url)
    report = pipeline(project, JUDGED, tolerate=1.0).preview(2, quiet=True)
    refused, good = report.rows
    assert [row.ends for row in report.rows] == ["dropped", "kept"]
    asked = refused.steps[-1]
    assert asked.step == "orca-explain"
    assert "[[400]]" in asked.calls[0].messages[-1]["content"]
    assert "400" in str(asked.calls[0].refused)
    steps = {step.step: step for step in good.steps}
    assert list(steps) == ["orca-system_message", "orca-explain", "judge-accept"]
    assert steps["orca-explain"].columns["explained_targets"] == steps["orca-explain"].calls[0].answers[0]
    assert set(steps["judge-accept"].columns) == {"judge_status", "judge_rating", "judge_reason"}
    text = str(report)
    for said in ("What is special about the number 1?", "dropped", "[[400]]", "orca-explain", "judge_status"):
        assert said in text
    assert json.loads(json.dumps(report.as_json()))["rows"][0]["ends"] == "dropped"


def test_rows_dropped_before_a_model_do_not_count_and_are_told_once_for_each_reason(
    project: Project, server: FaultServer
):
    project.rows(400)
    project.models(server.url)
    steps = JUDGED.replace(
        "  - use: orca.system", "  - use: length\n    with: {column: inputs, min_characters: 37}\n  - use: orca.system"
    )
    report = pipeline(project, steps).preview(3, quiet=True)
    assert [row.ends for row in report.rows] == ["kept"] * 3
    assert all(len(row.columns["inputs"]) >= 37 for row in report.rows)
    assert len(report.preview.lost) == 1
    assert report.preview.lost[0].steps[-1].step == "length"


def test_a_step_before_the_models_that_needs_all_rows_gets_all(project: Project, server: FaultServer):
    project.rows(300)
    project.models(server.url)
    steps = STEPS.replace("  - use: orca.system", "  - use: sample\n    with: {rows: 50}\n  - use: orca.system")
    file = pipeline(project, steps)
    report = file.preview(3, quiet=True)
    counts = {step.id: (step.rows_in, step.rows_out) for step in report.preview.steps}
    assert counts["sample"] == (300, 50)
    assert counts["orca-explain"] == (3, 3)
    file.run(quiet=True)
    assert server.stats()["requests"] == 50


BRANCHES = """\
  - use: load_flan
    with: {path: rows.jsonl}
  - use: orca.system_message
  - id: long
    use: orca.explain
    with: {model: teacher}
  - id: plain
    use: length
    after: orca-system_message
    with: {column: inputs, max_characters: 10000}
  - use: judge.accept
    after: [plain, long]
    join: JOIN
    with: {model: judge, response: RESPONSE}
"""


@pytest.mark.parametrize(("join", "response", "judged"), [("union", "targets", 6), ("join", "explained_targets", 3)])
def test_in_branches_too_only_a_few_rows_reach_a_model(
    project: Project, server: FaultServer, join: str, response: str, judged: int
):
    project.rows(60)
    project.models(server.url)
    file = pipeline(project, BRANCHES.replace("JOIN", join).replace("RESPONSE", response))
    report = file.preview(3, quiet=True)
    assert asked_of(report)["long"] == 3
    assert asked_of(report)["judge-accept"] == judged
    assert sum(row.ends == "kept" for row in report.rows) == judged
    before = server.stats()["requests"]
    run = file.run(quiet=True)
    assert server.stats()["requests"] == before + run.as_json()["asked"]["requests"] == 120


def test_a_pipeline_without_models_is_previewed_too(project: Project):
    project.rows(500)
    source = "  - use: load_flan\n    with: {path: rows.jsonl}\n"
    for step in (
        "length\n    with: {column: inputs, min_characters: 5}",
        "near_duplicates\n    with: {column: inputs, threshold: 0.99}",
    ):
        report = load_pipeline(
            project.pipeline(f"{source}  - use: {step}\n"),
            models=PIPELINES / "models" / "offline.yaml",
            out=project.folder / "runs" / "x",
        ).preview(4, quiet=True)
        assert [row.ends for row in report.rows] == ["kept"] * 4
        assert [row.columns["original_index"] for row in report.rows] == [0, 1, 2, 3]


def test_models_asked_in_batches_are_asked_directly_and_their_answers_serve(project: Project, server: FaultServer):
    project.rows(6)
    project.models(server.url, mode="batch", price={"input": 1, "output": 2, "read": "2026-11-20"})
    report = pipeline(project).preview(2, quiet=True)
    assert [row.ends for row in report.rows] == ["kept", "kept"]
    assert any("asked directly" in note for note in report.preview.notes)


def test_what_rows_hold_can_neither_steer_a_terminal_nor_a_page(project: Project, server: FaultServer):
    evil = "<script>alert(1)</script> \x1b[2J [red]x[/red] \u202e sk-abcdefghijklmnop1234567890"
    project.rows(3, mark={0: evil})
    project.models(server.url)
    report = pipeline(project).preview(2, quiet=True)
    page = report.page()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    for shown in (page, str(report), report._repr_html_()):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "sk-abcdefghijklmnop1234567890" not in shown
    assert "[red]x[/red]" in str(report).replace("\n", " ")


def test_a_narrow_terminal_shows_the_same_one_under_the_other(project: Project, server: FaultServer):

    project.rows(3)
    project.models(server.url)
    report = pipeline(project).preview(1, quiet=True)
    text = StringIO()
    report.show(Console(file=text, width=60), full=True)
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert {"asked", "answered", "columns"} <= {line.strip() for line in lines}


def test_preview_on_the_command_line_writes_json_and_a_page(project: Project, server: FaultServer):
    project.rows(5)
    project.models(server.url)
    project.pipeline(STEPS)
    done = project.bezoar("preview", "pipeline.yaml", "-n", "2", "--json", "--html", "p.html")
    assert done.code == 0, done.err
    assert [row["ends"] for row in done.json["rows"]] == ["kept", "kept"]
    assert done.err == ""
    assert (project.folder / "p.html").read_text().startswith("<!doctype html>")
