"""Runs in batch mode that are killed at every stage, by the real command line: the same command goes on, and nothing
that a provider took is handed in again."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.batch_server import KEY, BatchServer
from support.command import BEZOAR
from support.projects import JUDGED, Project, kill_group
from support.waiting import PATIENCE

pytestmark = pytest.mark.slow

ROWS = 30


BOTH = ["openai", "anthropic"]
"""The two interfaces differ in what is handed in and collected; what goes on between these is the same code."""
ALIKE = ["openai", pytest.param("anthropic", marks=pytest.mark.nightly)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("BATCH_API_KEY", KEY)
    made = Project(tmp_path)
    made.rows(ROWS)
    made.pipeline()
    yield made
    # Planted in every request's head: it may stand in no file of the run.
    for path in made.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def configure(project: Project, server: BatchServer, kind: str, **more: Any) -> None:
    batch = {"gather": 0.3, "poll": 0.4, **more}
    project.models(server.url, provider=kind, mode="batch", api_key_env="BATCH_API_KEY", batch=batch)


def waiting(project: Project) -> int:
    with closing(sqlite3.connect(project.folder / "runs" / "journal.sqlite")) as journal:
        return int(journal.execute("SELECT count(*) FROM batch_items").fetchone()[0])


def finished(project: Project, server: BatchServer) -> None:
    """The same command goes on to the end, with every row and nothing paid twice."""
    outcome = project.run()
    assert outcome.code == 0, outcome.err
    assert len(project.kept()) == ROWS
    assert len({row["explained_targets"] for row in project.kept()}) == ROWS
    stats = server.stats()
    assert len(stats["prompts"]) == ROWS
    assert set(stats["prompts"].values()) == {1}
    assert waiting(project) == 0
    files, batches = project.files(), stats["batches"]
    assert project.run().code == 0
    assert project.files() == files
    assert server.stats()["batches"] == batches


def test_a_run_killed_before_anything_was_handed_in(project: Project) -> None:
    with BatchServer(hang_upload=1) as server:
        configure(project, server, "openai")
        run = project.start()
        server.wait_for("upload")
        kill_group(run)
        finished(project, server)


@pytest.mark.parametrize("kind", BOTH)
def test_a_run_killed_before_the_batch_was_made(project: Project, kind: str) -> None:
    with BatchServer(hang_before=1) as server:
        configure(project, server, kind)
        run = project.start()
        server.wait_for("create")
        kill_group(run)
        assert server.stats()["batches"] == []
        finished(project, server)


@pytest.mark.parametrize("kind", ALIKE)
def test_a_run_killed_after_the_batch_was_made_and_before_it_heard_of_it(project: Project, kind: str) -> None:
    with BatchServer(hang_after=1, delay=4) as server:
        configure(project, server, kind)
        run = project.start()
        server.wait_for("batches")
        kill_group(run)
        finished(project, server)
        assert server.stats()["batches"] == [ROWS]


@pytest.mark.parametrize("kind", ALIKE)
def test_a_run_killed_while_it_waits(project: Project, kind: str) -> None:
    with BatchServer(delay=-1) as server:
        configure(project, server, kind)
        for looks in (1, 2):
            run = project.start()
            server.wait_for("look", looks)
            kill_group(run)
        server.set()
        finished(project, server)
        assert server.stats()["batches"] == [ROWS]


@pytest.mark.parametrize("kind", BOTH)
def test_a_run_killed_in_the_middle_of_a_download(project: Project, kind: str) -> None:
    with BatchServer(hang_download=1) as server:
        configure(project, server, kind)
        run = project.start()
        server.wait_for("stuck")
        time.sleep(0.2)
        kill_group(run)
        finished(project, server)
        assert server.stats()["batches"] == [ROWS]


def test_a_run_killed_at_any_moment_of_collecting(project: Project) -> None:
    # Batches of three, so that some are collected while others still wait.
    with BatchServer() as server:
        configure(project, server, "openai", max_requests=3)
        for answers in (1, 8, 20):
            run = project.start()
            while run.poll() is None and journalled(project) < answers:
                time.sleep(0.01)
            kill_group(run)
        finished(project, server)


def journalled(project: Project) -> int:
    try:
        return project.journalled()
    except sqlite3.Error:
        return 0  # not made yet


@pytest.mark.parametrize("kind", ALIKE)
def test_an_interrupted_run_says_that_the_batch_goes_on(project: Project, kind: str) -> None:
    with BatchServer(delay=-1) as server:
        configure(project, server, kind)
        run = project.start()
        server.wait_for("look")
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 130
        assert f"still working on 1 batch with {ROWS} requests: the same command collects what is ready" in err
        assert "Traceback" not in err
        server.set()
        finished(project, server)
        assert server.stats()["batches"] == [ROWS]


@pytest.mark.parametrize("kind", ALIKE)
def test_two_runs_at_once_and_one_of_them_killed(project: Project, kind: str) -> None:
    with BatchServer(delay=-1) as server:
        configure(project, server, kind)
        text = (project.folder / "pipeline.yaml").read_text()
        (project.folder / "other.yaml").write_text(text.replace("name: test", "name: other"))
        one = project.start()
        server.wait_for("batches")
        two = subprocess.Popen(
            [*BEZOAR, "run", "other.yaml"],
            cwd=project.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        server.wait_for("look", 8)
        kill_group(one)
        server.set()
        _, err = two.communicate(timeout=PATIENCE)
        assert two.returncode == 0, err
        assert len(project.kept("other")) == ROWS
        finished(project, server)
        assert server.stats()["batches"] == [ROWS]


def test_rows_of_two_steps_are_asked_in_batches_one_after_the_other(project: Project) -> None:
    project.pipeline(JUDGED)
    with BatchServer() as server:
        # The judge's questions come as the answers are journalled: by and by.
        configure(project, server, "openai", gather=2.0)
        outcome = project.run()
        assert outcome.code == 0, outcome.err
        assert [row["judge_status"] for row in project.kept()].count(None) == 0
        assert server.stats()["batches"] == [ROWS, ROWS]


def test_a_provider_without_batches_is_told_with_its_place(project: Project) -> None:
    project.models("http://127.0.0.1:9/v1", mode="batch", provider="transformers")
    outcome = project.run()
    assert outcome.code == 2
    assert "provider 'transformers' has no batch API" in outcome.err
    assert "models.yaml:" in outcome.err
