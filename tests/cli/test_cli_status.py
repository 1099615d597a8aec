"""`status` tells how a run stands, from outside of it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.projects import STEPS, Project, wait_for_requests


@pytest.mark.slow
def test_a_run_is_seen_running_killed_stopped_and_done(tmp_path: Path):
    project = Project(tmp_path)
    project.rows(60)
    project.pipeline(STEPS)
    with FaultServer(latency=0.3) as server:
        project.models(server.url, limits={"concurrency": 4})
        process = project.start()
        wait_for_requests(server, process, 12)
        time.sleep(1.1)
        seen = project.bezoar("status", "runs/test", "--json").json
        assert (seen["state"], seen["pid"]) == ("running", process.pid)
        assert seen["rows_expected"] == 60
        assert 0 < seen["asked"]["requests"] <= server.stats()["requests"]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert project.bezoar("status", "runs/test", "--json").json["state"] == "killed"
        before = server.stats()["requests"]
        process = project.start()
        wait_for_requests(server, process, before + 4)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
        assert project.bezoar("status", "runs/test", "--json").json["state"] == "stopped"
        server.set(latency=0.0)
        assert project.run().code == 0
    done = project.bezoar("status", "runs/test")
    assert "done, exit code 0" in done.out
    assert "60 of 60 rows" in done.out


def test_a_folder_without_a_run_is_told(tmp_path: Path):
    done = Project(tmp_path).bezoar("status", "nothing")
    assert done.code == 2
    assert "there is no run in this folder" in done.err
