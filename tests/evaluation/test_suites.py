"""The shipped suites: their tasks are those of the harness, and the local one runs from files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.config.files.suite import load_suite
from bezoar_data.evaluation.task_index import check_names, runs_code, task_manager
from support.command import bezoar
from support.fault_server import FaultServer

SUITES = sorted((Path(__file__).parents[2] / "suites").glob("*.yaml"))


@pytest.mark.slow
def test_the_harness_knows_every_task_of_every_suite() -> None:
    from lm_eval.tasks import TaskManager

    index = TaskManager(include_path=str(SUITES[0].parent / "tasks"))
    for path in SUITES:
        check_names(load_suite(path), index)
        few = task_manager(load_suite(path)).task_index
        for name in {task.task for _, task in load_suite(path).harness_tasks} & index.task_index.keys():
            assert few[name].cfg == index.task_index[name].cfg, name
    runs = {name for name in ("humaneval_instruct", "gsm8k_cot", "mmlu", "ifeval") if runs_code(name, index)}
    assert runs == {"humaneval_instruct"}


def test_of_the_harness_only_what_a_suite_names_is_read() -> None:
    assert len(task_manager(load_suite(SUITES[0].parent / "local.yaml")).task_index) < 200


def test_the_local_suite_runs_from_files_alone(
    real_data: Path, tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own tasks that generate, asked of a server; the model's code is run only where that is allowed."""
    own = load_suite(SUITES[0].parent / "local.yaml")
    listed = [task.model_dump(mode="json", exclude_none=True) for task in own.file.tasks if "rationale" in task.task]
    code = next(task for task in own.file.tasks if "humaneval" in task.task)
    listed.append({**code.model_dump(mode="json", exclude_none=True), "chat_template": True})
    for task in listed:
        task |= {"task": str(own.resolve(task["task"])), "limit": 2}
    (tmp_path / "suite.yaml").write_text(json.dumps({"name": "own", "version": 1, "tasks": listed}))
    monkeypatch.chdir(tmp_path)
    command = ("evaluate", f"openai:m@{server.url}", "--suite", "suite.yaml")
    told = bezoar(*command)
    assert "left out, as it runs code that the model writes, here: humaneval_local" in told.err
    assert [line.split()[:3] for line in told.out.splitlines()[-1:]] == [["ecqa_rationale", "rougeL", "2"]]
    assert "only with --allow-code: humaneval_local" in bezoar(*command, "--plan").out
    allowed = bezoar(*command, "--allow-code", "--json").json["models"][0]["tasks"]
    assert [(task["task"], task["metrics"].get("pass@1", {}).get("value")) for task in allowed] == [
        ("ecqa_rationale", None),
        ("humaneval_local", 0.0),
    ]
    assert set(allowed[0]["metrics"]) == {"rougeL", "sentence_bleu", "bleu"}
    listed[1]["chat_template"] = False
    (tmp_path / "suite.yaml").write_text(json.dumps({"name": "own", "version": 1, "tasks": listed}))
    assert "'humaneval_local' is a text to go on with" in bezoar(*command).err


def test_a_suite_is_copied_with_its_tasks_and_what_scores_them(tmp_path: Path) -> None:
    assert {line.split()[0] for line in bezoar("suites", "list").out.splitlines()} == {path.stem for path in SUITES}
    assert bezoar("suites", "copy", "local", cwd=tmp_path).code == 0
    there = {path.name for path in (tmp_path / "suites" / "tasks").iterdir()}
    local = load_suite(tmp_path / "suites" / "local.yaml").file
    assert there == {"scores.py", *(Path(task.task).name for task in local.tasks if task.task.endswith(".yaml"))}
    assert bezoar("validate", "suites", cwd=tmp_path, env={"BEZOAR_TEST_DATA": ""}).code == 0
