"""Ablations: planted steps are known for what they are, and nothing is paid, trained or evaluated twice."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.evaluation.ablated import Ablated, VariantResult
from support.command import BEZOAR, Outcome, bezoar
from support.fault_server import FaultServer
from support.planted import STEPS, VARIANTS, write_planted
from support.projects import kill_group, wait_for_requests
from support.waiting import wait_until

SEEDS = (1, 2)
ABLATE = ("ablate", "ablations/planted.yaml")


@dataclass(frozen=True)
class Run:
    """An ablation in the server's sight."""

    folder: Path
    server: FaultServer
    plan: dict[str, Any]
    told: Outcome
    requests: int

    @property
    def evaluated(self) -> Path:
        return self.folder / "evaluated" / "steps"

    @property
    def found(self) -> Ablated:
        return Ablated.read(self.evaluated / "ablation.json")

    def variant(self, name: str) -> VariantResult:
        return next(one for one in self.found.variants if one.name == name)

    def weights(self) -> Mapping[str, int]:
        trained = self.folder / "trained"
        return {str(p.relative_to(trained)): p.stat().st_mtime_ns for p in trained.rglob("*.safetensors")}


@pytest.mark.slow
def test_planted_steps_are_known_and_nothing_is_made_twice(tmp_path: Path) -> None:
    """One ablation, planned, run, and run again: all that is to be seen of it, as it takes a while."""
    folder = tmp_path / "project"
    with FaultServer() as server:
        path = write_planted(folder, server.url, seeds=SEEDS, keys=32, steps=40)
        value = json.loads(path.read_text())
        value["variants"] |= {
            "same": {"set": {"steps.agreed.expression": "agreed > 1"}},
            "nothing-left": {"set": {"steps.agreed.expression": "agreed > 9"}},
        }
        path.write_text(json.dumps(value))
        plan = bezoar(*ABLATE, "--plan", "--json", cwd=folder)
        assert plan.code == 0, plan.err
        assert server.stats()["requests"] == 0
        told = bezoar(*ABLATE, cwd=folder)
        assert told.code == 0, told.err
        run = Run(folder, server, plan.json, told, server.stats()["requests"])
        _verdicts(run)
        _what_is_shared_is_asked_once(run)
        _a_variant_that_fails_is_told(run)
        _rows_that_are_the_same_are_trained_on_once(run)
        _the_page(run)
        _what_is_there_is_not_made_again(run)


def _verdicts(run: Run) -> None:
    verdicts = {step: run.variant(name).verdict for name, (step,) in VARIANTS.items()}
    assert verdicts == STEPS, run.told.out


def _what_is_shared_is_asked_once(run: Run) -> None:
    data = [one.data for one in run.found.variants if one.data is not None]
    assert run.requests == max(one.answers for one in data) == 32 * 12
    assert sum(one.asked for one in data) == run.requests
    assert run.plan["requests"]["low"] <= run.requests <= run.plan["requests"]["high"]
    assert (run.plan["trainings"], run.plan["evaluations"]) == (12, 12)


def _a_variant_that_fails_is_told(run: Run) -> None:
    why = run.variant("nothing-left").failed
    assert why is not None
    assert "no row is left" in why
    assert f"nothing-left failed: {why}" in run.told.out


def _rows_that_are_the_same_are_trained_on_once(run: Run) -> None:
    same = run.variant("same")
    assert (same.same_as, same.verdict) == ("whole", "tied")
    assert {one.effect["value"] for one in same.found} == {0.0}
    assert run.found.trainings == len(SEEDS) * 4
    assert not list((run.folder / "trained" / "steps").glob("same-*"))


def _the_page(run: Run) -> None:
    html, markdown = ((run.evaluated / name).read_text() for name in ("report.html", "report.md"))
    assert "default-src 'none'" in html
    assert "<svg" in html
    assert "http" not in html.replace("http-equiv", "")
    for text in (html, markdown, run.told.out):
        for said in ("agreed: helps", "short: hurts", "judge: tied", "Hillis (2007)", "its rows are those of whole"):
            assert said in text
    assert "| no-agreed | without agreed |" in markdown


def _what_is_there_is_not_made_again(run: Run) -> None:
    """Nothing at all; and where a model and an evaluation are gone, these alone."""
    before, weights = (run.evaluated / "ablation.json").read_bytes(), run.weights()
    shutil.rmtree(run.folder / "trained" / "steps" / "no-judge-2")
    shutil.rmtree(run.evaluated / "no-short-1")
    again = bezoar(*ABLATE, cwd=run.folder)
    assert again.code == 0, again.err
    assert (run.evaluated / "ablation.json").read_bytes() == before
    assert run.server.stats()["requests"] == run.requests
    changed = [name for name, time in run.weights().items() if weights[name] != time]
    assert changed == ["steps/no-judge-2/sft/model.safetensors"]
    said = again.err.splitlines()
    assert sum("data done already" in line for line in said) == 5
    assert sum(" acc " in line for line in said) == 1
    assert again.out == run.told.out
    retried = bezoar(*ABLATE, "--retry-failed", cwd=run.folder)
    assert retried.code == 0, retried.err
    assert "data done already" not in retried.err
    assert run.server.stats()["requests"] == run.requests, "no request was refused"


