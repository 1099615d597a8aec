"""Plans and the runs they speak of: the actual requests and cost must lie where the plan said.

The endpoint answers whatever is asked by a script, and counts tokens by a rule of its own: neither its answers' lengths
nor its count are the plan's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bezoar_data import load_pipeline
from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.load import load
from bezoar_data.plan.interval import Interval
from bezoar_data.plan.planner import plan_pipeline
from bezoar_data.plan.result import Plan
from bezoar_data.reports.plan.text import plan_text
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.project import find_journal
from support.fault_server import FaultServer
from support.large import LARGE, settings
from support.projects import JUDGED, STEPS, Project

ROOT = Path(__file__).parents[2]
PRICE = {"input": 0.5, "output": 2.0, "read": "2026-11-20"}


@pytest.fixture(scope="module")
def answering() -> Iterator[FaultServer]:
    with FaultServer(scripted=True) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, answering: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path)
    project.models(answering.url, price=PRICE)
    monkeypatch.chdir(tmp_path)
    return project


def plan(path: Path | str, *, out: str = "runs/test", set: tuple[str, ...] = (), **how: Any) -> Plan:
    checked = load(Path(path), overrides=set, models=how.pop("models", None), max_cost=how.get("max_cost"))
    return plan_pipeline(checked, RunFolder(Path(out)), find_journal(pipeline=Path(path), out=Path(out)), **how)


def run(path: Path | str, *, out: str = "runs/test", **how: Any) -> dict[str, Any]:
    """What a run asked: the tally of its requests."""
    asked: dict[str, Any] = load_pipeline(path, out=out, **how).run(quiet=True).as_json()["asked"]
    return asked


def holds(interval: Interval | None, actual: float, *, within: float) -> None:
    assert interval is not None
    assert interval.low <= actual <= interval.high, (actual, interval)
    assert interval.high <= within * interval.low, interval


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("lamini", "evol-instruct")]


@pytest.mark.parametrize("name", ["orca", *SLOW])
def test_what_a_run_takes_lies_within_its_plan_and_nearer_once_there_was_a_run(
    name: str, tmp_path: Path, answering: FaultServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    roles = {
        role: {
            "provider": "openai",
            "model": role,
            "base_url": answering.url,
            "price": PRICE,
            "sampling": {"max_tokens": most},
        }
        for role, most in (("teacher", 1024), ("judge", 512), ("evaluator", 32))
    }
    models = tmp_path / "models.yaml"
    models.write_text(json.dumps({"version": 1, "roles": roles}))
    path, out = ROOT / "pipelines" / f"{name}.yaml", f"runs/{name}"

    large = LARGE[name]
    first = plan(path, out=out, models=models, set=large)
    assert first.from_journal == 0
    took = run(path, out=out, models=models, set=settings(name))
    holds(first.requests, took["requests"], within=2)
    holds(first.cost, took["cost"], within=2)

    again = plan(path, out=out, models=models, set=large)
    assert (again.requests, again.cost) == (Interval(0, 0, 0), Interval(0, 0, 0))
    assert again.paid == pytest.approx(took["cost"])
    assert again.rows is not None
    assert again.rows.is_exact

    other = plan(path, out=out, models=models, set=(*large, "seed=8"))
    assert {use.basis for step in other for use in step.models} == {"learned"}
    took = run(path, out=out, models=models, set={**settings(name), "seed": 8})
    holds(other.requests, took["requests"], within=1.5)
    holds(other.cost, took["cost"], within=1.5)


def test_planning_asks_nobody_and_leaves_no_file(project: Project, tmp_path: Path):
    project.rows(8)
    with FaultServer() as server:
        project.models(server.url, price=PRICE)
        made = plan(project.pipeline(JUDGED))
        assert server.stats()["requests"] == 0
    assert made.requests is not None
    assert made.requests.high >= 16
    assert sorted(p.name for p in tmp_path.iterdir()) == ["models.yaml", "pipeline.yaml", "rows.jsonl"]


def test_prompts_that_are_known_are_counted_exactly_and_equal_ones_once(project: Project):
    project.rows(6)
    rows = (project.folder / "rows.jsonl").read_text()
    (project.folder / "rows.jsonl").write_text(rows + rows)  # the second half asks what the first asked
    steps = """\
  - use: load_instructions
    with: {path: rows.jsonl, instruction: inputs}
  - use: lamini.respond
    with: {model: teacher}
