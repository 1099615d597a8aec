"""Runs on a Ray cluster of two workers: whatever is killed, the dataset is that of one process."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from support.fault_server import FaultServer
from support.projects import JUDGED, Project, alive_in_group, wait_for_requests
from support.waiting import wait_until

ON_RAY = ("--engine", "ray", "--workers", "2")
LIMIT, ROWS = 8, 48


def held(project: Project, server: FaultServer, run: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Until both workers work and all their places are taken by requests that the server holds: what was answered
    before is journalled. The workers, as `status` tells of them."""

    def working() -> list[dict[str, Any]]:
        assert run.poll() is None, run.communicate()
        told = project.bezoar("status", "runs/test", "--json").json
        return [one for one in told["asked"].get("workers", ()) if one["in_flight"] == LIMIT // 2]

    wait_for_requests(server, run, 1)
    wait_until(lambda: len(working()) == 2)
    server.turn(rate_429=0.02, hold_from=0)
    wait_until(lambda: server.stats()["now"] == LIMIT)
    wait_until(lambda: len(working()) == 2)
    return working()


def test_a_killed_worker_and_a_killed_driver_cost_what_was_in_flight(project: Project, server: FaultServer) -> None:
    project.models(server.url, limits={"concurrency": LIMIT})
    project.pipeline(JUDGED)
    project.rows(ROWS)
    whole = project.run("--json", "--out", "whole/test", "--journal", "whole/journal.sqlite")
    assert whole.code == 0, whole.err
    server.set(rate_429=0.02, latency=3)
    run = project.start(*ON_RAY)
    first, second = held(project, server, run)
    shown = project.bezoar("status", "runs/test").out
    for worker in (first, second):
        assert f"working shard {worker['shard']}, 4 in flight, on {worker['host']}, process {worker['pid']}" in shown
    os.kill(first["pid"], signal.SIGKILL)
    requests = server.stats()["requests"]
    wait_for_requests(server, run, requests + 1)  # by the other, which has the limit alone now
    server.turn(rate_429=0.02, latency=3)
    held(project, server, run)
    run.kill()
    run.communicate()
    wait_until(lambda: not alive_in_group(run.pid))
    server.turn(rate_429=0.02)
    done = project.run("--json", *ON_RAY, process=True)
    assert done.code == 0, done.err
    stats = server.stats()
    lost = LIMIT // 2 + LIMIT
    assert stats["requests"] == 2 * ROWS + lost + stats["statuses"].get("429", 0)
    assert stats["peak"] == LIMIT
    assert done.json["asked"]["requests"] + done.json["asked"]["hits"] >= 2 * ROWS
    assert done.json["lock"] == whole.json["lock"]
    assert project.files() == project.files("../whole/test")
    assert not (project.folder / "runs" / "test" / "workers").exists()