@pytest.mark.slow
def test_a_budget_holds_for_all_variants_together(tmp_path: Path) -> None:
    """The whole pipeline judges the rows that agree; without that step many more would be judged."""
    folder = tmp_path / "project"
    with FaultServer() as server:
        path = write_planted(folder, server.url, seeds=SEEDS, keys=16)
        pipeline = folder / "pipelines" / "planted.yaml"
        head, load, judge, agreed, short = pipeline.read_text().split("  - use: ")
        pipeline.write_text("  - use: ".join([head, load, agreed, judge, short]))
        models = folder / "pipelines" / "models.yaml"
        priced = json.loads(models.read_text())
        priced["roles"]["judge"]["price"] = {"input": 1, "output": 1, "read": "2026-11-01"}
        models.write_text(json.dumps(priced))
        value = json.loads(path.read_text())
        path.write_text(json.dumps({**value, "variants": {"no-agreed": {"without": ["agreed"]}}}))
        apart = ("--out", "apart/run", "--journal", "apart/journal.sqlite")
        alone = bezoar("run", "pipelines/planted.yaml", *apart, "--json", cwd=folder).json
        budget = 1.15 * alone["cost"]
        stopped = bezoar(*ABLATE, "--max-cost", str(budget), cwd=folder)
        assert stopped.code == 3, stopped.err
        assert server.stats()["requests"] > 2 * alone["asked"]["requests"]
    assert (folder / "runs" / "steps" / "whole" / "dataset").is_dir()
    assert not (folder / "runs" / "steps" / "no-agreed" / "dataset").exists()
    assert not (folder / "trained").exists()
    with closing(sqlite3.connect(folder / "runs" / "journal.sqlite")) as journal:
        assert journal.execute("SELECT sum(cost) FROM answers").fetchone()[0] <= budget


class Killed:
    """An ablation in a process of its own, to be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        return subprocess.Popen([*BEZOAR, *ABLATE], cwd=self.folder, start_new_session=True, **pipes)

    def weights(self) -> dict[str, int]:
        """Of finished stages, when they were written."""
        found = (self.folder / "trained").glob("steps/*/sft/model.safetensors")
        return {str(path): path.stat().st_mtime_ns for path in found}

    def wait_for_models(self, process: subprocess.Popen[str], count: int) -> None:
        def there() -> bool:
            assert process.poll() is None
            return len(self.weights()) >= count

        wait_until(there)


@pytest.mark.nightly
def test_a_killed_ablation_goes_on_where_it_was(tmp_path: Path) -> None:
    """`kill -9` while data are made, and while models are: no question is asked again, no finished model made again."""
    project = Killed(tmp_path / "project")
    with FaultServer(latency=0.02) as server:
        write_planted(project.folder, server.url, seeds=SEEDS, keys=32, steps=40)
        process = project.start()
        wait_for_requests(server, process, 100)
        kill_group(process)
        process = project.start()
        project.wait_for_models(process, 3)
        kill_group(process)
        asked, weights = server.stats()["requests"], project.weights()
        done = bezoar(*ABLATE, cwd=project.folder)
        assert done.code == 0, done.err
        assert server.stats()["requests"] == asked
        # What was on its way to the killed run may have been answered, and asked again.
        assert 32 * 12 <= asked <= 32 * 12 + 64
        assert {name: project.weights()[name] for name in weights} == weights


@pytest.mark.nightly
def test_each_training_may_have_data_of_its_own_and_earlier_stages_are_trained_once(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    with FaultServer() as server:
        path = write_planted(folder, server.url, seeds=SEEDS, keys=32, steps=20)
        pipeline = folder / "pipelines" / "planted.yaml"
        pipeline.write_text(pipeline.read_text() + "  - {use: sample, with: {fraction: 0.9}}\n")
        # A stage before, on data of another pipeline, which the variants have in common.
        source = "{use: load_rows, with: {path: rows.jsonl, texts: [instruction, response], keep: []}}"
        first = f"name: first\nversion: 1\ncard: ../cards/first.md\nsteps:\n  - {source}\n"
        (folder / "pipelines" / "first.yaml").write_text(first)
        shutil.copy(folder / "cards" / "planted.md", folder / "cards" / "first.md")
        assert bezoar("run", "pipelines/first.yaml", cwd=folder).code == 0
        recipe = json.loads((folder / "recipes" / "planted.yaml").read_text())
        recipe["stages"].insert(0, {"use": "sft", "id": "before", "card": "../cards/first.md"})
        (folder / "recipes" / "planted.yaml").write_text(json.dumps(recipe))
        value = json.loads(path.read_text()) | {"data_seeds": [5, 6], "variants": {"no-short": {"without": ["short"]}}}
        path.write_text(json.dumps(value))
        told = bezoar(*ABLATE, cwd=folder)
        assert told.code == 0, told.err
    assert "The data were made once" not in told.out
    runs, trained = folder / "runs" / "steps", folder / "trained" / "steps"
    assert {one.name for one in runs.iterdir()} == {"whole-5", "whole-6", "no-short-5", "no-short-6"}
    rows = {
        name: (runs / name / "dataset/data/train-00000-of-00001.parquet").read_bytes()
        for name in ("whole-5", "whole-6")
    }
    assert rows["whole-5"] != rows["whole-6"]
    for seed in SEEDS:
        before = [trained / f"{name}-{seed}" / "before" / "model.safetensors" for name in ("whole", "no-short")]
        assert before[0].samefile(before[1])
        after = [trained / f"{name}-{seed}" / "sft" / "model.safetensors" for name in ("whole", "no-short")]
        assert after[0].read_bytes() != after[1].read_bytes()
    assert not (trained / "whole-1" / "before" / "model.safetensors").samefile(
        trained / "whole-2" / "before" / "model.safetensors"
    )
