"""Where a project's journal is found, and that the commands agree on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bezoar_data.llms.journal import Journal, maintenance
from bezoar_data.runs.project import find_journal, journals_near
from support.fault_server import FaultServer
from support.projects import JUDGED, STEPS, Project

RUNS = Path("runs/journal.sqlite")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder of pipelines; the person stands in it."""
    touch(tmp_path / "project/pipelines/orca.yaml")
    touch(tmp_path / "other/mine.yaml")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("BEZOAR_JOURNAL", raising=False)
    return tmp_path


def test_a_project_has_one_journal_wherever_its_runs_lie(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("pipelines/orca.yaml")
    assert find_journal(pipeline=file) == RUNS
    for out in ("runs/orca", "elsewhere/orca", here / "far/orca"):
        assert find_journal(pipeline=file, out=Path(out)) == RUNS
    (here / "project/notes/deep").mkdir(parents=True)
    monkeypatch.chdir(here / "project/notes/deep")
    assert find_journal(pipeline=Path("../../pipelines/orca.yaml")) == here / "project" / RUNS
    assert find_journal() == here / "project" / RUNS  # as `journal stats` finds it


@pytest.mark.parametrize("sign", ["runs/journal.sqlite", "pyproject.toml", ".git/HEAD"])
def test_what_makes_a_folder_a_project(here: Path, sign: str) -> None:
    touch(here / "project" / "inner" / sign)
    file = touch(here / "project/inner/deep/mine.yaml")
    assert find_journal(pipeline=file) == Path("inner") / RUNS


def test_a_journal_of_before_still_answers_where_the_project_has_none(here: Path) -> None:
    beside = touch(here / "project/elsewhere/journal.sqlite")
    out = Path("elsewhere/orca")
    assert find_journal(pipeline=Path("pipelines/orca.yaml"), out=out) == Path("elsewhere/journal.sqlite")
    touch(here / "project" / RUNS)
    assert find_journal(pipeline=Path("pipelines/orca.yaml"), out=out) == RUNS
    assert journals_near(RUNS, pipeline=Path("pipelines/orca.yaml"), out=out) == (beside.relative_to(Path.cwd()),)


def test_nothing_is_written_into_a_project_where_nobody_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = here / "project/pipelines/orca.yaml"
    monkeypatch.chdir(here / "other")
    assert find_journal(pipeline=file, out=Path("runs/orca")) == RUNS
    assert find_journal(pipeline=file, out=here / "project/runs/orca") == here / "project" / RUNS
    assert find_journal(pipeline=Path("mine.yaml"), out=here / "far/mine") == here / "far/journal.sqlite"


def test_a_journal_may_be_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEZOAR_JOURNAL", "kept/answers.sqlite")
    file = Path("pipelines/orca.yaml")
    assert find_journal(pipeline=file, out=Path("runs/orca")) == Path("kept/answers.sqlite")
    assert find_journal(Path("this.sqlite"), pipeline=file) == Path("this.sqlite")


def test_runs_elsewhere_pay_for_nothing_again_and_their_rows_can_be_redacted(
    project: Project, server: FaultServer
) -> None:
    project.rows(6)
    project.models(server.url)
    project.pipeline(STEPS)
    assert project.run().code == 0
    asked = server.stats()["requests"]
    done = project.run("--out", "elsewhere/test", "--json")
    assert done.code == 0, done.err
    assert (done.json["asked"]["requests"], server.stats()["requests"]) == (0, asked)
    assert not (project.folder / "elsewhere/journal.sqlite").exists()
    (project.folder / "runs/test").rename(project.folder / "gone")
    row = project.kept("../elsewhere/test")[0]
    redacted = project.bezoar("journal", "redact", row["id"], "--json")
    assert (redacted.code, redacted.json["redacted"]) == (0, 1), redacted.err


def test_a_word_where_another_journal_holds_the_answers(project: Project, server: FaultServer) -> None:
    project.rows(4)
    project.models(server.url)
    project.pipeline(STEPS)
    assert project.run("--journal", "old/journal.sqlite", "--out", "old/test").code == 0
    project.rows(5)
    with Journal.open(project.folder / RUNS):
        pass
    said = "bezoar-data journal import old/journal.sqlite --journal runs/journal.sqlite"
    plan = project.bezoar("plan", "pipeline.yaml", "--out", "old/test")
    assert said in " ".join(plan.out.split())
    brought = project.bezoar("journal", "import", "old/journal.sqlite", "--json")
    assert (brought.code, brought.json["added"]) == (0, 4), brought.err
    done = project.run("--out", "old/test", "--json")
    assert done.json["asked"]["requests"] == 1
    assert "import" not in done.err
    with Journal.open(project.folder / RUNS) as journal:
        maintenance.prune(journal, model="tester")
    again = project.run("--out", "old/test")
    assert again.err.count(said) == 1


def test_a_word_where_answers_of_the_same_name_come_from_another_address(project: Project, server: FaultServer) -> None:
    project.rows(4)
    project.models(server.url)
    project.pipeline(STEPS)
    assert "taken for" not in project.run().err
    assert "taken for" not in project.run().err
    project.models("http://127.0.0.1:9/v1")
    for command in ("plan", "run"):
        done = project.bezoar(command, "pipeline.yaml")
        assert done.code == 0, done.err
        told = " ".join((done.out + done.err).split())
        assert f"answers of the model tester from {server.url} are taken for those of http://127.0.0.1:9/v1" in told
    project.models("http://127.0.0.1:9/v1", revision="two")
    assert "taken for" not in project.bezoar("plan", "pipeline.yaml").out
    models = project.folder / "models.yaml"
    models.write_text(models.read_text().replace("127.0.0.1:9", "127.0.0.1:8", 1))
    project.pipeline(JUDGED)
    told = " ".join(project.bezoar("plan", "pipeline.yaml").out.split())
    assert "the models file has the model tester at http://127.0.0.1:8/v1 and at http://127.0.0.1:9/v1" in told
