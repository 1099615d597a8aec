"""`answers:` of a models file and of a pipeline file, through run, plan and preview, with the model away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.projects import JUDGED, Project

AWAY = "http://127.0.0.1:9/v1"
PRICE = {"input": 1.0, "output": 3.0, "read": "2026-11-30"}


@pytest.fixture
def paid(project: Project, server: FaultServer) -> Project:
    """A finished run, and its answers exported beside the pipeline."""
    project.rows(12, {3: "[[400]]"})
    project.pipeline(JUDGED, tolerate=0.5)
    project.models(server.url, price=PRICE)
    done = project.run("--json")
    assert done.code == 0, done.err
    assert project.bezoar("journal", "export", "--to", "answers.jsonl.gz").code == 0
    return project


def without_journal(paid: Project, folder: Path, *named: str) -> Project:
    """The same project elsewhere, its model away; its models file names these answers."""
    project = Project(folder)
    for name in ("rows.jsonl", "pipeline.yaml", "answers.jsonl.gz"):
        shutil.copy(paid.folder / name, folder / name)
    text = project.models(AWAY, price=PRICE).read_text()
    (folder / "models.yaml").write_text(text + f"answers: {json.dumps(named)}\n")
    return project


def test_a_run_from_recorded_answers_gives_the_same_bytes_and_asks_nobody(paid: Project, tmp_path: Path) -> None:
    project = without_journal(paid, tmp_path / "there", "answers.jsonl.gz")
    plan = project.bezoar("plan", "pipeline.yaml", "--json")
    assert plan.code == 0, plan.err
    assert plan.json["requests"]["high"] == 0
    assert not (project.folder / "runs").exists()
    preview = project.bezoar("preview", "pipeline.yaml", "-n", "2", "--json")
    assert preview.code == 0, preview.err
    done = project.run("--json")
    assert done.code == 0, done.err
    assert (done.json["asked"]["requests"], done.json["asked"]["cost"]) == (0, 0)
    assert project.files() == paid.files()
    lock = json.loads((project.folder / "runs/test/dataset/lock.json").read_text())
    assert lock["cost"] > 0  # what was paid for these answers, by whomever
    assert project.journalled() == 0


def test_answers_of_the_pipeline_file_serve_too_and_what_is_missing_is_told(paid: Project, tmp_path: Path) -> None:
    project = without_journal(paid, tmp_path / "there")
    project.pipeline(JUDGED, tolerate=0.5, answers=["answers.jsonl.gz"])
    done = project.run("--json")
    assert done.code == 0, done.err
    assert project.parquet() == paid.parquet()
    project.pipeline(JUDGED, tolerate=0.5, answers=["answer.jsonl.gz"])
    wrong = project.bezoar("validate", "pipeline.yaml", "--json")
    assert wrong.code == 2
    (problem,) = wrong.json["problems"]
    assert (problem["code"], problem["line"]) == ("missing-file", 5)
    assert "answers.jsonl.gz" in problem["hint"]


def test_a_bad_file_of_answers_ends_the_run_before_anybody_is_asked(paid: Project, server: FaultServer) -> None:
    (paid.folder / "bad.jsonl").write_text('{"key": 7}\n')
    paid.rows(20)
    models = paid.folder / "models.yaml"
    models.write_text(models.read_text() + "answers: [bad.jsonl]\n")
    before = server.stats()["requests"]
    done = paid.run()
    assert done.code == 2
    assert "bad.jsonl:1" in done.err
    assert "'key' should be a text" in done.err
    assert server.stats()["requests"] == before
