"""What a machine does to a command: full disks, closed terminals, readers that go. A message, never a traceback, and
nothing half-written."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from support.command import BEZOAR
from support.fault_server import FaultServer
from support.full_disk import files_up_to
from support.projects import Project, wait_for_requests
from support.waiting import wait_until


def test_an_output_that_is_full_is_told(tmp_path: Path):
    for arguments in (["steps", "list"], ["--help"], ["steps", "list", "--json"]):
        with Path("/dev/full").open("w") as out:
            done = subprocess.run([*BEZOAR, *arguments], cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("no space is left for what this writes")
        assert "hint: make room" in done.stderr


def test_a_reader_that_goes_is_no_error(tmp_path: Path):
    process = subprocess.Popen(
        [*BEZOAR, "steps", "list", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)


def test_a_command_without_outputs_does_its_work(tmp_path: Path):
    def closed() -> None:
        os.close(1)
        os.close(2)

    done = subprocess.run([*BEZOAR, "init", "new"], cwd=tmp_path, preexec_fn=closed)
    assert done.returncode == 0
    assert (tmp_path / "new" / "pipelines").is_dir()


def test_a_full_disk_ends_a_run_with_a_remedy_and_the_last_dataset_stays(project: Project, server: FaultServer):
    """Each file that is written may be the one that no longer fits: the journal, the spool, the rows."""
    project.rows(30)
    project.models(server.url)
    project.pipeline()
    assert project.run().code == 0
    before = project.files()
    project.rows(60)
    for limit in (16, 300, 1000, 3000, 20_000):
        with files_up_to(limit):
            done = project.run()
        assert done.code in (1, 2), done.err
        assert "same command" in done.err
        assert "internal error" not in done.err
        assert project.files() == before
    assert project.run().code == 0
    assert server.stats()["requests"] == 60


@pytest.mark.server(latency=0.3)
def test_a_closed_terminal_ends_a_run_as_sigterm_does(project: Project, server: FaultServer):
    """The kernel sends SIGHUP, and the shell does so again; what was asked by then is waited for."""
    project.rows(400)
    project.models(server.url, limits={"concurrency": 4})
    project.pipeline()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*BEZOAR, "run", "pipeline.yaml"],
        cwd=project.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # where nohup started the tests
    )
    os.close(theirs)
    wait_until(lambda: server.stats()["requests"] >= 6)
    process.send_signal(signal.SIGHUP)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 130
    assert server.stats()["now"] == 0
    assert project.journalled() == server.stats()["requests"] < 400


@pytest.mark.nightly
def test_nohup_outlives_its_terminal(project: Project, server: FaultServer):
    project.rows(10)
    project.models(server.url)
    project.pipeline()
    process = subprocess.Popen(
        [*BEZOAR, "run", "pipeline.yaml"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) and None,
    )
    wait_for_requests(server, process, 1)
    process.send_signal(signal.SIGHUP)
    process.communicate()
    assert process.returncode == 0
