"""Runs on Ray that take long: other nodes, workers lost again and again, what stops a run, distilabel's own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fault_server import FaultServer
from support.projects import JUDGED, PHASES, Project, both_engines_agree, interrupt, wait_for_requests
from support.waiting import wait_until

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1200)]

ON_RAY = ("--engine", "ray", "--workers", "2")
LIMIT = 8


@pytest.fixture
def made(project: Project, server: FaultServer) -> Project:
    """A project of two phases, and what one process makes of it in `whole/test`."""
    project.models(server.url, limits={"concurrency": LIMIT})
    project.pipeline(PHASES, splits={"validation": 0.3})
    project.rows(60)
    assert project.run("--out", "whole/test", "--journal", "whole/journal.sqlite").code == 0
    server.set()
    return project


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster of three nodes on this machine: one for the driver, two with room for a worker each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield cluster
    finally:
        cluster.shutdown()


def workers(project: Project) -> list[dict[str, Any]]:
    told = project.bezoar("status", "runs/test", "--json")
    return list(told.json["asked"].get("workers", ())) if told.code == 0 else []


def working(project: Project) -> Callable[[], bool]:
    return lambda: len([one for one in workers(project) if one["in_flight"]]) == 2


def test_a_node_that_is_lost_for_good_leaves_its_shard_to_another(
    made: Project, server: FaultServer, nodes: Any
) -> None:
    few = made.run("--json", "--limit", "5")
    assert few.code == 0, "its answers are in the driver's journal alone"
    lost, _ = nodes.add_node(num_cpus=1), nodes.add_node(num_cpus=1)
    known = server.stats()["requests"]
    server.turn(latency=2)
    run = made.start(*ON_RAY, "--ray", nodes.address)
    wait_until(working(made))
    nodes.remove_node(lost, allow_graceful=False)
    server.turn()
    _, err = run.communicate()
    assert run.returncode == 0, err
    assert "does not come back" in err
    assert made.files() == made.files("../whole/test")
    assert server.stats()["requests"] <= known + 2 * 60 - known + LIMIT, "no more than was in flight is asked twice"
    left = list(Path(tempfile.gettempdir()).glob(f"bezoar-data-{os.getuid()}/*"))
    assert all(path.name.endswith(lost.node_id[:12]) for path in left), "nothing is left on nodes that live"
    for path in left:
        shutil.rmtree(path)


def test_a_shard_that_loses_one_worker_after_another_ends_the_run(made: Project, server: FaultServer) -> None:
    made.models(server.url, limits={"concurrency": LIMIT, "timeout": 600, "total_timeout": 900})
    server.set(hold_from=0)
    run = made.start(*ON_RAY)
    killed: set[int] = set()
    while run.poll() is None:
        for worker in workers(made):
            if worker["state"] == "working" and worker["worker"] == 0 and worker["pid"] not in killed:
                killed.add(worker["pid"])
                os.kill(worker["pid"], signal.SIGKILL)
    _, err = run.communicate()
    assert run.returncode == 5, err
    assert "has lost 4 workers in a row" in err
    assert "Traceback" not in err
    server.set()
    done = made.run("--json", *ON_RAY, process=True)
    assert done.code == 0, done.err
    assert made.files() == made.files("../whole/test")


def test_ctrl_c_waits_for_answers_and_the_same_command_goes_on_with_more_workers(
    made: Project, server: FaultServer
) -> None:
    server.set(latency=2)
    run = made.start(*ON_RAY)
    wait_until(working(made))
    wait_for_requests(server, run, 3 * LIMIT)
    said = interrupt(run, lambda: None)
    assert run.returncode == 130, said
    assert server.stats()["requests"] == server.stats()["statuses"]["200"]
    server.turn()
    done = made.run("--json", "--engine", "ray", "--workers", "3", process=True)
    assert done.code == 0, done.err
    assert server.stats()["most_for_one"] == 1, "nothing is asked twice"
    assert made.files() == made.files("../whole/test")


def test_what_stops_a_run_is_one_message(made: Project, server: FaultServer) -> None:
    server.set(key="secret")
    refused = made.run(*ON_RAY, process=True)
    assert refused.code == 2
    assert "api_key_env" in refused.err
    assert "Traceback" not in refused.err
    assert made.run(*ON_RAY, "--max-cost", "1", process=True).code == 2
    nobody = made.run(*ON_RAY, "--ray", "127.0.0.1:9", process=True)
    assert nobody.code == 2
    assert "no Ray cluster at 127.0.0.1:9" in nobody.err
    assert "Traceback" not in nobody.err
    served = made.folder / "models.yaml"
    served.write_text(served.read_text().replace('"provider"', '"serve": {"gpus": 1}, "provider"'))
    assert "needs Ray Serve with vLLM" in made.run(*ON_RAY, process=True).err


def test_distilabels_own_ray_pipeline_makes_the_same_rows(project: Project, server: FaultServer) -> None:
    project.models(server.url)
    project.pipeline(JUDGED)
    project.rows(20)
    both_engines_agree(project, "distilabel-ray")
