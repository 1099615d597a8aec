"""The Evol-Instruct scheme through the real command line: offline, over a faulty server, killed, with real seeds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.row import made_id, seed_id
from support.command import Outcome
from support.fault_server import FaultServer
from support.projects import Project, both_engines_agree, counts_add_up, kill, wait_for_requests

pytestmark = [pytest.mark.slow, pytest.mark.server(evolving=True)]

ROOT = Path(__file__).parents[2]

EVOL = """\
  - use: load_instructions
    with: {path: rows.jsonl}
  - use: evol_instruct.pool
  - use: evol_instruct.evolve
    with: {model: teacher, evaluator: evaluator, epochs: 3}
  - use: near_duplicates
    with: {column: instruction, threshold: 0.95}
  - use: judge.accept
    with: {model: judge, instruction: instruction, response: response, system: "", reference: ""}
"""
EVOLVE = "evol_instruct-evolve"
ELIMINATED = {
    "difficult_response",
    "only_stop_words",
    "label_phrase",
    "no_information_gain",
    "unclear_comparison",
}


def prepare(project: Project, server: FaultServer, count: int = 40, mark: dict[int, str] | None = None) -> None:
    """Seeds of four categories, a third of them with a context, and three roles at one address."""
    with (project.folder / "rows.jsonl").open("w") as file:
        for i in range(count):
            text = f"Tell me about the number {i}. {(mark or {}).get(i, '')}".strip()
            row = {"instruction": text, "category": f"kind {i % 4}", "context": "" if i % 3 else f"It is {i}."}
            file.write(json.dumps(row) + "\n")
    models(project, server)
    project.pipeline(EVOL, seed=7, tolerate=1.0)


def models(project: Project, server: FaultServer, concurrency: int = 32) -> None:
    entry = {
        "provider": "openai",
        "base_url": server.url,
        "sampling": {"max_tokens": 4096},
        "limits": {"concurrency": concurrency},
    }
    roles = {role: {**entry, "model": f"the-{role}"} for role in ("teacher", "evaluator", "judge")}
    (project.folder / "models.yaml").write_text(f"version: 1\nroles: {json.dumps(roles)}\n")


def check(
    project: Project, done: Outcome, seeds: set[str], run: str = "test", tried: int | None = None
) -> list[dict[str, Any]]:
    """Counts add up at every step, each evolution is there once, and each chain of parents ends in a seed. Gives back
    the rows kept. `tried` is how many evolutions there are, by default three of each seed."""
    steps = counts_add_up(done, apart=("pool", "evol_instruct-pool", EVOLVE, "evolve"))
    kept, dropped = project.kept(run), [row for row in project.dropped(run) if row["step"] != "pool"]
    evolve = next(s for s in steps if s["id"] in (EVOLVE, "evolve"))
    assert evolve["rows_in"] == (tried or 3 * len(seeds)) == len(kept) + len(dropped)
    rows = {row["id"]: row for row in (*kept, *dropped)}
    assert len(rows) == len(kept) + len(dropped)
    for row in rows.values():
        (seed,), (parent,) = row["seed_ids"], row["parent_ids"]
        assert seed in seeds
        order = json.loads(row["_bezoar"])["order"]
        assert row["id"] == made_id([parent], evolve["id"], order[-1])
        while parent != seed:
            assert parent in rows, "a parent is a row of this run or the seed"
            assert rows[parent].get("step") != evolve["id"], "nothing evolves from what was eliminated"
            (parent,) = rows[parent]["parent_ids"]
    return kept


def ids(project: Project) -> set[str]:
    count = len((project.folder / "rows.jsonl").read_text().splitlines())
    return {seed_id("rows.jsonl", "", i) for i in range(count)}


def test_three_epochs_over_a_server_eliminate_by_each_rule_and_repeat_without_asking(
    project: Project, server: FaultServer
):
    prepare(project, server)
    done = project.run("--json")
    kept = check(project, done, ids(project))
    reasons = Counter(row["reason"] for row in project.dropped() if row["step"] == EVOLVE)
    assert set(reasons) == ELIMINATED
    for row in project.dropped():
        if row["step"] != EVOLVE:
            continue
        tried = json.loads(row["row"])
        holds = {
            "difficult_response": "sorry" in tried["response"],
            "only_stop_words": tried["response"] == "That is it.",
            "label_phrase": "given prompt" in tried["instruction"],
            "no_information_gain": row["raw"] == "Equal",
            "unclear_comparison": row["raw"] == "Hard to tell.",
        }
        assert holds[row["reason"]], row
        keys = json.loads(row["_bezoar"])["keys"]
        asked = {"no_information_gain": 1, "unclear_comparison": 2}.get(row["reason"], 0)
        assert len(keys[EVOLVE]) == 2
        assert len(keys.get(f"{EVOLVE}.evaluator", ())) == asked
    published = "instruction response category evolution_strategy in-depth-evolving_operation epoch"
    assert {*published.split(), "judge_status"} <= set(kept[0])
    assert "context" not in kept[0]
    assert {row["epoch"] for row in kept} == {1, 2, 3}
    lock = json.loads((project.folder / "runs" / "test" / "dataset" / "lock.json").read_text())
    assert {m["role"]: m["steps"] for m in lock["models"]} == {
        "teacher": [EVOLVE], "evaluator": [EVOLVE], "judge": ["judge-accept"],
    }  # fmt: skip
    before = project.files()
    again = project.run("--json")
    assert again.json["asked"]["requests"] == 0
    assert project.files() == before


def test_the_same_seed_gives_the_same_bytes_whatever_came_first_and_another_gives_other_rows(
    project: Project, server: FaultServer
):
    prepare(project, server)
    server.set(evolving=True, latency=0.005, slow_rate=0.2, slow=0.05, seed=1)
    assert project.run().code == 0
    models(project, server, concurrency=3)
    server.set(evolving=True, slow_rate=0.3, slow=0.03, rate_429=0.05, retry_after="0.1", seed=2)
    assert project.run("--out", "elsewhere/test", "--journal", "elsewhere/journal.sqlite").code == 0
    there, here = project.files("../elsewhere/test"), project.files()
    assert there == here
    project.pipeline(EVOL, seed=8, tolerate=1.0)
    assert project.run("--out", "third/test", "--journal", "third/journal.sqlite").code == 0
    other = project.files("../third/test")
    assert other["dataset/data/train-00000-of-00001.parquet"] != here["dataset/data/train-00000-of-00001.parquet"]


def test_kill_9_half_way_repeats_nothing_that_was_journalled(project: Project, server: FaultServer):
    prepare(project, server)
    assert project.run("--out", "whole/test", "--journal", "whole/journal.sqlite").code == 0
    whole = server.stats()["requests"]
    models(project, server, concurrency=8)
    server.set(evolving=True, latency=0.03, hold_from=whole // 2)
    process = project.start()
    wait_for_requests(server, process, whole // 2)
    sent, journalled = kill(process, server), project.journalled()
    assert 0 <= sent - journalled <= 2 * 8
    server.turn(evolving=True)
    done = project.run("--json")
    assert done.code == 0, done.err
    assert server.stats()["requests"] == whole + sent - journalled
    assert project.parquet() == project.parquet("../whole/test")


def test_a_refused_request_costs_one_evolution_and_no_other(project: Project, server: FaultServer):
    prepare(project, server, 12, mark={3: "[[400]]"})
    done = project.run("--json")
    check(project, done, ids(project))
    refused = [row for row in project.dropped() if row["reason"] == "http_400"]
    assert len(refused) == 3
    assert {tuple(row["seed_ids"]) for row in refused} == {(seed_id("rows.jsonl", "", 3),)}
    assert all(row["parent_ids"] == row["seed_ids"] for row in refused)


@pytest.mark.nightly
def test_distilabels_own_runner_makes_the_same_rows_and_counts(project: Project, server: FaultServer):
    prepare(project, server, 12, mark={3: "[[400]]"})
    both_engines_agree(project)


def test_a_role_that_the_models_file_lacks_is_told_at_its_line(project: Project, server: FaultServer):
    prepare(project, server, 4)
    project.models(server.url)
    done = project.run("--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert "evaluator" in problem["message"]
    assert problem["line"]


def test_the_shipped_pipeline_runs_offline(tmp_path: Path):
    project = Project(tmp_path)
    pipeline = str(ROOT / "pipelines" / "evol-instruct.yaml")
    done = project.bezoar("run", pipeline, "--json")
    source = ROOT / "pipelines" / "seeds" / "dolly_like_small.jsonl"
    count = len(source.read_text().splitlines())
    kept = check(project, done, {seed_id(source.name, "", i) for i in range(count)}, "evol-instruct", 16)
    assert done.json["asked"]["requests"] == len(kept) == 13  # the judge's: all else was recorded
    (evolve,) = (step for step in done.json["steps"] if step["id"] == "evolve")
    assert evolve["dropped"] == {"difficult_response": 1, "label_phrase": 1, "no_information_gain": 1}
    assert {row["judge_status"] for row in kept} == {"Accept", "Reject"}
    assert {row["evolution_strategy"] for row in kept} == {"in-depth-evolving", "in-breadth-evolving"}
    assert all(json.loads(row["_bezoar"])["demo"] for row in kept)
    again = project.bezoar("run", pipeline, "--json")
    assert again.json["asked"]["requests"] == 0


@pytest.mark.parametrize("engine", ["stream", pytest.param("local", marks=pytest.mark.nightly)])
def test_real_seeds_evolve_over_http(project: Project, server: FaultServer, real_data: Path, engine: str):
    source = real_data / "dolly" / "dolly_sample.jsonl"
    (project.folder / "rows.jsonl").write_bytes(source.read_bytes())
    models(project, server)
    project.pipeline(EVOL, seed=7, tolerate=1.0)
    check(project, project.run("--json", "--engine", engine), ids(project))
