"""Orca and Evol-Instruct in seven shards, each killed at random three times, merged: the bytes of one run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.projects import STEPS, Project, kill, wait_for_requests

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

JUDGE = """\
  - use: near_duplicates
    with: {{column: {column}, threshold: 0.9}}
  - use: judge.accept
    with: {{model: judge{more}}}
"""
ORCA = STEPS + JUDGE.format(column="explained_targets", more="")
EVOL = """\
  - use: load_instructions
    with: {path: rows.jsonl}
  - use: evol_instruct.pool
  - use: evol_instruct.evolve
    with: {model: teacher, evaluator: evaluator, epochs: 3}
""" + JUDGE.format(
    column="instruction", more=', instruction: instruction, response: response, system: "", reference: ""'
)
SHARDS, KILLS, ROWS = 7, 3, 210


@pytest.mark.parametrize(("steps", "faults"), [(ORCA, {}), (EVOL, {"evolving": True})], ids=["orca", "evol-instruct"])
def test_seven_shards_each_killed_three_times_have_the_bytes_of_one_run(
    tmp_path: Path, steps: str, faults: dict[str, bool]
) -> None:
    project, drawn = Project(tmp_path / "project"), random.Random(20261130)
    with FaultServer(**faults) as server:
        _prepare(project, server, steps)
        whole = project.run("--json", "--out", "whole/test", "--journal", "whole/journal.sqlite", process=True)
        assert whole.code == 0, whole.err
        at_once = 2 * 8  # how many requests a kill can take with it: teacher and evaluator have a limit each
        for phase in (1, 2):
            for i in range(SHARDS):
                arguments = ("--shard", f"{i}/{SHARDS}", "--phase", str(phase), "--collect", str(tmp_path / "shared"))
                asked = 0
                for _ in range(KILLS):
                    answered = drawn.randint(1, 6)
                    server.set(**faults, hold_from=answered)
                    run = project.start(*arguments)
                    wait_for_requests(server, run, answered + 1)
                    run.kill()
                    server.turn(**faults)
                    asked += kill(run, server)
                server.set(**faults)
                done = project.run("--json", *arguments, process=True)
                assert done.code == 0, done.err
                known = int(done.json["asked"]["hits"]) + int(done.json["asked"]["answered"])
                asked += server.stats()["requests"]
                assert asked <= known + KILLS * at_once, "what was journalled is not asked again"
            merged = project.bezoar(
                "merge-shards", "pipeline.yaml", "--json", "--collect", str(tmp_path / "shared"), process=True
            )
            assert merged.code == 0, merged.err
        assert project.files() == project.files("../whole/test")
        assert merged.json["lock"] == whole.json["lock"]


def _prepare(project: Project, server: FaultServer, steps: str) -> None:
    if "load_flan" in steps:
        project.rows(ROWS)
    else:
        with (project.folder / "rows.jsonl").open("w") as file:
            for i in range(ROWS // 3):
                row = {"instruction": f"Tell me about the number {i}.", "category": f"kind {i % 4}", "context": ""}
                file.write(json.dumps(row) + "\n")
    entry = {
        "provider": "openai",
        "base_url": server.url,
        "sampling": {"max_tokens": 4096},
        "limits": {"concurrency": 8},
    }
    roles = {role: {**entry, "model": f"the-{role}"} for role in ("teacher", "evaluator", "judge")}
    (project.folder / "models.yaml").write_text(f"version: 1\nroles: {json.dumps(roles)}\n")
    project.pipeline(steps, splits={"validation": 0.2}, tolerate=1.0)
