"""A run on a Ray cluster of two workers beside the same run in one process: answers a second from the first request to
the last answer, as the server sees them, and what starting takes.

    python benchmarks/ray/measure.py [--rows 20000] [--latency 0.05] [--concurrency 64] [--workers 2] [--rounds 1]

The server is a process of its own (`tests/support/fault_server.py`) on the same cores. Rounds alternate. Prints a line
of JSON; both runs must leave the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from support.fault_server import FaultServer
from support.projects import STEPS, Project


def one(project: Project, server: FaultServer, name: str, latency: float, *engine: str) -> dict[str, Any]:
    server.set(latency=latency)
    began = time.monotonic()
    done = project.run("--json", "--out", f"runs/{name}", "--journal", f"{name}.sqlite", *engine, process=True)
    took = time.monotonic() - began
    assert done.code == 0, done.err
    stats = server.stats()
    asking = stats["seconds"] + latency  # the server notes when requests come
    return {
        "asking": round(asking, 2),
        "start_and_end": round(took - asking, 2),
        "per_second": round(stats["requests"] / asking, 1),
        "peak": stats["peak"],
        "requests": stats["requests"],
    }


def measure(rows: int, latency: float, concurrency: int, workers: int, rounds: int) -> dict[str, Any]:
    on_ray = ("--engine", "ray", "--workers", str(workers))
    found: dict[str, list[dict[str, Any]]] = {"stream": [], "ray": []}
    same, load = True, os.getloadavg()[0]
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder, FaultServer() as server:
            project = Project(Path(folder) / "project")
            project.models(server.url, limits={"concurrency": concurrency})
            project.pipeline(STEPS)
            project.rows(rows)
            for name in ("stream", "ray") if number % 2 == 0 else ("ray", "stream"):
                found[name].append(one(project, server, name, latency, *(on_ray if name == "ray" else ())))
            same = same and project.files("ray") == project.files("stream")
    ratios = [r["per_second"] / s["per_second"] for r, s in zip(found["ray"], found["stream"], strict=True)]
    return {"rows": rows, "load": load, **found, "ratios": [round(ratio, 3) for ratio in ratios], "same_bytes": same}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(measure(options.rows, options.latency, options.concurrency, options.workers, options.rounds)))