"""
    made = plan(project.pipeline(steps))
    assert made.step("load_instructions").rows_out == Interval(12, 12, 12)
    (use,) = made.step("lamini-respond").models
    assert use.requests is not None
    assert use.requests.low == 6


def test_after_a_run_of_some_rows_the_others_are_left_to_pay(project: Project):
    project.rows(40)
    path = project.pipeline(JUDGED)
    run(path, limit=15)
    made = plan(path)
    assert made.from_journal == 30
    assert made.step("load_flan").rows_out == Interval(40, 40, 40)
    assert all(use.basis == "learned" and use.learned_from == 15 for step in made for use in step.models)
    took = run(path)
    holds(made.requests, took["requests"], within=1.3)
    holds(made.cost, took["cost"], within=1.3)


def test_a_demo_run_teaches_nothing_of_another_model(project: Project):
    project.rows(20)
    path = project.pipeline(JUDGED)
    offline = ROOT / "pipelines" / "models" / "offline.yaml"
    run(path, models=offline)
    made = plan(path)
    assert made.from_journal == 0
    assert {use.basis for step in made for use in step.models} == {"assumed"}


@pytest.mark.parametrize(("cap", "verdict"), [(5.0, "enough"), (0.0001, "not_enough")])
def test_a_budget_is_weighed(project: Project, cap: float, verdict: str):
    project.rows(20)
    made = plan(project.pipeline(JUDGED), max_cost=cap)
    assert made.budget is not None
    assert made.budget.verdict == verdict
    assert made.cost is not None
    assert made.budget.needed is not None
    assert made.budget.needed > made.cost.high  # room for the worst that the last request may cost


def test_a_budget_between_the_ends_may_not_be_enough(project: Project):
    project.rows(20)
    path = project.pipeline(JUDGED)
    cost = plan(path).cost
    assert cost is not None
    made = plan(path, max_cost=cost.likely)
    assert made.budget is not None
    assert made.budget.verdict == "perhaps"


def test_a_budget_without_prices_is_refused_as_a_run_would(project: Project, answering: FaultServer):
    project.rows(3)
    project.models(answering.url)
    path = project.pipeline(JUDGED)
    with pytest.raises(InputError) as wrong:
        plan(path, max_cost=1.0)
    assert {p.code for p in wrong.value.problems} == {"no-price"}
    made = plan(path)
    assert made.cost is None
    assert made.unpriced == ("tester",)
    assert "no price for tester" in plan_text(made, 120)


def test_a_step_of_a_persons_module_is_not_imported_and_what_follows_is_unknown(project: Project):
    project.rows(5)
    (project.folder / "evil.py").write_text("open('was_here', 'w').close()\nclass Step: pass\n")
    sys.path.insert(0, str(project.folder))
    try:
        steps = STEPS + "  - {id: theirs, use: 'evil:Step', writes: [said]}\n" + JUDGED.removeprefix(STEPS)
        made = plan(project.pipeline(steps))
    finally:
        sys.path.remove(str(project.folder))
    assert not (project.folder / "was_here").exists()
    assert made.step("orca-explain").models[0].requests is not None
    theirs = made.step("theirs")
    assert theirs.rows_in is not None
    assert theirs.rows_out is None
    assert theirs.basis == "unknown"
    assert made.step("judge-accept").models[0].requests is None
    assert (made.requests, made.cost, made.rows) == (None, None, None)
    assert "unknown" in str(made)


def test_rows_sorted_out_before_any_question_are_known_exactly(project: Project):
    project.rows(10)
    rows = (project.folder / "rows.jsonl").read_text()
    (project.folder / "rows.jsonl").write_text(rows + rows)
    once = "  - use: exact_duplicates\n    with: {column: inputs}\n"
    steps = STEPS.replace("  - use: orca.system", f"{once}  - use: orca.system", 1)
    made = plan(project.pipeline(steps))
    assert (made.step("exact_duplicates").rows_out, made.step("exact_duplicates").basis) == (
        Interval(10, 10, 10),
        "exact",
    )


def test_a_pace_sets_the_time(project: Project, answering: FaultServer):
    project.rows(61)
    project.models(answering.url, price=PRICE, limits={"requests_per_minute": 30})
    made = plan(project.pipeline(STEPS))
    assert made.seconds is not None
    assert 120 <= made.seconds.low <= made.seconds.high < 200


def test_a_source_with_many_rows_is_worked_out_on_some(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bezoar_data.plan.replay.MOST_ROWS", 100)
    project.rows(1001)
    made = plan(project.pipeline(STEPS))
    assert made.step("load_flan").rows_out == Interval(1001, 1001, 1001)
    assert any("of its 1,001 rows" in note for note in made.step("load_flan").notes)
    assert made.requests is not None
    assert made.requests.low >= 1001


def test_files_that_are_there_already_are_named_as_replaced(project: Project):
    project.rows(4)
    path = project.pipeline(STEPS, splits={"validation": 0.5})
    assert not any(file.replaces for file in plan(path).files)
    run(path)
    made = plan(path)
    assert all(file.replaces for file in made.files)
    assert all(Path(file.path).exists() for file in made.files)
    found = (p for p in (project.folder / "runs").rglob("[!.]*") if p.is_file())
    written = {p for p in found if p.suffix != ".lock" and not p.name.startswith("journal.sqlite-")}
    assert {Path(f.path).absolute() for f in made.files} == written


def test_a_missing_key_is_told_and_does_not_stop_the_plan(project: Project, answering: FaultServer):
    project.rows(3)
    project.models(answering.url, price=PRICE, api_key_env="NOBODY_API_KEY")
    made = plan(project.pipeline(STEPS))
    assert any("NOBODY_API_KEY" in warning for warning in made.warnings)


def test_the_plan_says_who_waits_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    lamini = plan(ROOT / "pipelines" / "lamini.yaml", out="runs/lamini", set=LARGE["lamini"])
    assert any("it asks in waves" in note for note in lamini.step("lamini-generate").notes)
    assert lamini.step("near_duplicates").waits
    evolve = plan(ROOT / "pipelines" / "evol-instruct.yaml", out="runs/evol", set=LARGE["evol-instruct"]).step("evolve")
    assert any("9 LLM calls follow each other for one row" in note for note in evolve.notes)


def test_a_step_that_may_not_ask_often_enough_makes_fewer_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    limited = (*LARGE["lamini"], "steps.lamini-generate.max_requests=10")
    made = plan(ROOT / "pipelines" / "lamini.yaml", out="runs/lamini", set=limited).step("lamini-generate")
    assert made.models[0].requests == Interval(10, 10, 10)
    assert made.rows_out is not None
    assert made.rows_out.low < made.rows_out.high == 200


THEIRS = """\
  - use: load_instructions
    with: {path: rows.jsonl, instruction: inputs}
  - use: distilabel:TextGeneration
    with: {model: teacher, num_generations: 2}
  - use: distilabel:KeepColumns
    with: {columns: [instruction, generation]}
  - use: judge.accept
    with: {model: judge, instruction: instruction, response: generation, system: "", reference: ""}
"""


def test_distilabels_steps_are_driven_as_ours_are(project: Project):
    project.rows(12)
    path = project.pipeline(THEIRS)
    first = plan(path)
    assert first.step("text-generation").models[0].requests is not None
    took = run(path)
    holds(first.requests, took["requests"], within=2)
    again = plan(path)
    assert (again.requests, again.rows) == (Interval(0, 0, 0), Interval(24, 24, 24))


def test_a_step_that_loads_a_model_of_its_own_is_not_run(project: Project):
    project.rows(3)
    scored = "  - {use: 'distilabel:RewardModelScore', with: {model: a/b}, columns: {response: generation}}\n"
    made = plan(project.pipeline(THEIRS.replace("  - use: judge.accept", f"{scored}  - use: judge.accept")))
    assert made.step("reward-model-score").rows_out is None
    assert any("does not run" in note for note in made.step("reward-model-score").notes)
