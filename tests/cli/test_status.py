"""`status` tells how a run stands, from outside of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.fault_server import FaultServer
from support.projects import STEPS, Project, interrupt, kill, wait_for_requests
from support.waiting import wait_until


@pytest.mark.slow
def test_a_run_is_seen_running_killed_stopped_and_done(tmp_path: Path):
    project = Project(tmp_path)
    project.rows(60)
    project.pipeline(STEPS)
    with FaultServer(hold_from=12) as server:
        project.models(server.url, limits={"concurrency": 4})
        process = project.start()
        wait_for_requests(server, process, 16)
        seen: dict[str, Any] = {}

        def asked() -> bool:
            seen.update(project.bezoar("status", "runs/test", "--json").json)
            return bool(seen.get("asked", {}).get("requests"))

        wait_until(asked)
        assert (seen["state"], seen["pid"]) == ("running", process.pid)
        assert seen["rows_expected"] == 60
        assert 0 < seen["asked"]["requests"] <= server.stats()["requests"]
        sent = kill(process, server)
        assert project.bezoar("status", "runs/test", "--json").json["state"] == "killed"
        server.turn(hold_from=sent)
        process = project.start()
        wait_for_requests(server, process, sent + 4)
        interrupt(process, then=server.turn)
        assert project.bezoar("status", "runs/test", "--json").json["state"] == "stopped"
        assert project.run().code == 0
    done = project.bezoar("status", "runs/test")
    assert "done, exit code 0" in done.out
    assert "60 of 60 rows" in done.out


def test_a_folder_without_a_run_is_told(tmp_path: Path):
    done = Project(tmp_path).bezoar("status", "nothing")
    assert done.code == 2
    assert "there is no run.json here" in done.err
