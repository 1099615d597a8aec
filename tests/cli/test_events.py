"""`--events FILE`: what a command tells of itself where nobody watches it, line by line, by its schema."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import bezoar_data
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from support.command import bezoar
from support.fault_server import FaultServer
from support.projects import STEPS, Project, interrupt, wait_for_requests

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "events.schema.json").read_text("utf-8"))
KEY = "sk-a-key-that-no-line-may-show-0123456789"


def lines_of(file: Path) -> list[dict[str, Any]]:
    """All lines, each as the schema has it; those of a command begin with `start` and end with `end`."""
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for line in lines:
        jsonschema.validate(line, SCHEMA)
    for pid in {line["pid"] for line in lines}:
        events = [line["event"] for line in lines if line["pid"] == pid]
        assert events[0] == "start"
        assert events[-1] == "end"
        assert events.count("start") == events.count("end")
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    return lines


def named(lines: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


@pytest.mark.server(rate_429=0.3, retry_after="0")
def test_a_run_tells_progress_failures_by_cause_spending_and_its_end(project: Project, server: FaultServer):
    project.rows(12, {3: "[[400]]"})
    project.pipeline(STEPS)
    project.models(server.url, price={"input": 1.0, "output": 2.0, "read": "2026-11-01"})
    done = project.run("--json", "--events", "logs/night.jsonl")
    assert done.code == 1, done.err  # 1 of 12 rows failed, more than 5 %
    file = project.folder / "logs" / "night.jsonl"
    lines = lines_of(file)
    assert {line["command"] for line in lines} == {"run"}
    assert lines[0]["arguments"][:2] == ["run", "pipeline.yaml"]
    last = named(lines, "progress")[-1]
    assert (last["part"], last["unit"], last["done"], last["expected"]) == ("test", "rows", 12, 12)
    failures = {(f["what"], f["cause"], f["where"]): f["count"] for f in named(lines, "failure")}
    asked = done.json["asked"]
    assert failures.pop(("request", "rate_limited", "")) == asked["failures"]["rate_limited"] > 0
    ((what, _, where), count) = failures.popitem()
    assert (what, where, count) == ("row", "orca-explain", 1)
    assert not failures
    spend = named(lines, "spend")[-1]
    assert (spend["cost"], spend["requests"], spend["cached"]) == (asked["cost"], asked["requests"], 0)
    assert spend["cost"] > 0
    end = lines[-1]
    assert (end["exit_code"], end["outcome"], end["goes_on"]) == (1, "too_many_failed", True)
    assert "more rows failed (1)" in end["reason"]
    counts = {"kept": 11, "dropped": 1, "folder": "runs/test", "lock": done.json["lock"]}
    assert end["result"] == counts
    # The same file again, with nothing to pay.
    assert project.run("--json", "--events", "logs/night.jsonl", "--set", "tolerate=0.2").code == 0
    more = lines_of(file)[len(lines) :]
    assert [line["event"] for line in more] == ["start", "progress", "failure", "spend", "end"]
    assert (more[-2]["cost"], more[-2]["requests"], more[-2]["cached"]) == (0.0, 0, 12)
    assert (more[-1]["outcome"], more[-1]["reason"]) == ("done", "")


@pytest.mark.parametrize(
    ("arguments", "code", "outcome", "goes_on", "reason"),
    [
        (["run", "pipelne.yaml"], 2, "input_wrong", False, "pipelne.yaml"),
        (["run", "pipeline.yaml", "--set", f"sed={KEY}"], 2, "input_wrong", False, "sed"),
        (["run", "pipeline.yaml", "--limit", "0"], 2, "input_wrong", False, "--limit"),
        (["run", "pipeline.yaml", "--max-cost", "0.2"], 3, "budget", True, "budget"),
        (["train", "no-recipe.yaml"], 2, "input_wrong", False, "no-recipe.yaml"),
        (["evaluate", "no-model", "--suite", "no-suite"], 2, "input_wrong", False, "no-suite"),
    ],
)
def test_each_ending_is_told(
    project: Project,
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    outcome: str,
    goes_on: bool,
    reason: str,
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    project.rows(40)
    project.pipeline(STEPS)
    project.models(server.url, price={"input": 100.0, "output": 200.0, "read": "2026-11-01"})
    done = project.bezoar(*arguments, "--events", "events.jsonl")
    assert done.code == code, done.err
    lines = lines_of(project.folder / "events.jsonl")
    assert KEY not in (project.folder / "events.jsonl").read_text()
    end = lines[-1]
    assert (end["command"], end["exit_code"]) == (arguments[0], code)
    assert (end["outcome"], end["goes_on"]) == (outcome, goes_on)
    assert reason in end["reason"]
    assert end["result"] == {}
    if code == 3:
        assert 0 < named(lines, "spend")[-1]["cost"] <= 0.2


def test_an_interrupted_run_tells_its_end(project: Project):
    project.rows(60)
    project.pipeline(STEPS)
    with FaultServer(hold_from=12) as held:
        project.models(held.url, limits={"concurrency": 4})
        process = project.start("--events", "events.jsonl")
        wait_for_requests(held, process, 16)
        interrupt(process, then=held.turn)
    end = lines_of(project.folder / "events.jsonl")[-1]
    assert (end["exit_code"], end["outcome"], end["goes_on"], end["pid"]) == (130, "interrupted", True, process.pid)


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(project: Project, server: FaultServer):
    project.rows(4)
    project.pipeline(STEPS)
    project.models(server.url)
    (project.folder / "taken").mkdir()
    done = project.run("--events", "taken")
    assert done.code == 2
    assert "nothing can be written to taken: Is a directory" in done.err
    assert server.stats()["requests"] == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_full_disk_under_the_events_ends_no_run(project: Project, server: FaultServer):
    project.rows(4)
    project.pipeline(STEPS)
    project.models(server.url)
    assert project.run("--events", "/dev/full").code == 0


def test_a_script_writes_what_the_command_line_does(
    project: Project, server: FaultServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    project.rows(4)
    path = project.pipeline(STEPS)
    project.models(server.url)
    file = project.folder / "events.jsonl"
    with bezoar_data.Events(file) as events:
        events.ended(bezoar_data.load_pipeline(path, out=project.folder / "runs/test").run(quiet=True, events=events))
    assert [line["event"] for line in lines_of(file)] == ["start", "progress", "spend", "end"]
    assert (lines_of(file)[-1]["outcome"], lines_of(file)[-1]["result"]["kept"]) == ("done", 4)
    for wrong, outcome, code in (
        (InputError(Problem("x", KEY)), "input_wrong", 2),
        (ValueError(KEY), "internal_error", 70),
    ):
        with pytest.raises(type(wrong)), bezoar_data.Events(file, "train"):
            raise wrong
        end = lines_of(file)[-1]
        assert (end["command"], end["outcome"], end["exit_code"]) == ("train", outcome, code)
    assert KEY not in file.read_text()


def test_training_evaluating_and_merging_take_it_too():
    for command in ("train", "evaluate", "merge-shards"):
        assert "--events FILE" in bezoar(command, "--help").out
