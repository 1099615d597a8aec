"""What a slip of the hand may cost: another pipeline's dataset is not replaced, and one's own is kept."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.folder import RunFolder, replace_folder
from bezoar_data.runs.previous import BESIDE, Build, keeping
from bezoar_data.runs.undo import undo
from support.projects import Project

ROWS = """\
  - use: load_flan
    with: {path: rows.jsonl}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose dataset has five rows and a second build of three, which keeps the first."""
    project = Project(tmp_path_factory.mktemp("shared") / "project")
    project.rows(5)
    path = project.pipeline(ROWS)
    path.write_text(path.read_text().replace("models: models.yaml\n", ""))
    first = project.run("--json")
    assert first.code == 0, first.err
    assert first.json["replaced"] is None
    project.rows(3)
    second = project.run()
    assert second.code == 0, second.err
    (line,) = [line for line in second.out.splitlines() if "replaced" in line]
    assert f"replaced: 5 rows, build {first.json['lock']}, of 20" in line
    assert "kept in runs/test/.previous, and `bezoar-data undo runs/test` brings it back" in line
    return project.folder


@pytest.fixture
def mine(shared: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(shared, tmp_path / "project")))


def rows(project: Project, run: str = "test") -> int:
    return len(project.kept(run))


def test_what_was_replaced_comes_back_and_that_can_be_undone_too(mine: Project):
    before = mine.files()
    record = json.loads((mine.folder / "runs/test/run.json").read_text())
    page = mine.folder / "runs/test/report.html"
    assert page.is_file()
    done = mine.bezoar("undo", "runs/test")
    assert done.code == 0, done.err
    assert done.out.startswith("runs/test: 5 rows, build ")
    assert "kept instead: 3 rows, build " in done.out
    assert rows(mine) == 5
    assert not page.exists(), "it is of the other build"
    status = mine.bezoar("status", "runs/test", "--json").json
    assert (status["rows"], status["state"]) == (5, "done")
    assert mine.bezoar("card", "check", "runs/test").code == 0
    again = mine.bezoar("undo", "runs/test", "--json").json
    assert (again["standing"]["rows"], again["previous"]["rows"]) == (3, 5)
    assert mine.files() == before
    assert json.loads((mine.folder / "runs/test/run.json").read_text()) == record


def test_the_same_build_again_replaces_nothing_and_a_run_that_keeps_no_row_neither(mine: Project):
    previous = mine.folder / "runs/test/.previous"
    kept = (previous / "dataset/lock.json").read_bytes()
    again = mine.run("--json")
    assert again.json["replaced"] is None
    assert (previous / "dataset/lock.json").read_bytes() == kept
    (mine.folder / "pipeline.yaml").write_text(
        (mine.folder / "pipeline.yaml").read_text() + "  - use: where\n    with: {expression: task_source == 'none'}\n"
    )
    before = mine.files()
    nothing = mine.run()
    assert nothing.code == 1
    assert "no row was kept, of 3: where dropped 3 as " in nothing.err
    assert "was not replaced: 3 rows, build " in nothing.err
    assert (mine.files(), (previous / "dataset/lock.json").read_bytes()) == (before, kept)
    status = mine.bezoar("status", "runs/test", "--json").json
    assert (status["state"], status["exit_code"]) == ("stopped", 1)
    elsewhere = mine.run("--out", "runs/none", "--json")
    assert (elsewhere.code, elsewhere.json["counts"]["kept"]) == (1, 0)


def test_a_run_that_fails_before_its_first_row_leaves_the_builds_record(mine: Project):
    record = (mine.folder / "runs/test/run.json").read_text()
    (mine.folder / "rows.jsonl").write_text("")
    failed = mine.run()
    assert failed.code == 2, failed.out
    assert (mine.folder / "runs/test/run.json").read_text() == record
    assert rows(mine) == 3


def test_another_pipelines_dataset_is_refused_before_anything_is_asked(mine: Project):
    before = mine.files()
    other = mine.folder / "other.yaml"
    other.write_text((mine.folder / "pipeline.yaml").read_text().replace("name: test", "name: other"))
    refused = mine.bezoar("run", "other.yaml", "--out", "runs/test", "--json")
    assert refused.code == 2
    (problem,) = refused.json["problems"]
    assert problem["code"] == "out-taken"
    assert "of another pipeline, 'test': 3 rows, build " in problem["message"]
    assert "--out" in problem["hint"]
    planned = mine.bezoar("plan", "other.yaml", "--out", "runs/test")
    assert "before it can run" in planned.out
    assert "the dataset of another pipeline" in planned.out
    # A copy of the file whose name was left as it was.
    other.write_text(
        (mine.folder / "pipeline.yaml").read_text() + "  - use: exact_duplicates\n    with: {column: inputs}\n"
    )
    same_name = mine.bezoar("run", "other.yaml", "--json")
    assert same_name.code == 2
    assert "that is also called 'test'" in same_name.json["problems"][0]["message"]
    assert "name: in other.yaml" in same_name.json["problems"][0]["hint"]
    assert mine.files() == before
    # Moved, the file is the same pipeline's.
    (mine.folder / "pipeline.yaml").rename(mine.folder / "moved.yaml")
    assert mine.bezoar("run", "moved.yaml").code == 0


def test_a_few_rows_to_try_take_no_datasets_place(mine: Project):
    before = mine.files()
    done = mine.run("--limit", "2", "--json")
    assert (done.json["run"], rows(mine, "test-limit2")) == ("runs/test-limit2", 2)
    assert mine.files() == before
    told = mine.run("--limit", "2", "--out", "runs/test", "--json")
    assert told.json["replaced"]["rows"] == 3
    assert rows(mine) == 2


def test_where_nothing_was_replaced_there_is_nothing_to_undo(mine: Project):
    assert mine.run("--out", "runs/new").code == 0
    for folder in ("runs/new", "runs/nowhere", "runs", "runs/new/dataset"):
        done = mine.bezoar("undo", folder, "--json")
        assert done.code == 2, folder
        assert done.json["problems"][0]["code"] == "nothing-to-undo"
    assert not (mine.folder / "runs/nowhere").exists()


class Killed(BaseException):
    """The end of a process: nothing after it is done."""


def killed_at(number: int, work: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Do `work` and end it at its `number`th change of the disk. Whether it was ended."""
    left = [number]

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def until_killed(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                raise Killed
            return change(*arguments, **more)

        return until_killed

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "replace"), (Path, "unlink"), (os, "link"), (os, "mkdir"), (shutil, "rmtree")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            work()
        except Killed:
            return True
    return False


