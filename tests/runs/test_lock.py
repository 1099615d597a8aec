"""`lock.json` and `run.json` as typed values: read back as written; another format is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.run_record import RunRecord
from support.projects import Project
from support.shipped import OF_FILES, OFFLINE

ROOT = Path(__file__).parents[2]
OF_0_1_0 = ROOT / "tests" / "compatibility" / "0.1.0" / "lock.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The shipped pipelines, run."""
    project = Project(tmp_path_factory.mktemp("shipped"))
    for folder in ("pipelines", "cards"):
        shutil.copytree(ROOT / folder, project.folder / folder)
    return project


@pytest.fixture(scope="module")
def orca(project: Project) -> Path:
    assert (
        project.bezoar("run", "pipelines/orca.yaml", "--models", OFFLINE, "--limit", "8", "--out", "runs/orca").code
        == 0
    )
    return project.folder / "runs" / "orca"


@pytest.mark.parametrize("pipeline", OF_FILES)
def test_a_lock_is_written_back_as_it_was_read(project: Project, pipeline: str):
    done = project.bezoar(
        "run",
        f"pipelines/{pipeline}.yaml",
        "--models",
        OFFLINE,
        "--limit",
        "12",
        "--out",
        f"limited/{pipeline}",
        "--json",
    )
    assert done.code == 0, done.err
    file = project.folder / "limited" / pipeline / "dataset" / "lock.json"
    lock = Lock.read(file)
    assert json.dumps(lock.as_json()) == json.dumps(json.loads(file.read_text()))
    assert lock.hash == done.json["lock"]


def test_what_a_run_did_is_written_back_as_it_was_read(orca: Path):
    record = RunRecord.read(orca / "run.json")
    assert (record.state, record.steps["load_flan"].rows_in) == ("done", 8)
    assert record.as_json() == json.loads((orca / "run.json").read_text())


def refused(file: Path) -> Problem:
    with pytest.raises(InputError) as error:
        Lock.read(file)
    (problem,) = error.value.problems
    assert problem.place is not None
    assert problem.place.file == str(file)
    return problem


def test_a_lock_of_an_older_format_is_told_what_to_do():
    problem = refused(OF_0_1_0)
    assert problem.code == "lock-format"
    assert "lock.json has format 1; bezoar-data" in problem.message
    assert "run the same pipeline again" in problem.hint


def changed(orca: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    value = json.loads((orca / "dataset" / "lock.json").read_text())
    change(value)
    file = tmp_path / "lock.json"
    file.write_text(json.dumps(value))
    return file


def test_a_lock_of_a_newer_format_is_refused_by_saying_so(orca: Path, tmp_path: Path):
    problem = refused(changed(orca, tmp_path, lambda lock: lock.update(format=Lock.FORMAT + 1)))
    assert problem.code == "lock-format"
    assert f"has format {Lock.FORMAT + 1}; bezoar-data" in problem.message
    assert "upgrade" in problem.hint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lock: lock["steps"][2].pop("rows_in"), "steps.2.rows_in is missing"),
        (lambda lock: lock["counts"].update(kept="8"), "counts.kept should be a valid integer"),
        (lambda lock: lock["models"][0].update(owner="me"), "models.0.owner is not known"),
        (lambda lock: lock.pop("judging"), "judging is missing"),
        (lambda lock: lock["judging"]["people"].update(agreement=[{}]), "judging.people.agreement.0.rows is missing"),
    ],
)
def test_a_malformed_lock_names_its_key(orca: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any], says: str):
    problem = refused(changed(orca, tmp_path, change))
    assert problem.code == "lock-malformed"
    assert says in problem.message


@pytest.mark.parametrize("content", ["", "[]", "null", '{"format": {}}', "[" * 100_000, "\x00"])
def test_a_file_that_is_no_lock_is_one_problem(tmp_path: Path, content: str):
    file = tmp_path / "lock.json"
    file.write_text(content)
    assert refused(file).code in ("lock-malformed", "lock-format")


@pytest.mark.parametrize(
    "command", ["card check runs/old", "publish runs/old --to me/mine --dry-run", "status runs/old"]
)
def test_commands_refuse_files_of_an_older_format(project: Project, orca: Path, command: str):
    old = project.folder / "runs" / "old"
    shutil.copytree(orca, old, dirs_exist_ok=True)
    shutil.copy(OF_0_1_0, old / "dataset" / "lock.json")
    (old / "run.json").write_text('{"state": "done"}')
    done = project.bezoar(*command.split())
    assert done.code == 2
    assert "again" in done.err