def build(folder: Path, rows: int) -> Path:
    """A dataset with what is beside it; each of its files says which it is of."""
    (folder / "dataset/data").mkdir(parents=True)
    lock = {"counts": {"kept": rows}, "pipeline": {"name": "test"}}
    (folder / "dataset/lock.json").write_text(json.dumps(lock))
    (folder / "dataset/data/train.parquet").write_text(str(rows))
    for name in BESIDE[:-1]:
        (folder / name).write_text(str(rows))
    return folder


def whole(folder: Path) -> int | None:
    """Of which build a folder is, all of it."""
    standing = Build.of(folder)
    if standing is None:
        return None
    assert (folder / "dataset/data/train.parquet").read_text() == str(standing.rows)
    assert {(folder / name).read_text() for name in BESIDE[:-1]} == {str(standing.rows)}
    return standing.rows


def each_kill(work: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of build 2 with the previous build 1, as `work` leaves it killed at each of its changes."""
    for number in range(1, 200):
        folder = build(tmp_path / str(number), 2)
        build(folder / ".previous", 1)
        if not killed_at(number, lambda folder=folder: work(folder), monkeypatch):  # type: ignore[misc]
            assert number > 10
            return
        RunFolder(folder).restore()
        with RunFolder(folder).locked():
            pass
        yield folder
    raise AssertionError


def test_killed_at_any_moment_undo_loses_neither_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen = set()
    for folder in each_kill(undo, tmp_path, monkeypatch):
        found = (whole(folder), whole(folder / ".previous"))
        assert set(found) == {1, 2}
        seen.add(found)
    assert len(seen) == 2


def test_killed_at_any_moment_a_replaced_dataset_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def replaced(path: Path) -> None:
        folder = RunFolder(path)
        with folder.locked() as scratch:
            new = build(scratch / "new", 3)
            (scratch / "run.json").write_text("2")
            with keeping(path, scratch, "new"):
                replace_folder(new / "dataset", folder.dataset)
                for name in BESIDE[:-1]:
                    (new / name).replace(path / name)

    seen = set()
    for folder in each_kill(replaced, tmp_path, monkeypatch):
        standing, previous = Build.of(folder), whole(folder / ".previous")
        assert standing is not None
        if standing.rows == 2:
            assert (whole(folder), previous) == (2, 1)
        else:  # what is beside it is of either until the same command comes again
            assert previous == 2
        seen.add(standing.rows)
    assert seen == {2, 3}
