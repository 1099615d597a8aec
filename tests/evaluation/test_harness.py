"""Our figures are the harness's own: its command line, on the same model and tasks, gives the same digits."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from bezoar_data.api.evaluating import evaluate
from bezoar_data.config.errors import InputError
from bezoar_data.evaluation.compare import compare
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.evaluation.record import Evaluation
from support.command import bezoar
from support.tasks import TASKS, write_suite
from support.tiny_model import save_tiny_model


def harness(model: Path, base: Path, tasks: Path, out: Path) -> dict[str, dict[str, float]]:
    """What `lm_eval run` prints to its files."""
    arguments = f"pretrained={base},dtype=auto" + (f",peft={model},tokenizer={model}" if model != base else "")
    command = [
        sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", arguments, "--tasks", ",".join(TASKS),
        "--include_path", str(tasks), "--batch_size", "1", "--device", "cpu", "--log_samples",
        "--output_path", str(out),
    ]  # fmt: skip
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(command, env={**os.environ, **offline}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(next(out.rglob("results_*.json")).read_text())
    return found["results"]


@pytest.fixture(scope="module")
def evaluated(
    models: dict[str, Path], tasks: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Evaluation]]:
    folder = tmp_path_factory.mktemp("evaluated")
    suite = write_suite(folder / "suite.yaml", tasks, batch_size=1)
    with redirect_stdout(io.StringIO()) as printed:
        done, left = evaluate([str(path) for path in models.values()], suite, out=folder / "out", quiet=True)
    assert printed.getvalue() == "", "it would stand in --json"
    return left, {one.model.name: one for one in done}


@pytest.mark.parametrize("name", ["base", "adapter", pytest.param("merged", marks=pytest.mark.nightly)])
def test_figures_are_those_of_the_harness(
    name: str, models: dict[str, Path], tasks: Path, evaluated: tuple[Path, dict[str, Evaluation]], tmp_path: Path
) -> None:
    model = models[name]
    theirs = harness(model, models["base"] if name == "adapter" else model, tasks, tmp_path)
    folder, ours = evaluated
    assert {task.task for task in ours[name].tasks} == set(TASKS)
    for task in ours[name].tasks:
        for metric, figure in task.metrics.items():
            key, _, filtered = metric.partition(",")
            assert figure["value"] == theirs[task.task][f"{key},{filtered or 'none'}"], (task.task, metric)
            stderr = theirs[task.task][f"{key}_stderr,{filtered or 'none'}"]
            assert figure["error"] == (stderr if stderr != "N/A" else None), (task.task, metric)
    # Its own folder of samples holds the same items with the same scores.
    for task, items in read_evaluated(tmp_path).tasks.items():
        assert items.scores == read_evaluated(folder / name).tasks[task].scores
        assert items.prompts == read_evaluated(folder / name).tasks[task].prompts


def test_an_adapter_without_effect_is_refused(models: dict[str, Path], tasks: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    fresh = get_peft_model(
        AutoModelForCausalLM.from_pretrained(models["base"]), LoraConfig(r=4, target_modules=["q_proj"])
    )
    fresh.save_pretrained(tmp_path / "untrained")
    AutoTokenizer.from_pretrained(models["base"]).save_pretrained(tmp_path / "untrained")
    suite = write_suite(tmp_path / "suite.yaml", tasks)
    with pytest.raises(InputError, match="changes nothing"):
        evaluate([tmp_path / "untrained"], suite, out=tmp_path / "out", quiet=True)


def test_what_is_done_is_not_done_again(
    models: dict[str, Path],
    tasks: Path,
    evaluated: tuple[Path, dict[str, Evaluation]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, before = evaluated
    suite = write_suite(folder / "again.yaml", tasks, batch_size=3)
    done, _ = evaluate([models["base"], models["adapter"]], suite, out=folder.parents[1])
    assert capsys.readouterr().err == "base: done already\nadapter: done already\n"
    assert done[0].tasks == before["base"].tasks


def test_two_models_are_compared_item_by_item(evaluated: tuple[Path, dict[str, Evaluation]]) -> None:
    folder, _ = evaluated
    found = compare(read_evaluated(folder / "base"), read_evaluated(folder / "merged"))
    assert [one.name for one in found.tasks] == list(TASKS)
    for one in found.tasks:
        assert one.found.items == 20
        assert one.unpaired == 0
    likely = next(one for one in found.tasks if one.name == "likely")
    assert likely.metric == "acc"
    same = compare(read_evaluated(folder / "base"), read_evaluated(folder / "base"))
    assert {one.word for one in same.tasks} == {"tied"}
    assert {one.found.value for one in same.tasks} == {0.0}


def test_the_command_line_evaluates_and_compares(
    evaluated: tuple[Path, dict[str, Evaluation]], models: dict[str, Path], tasks: Path, tmp_path: Path
) -> None:
    folder, _ = evaluated
    suite = write_suite(tmp_path / "suite.yaml", tasks)
    told = bezoar(
        "evaluate",
        models["base"],
        models["adapter"],
        "--suite",
        suite,
        "--out",
        folder.parents[1],
        "--events",
        tmp_path / "events.jsonl",
    )
    assert told.code == 0
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    done = {line["part"]: (line["done"], line["expected"]) for line in events if line["event"] == "progress"}
    assert done == dict.fromkeys(("base", "adapter"), (len(TASKS), len(TASKS)))
    assert (events[-1]["outcome"], events[-1]["result"]["models"]) == ("done", ["base", "adapter"])
    assert told.err == "base: done already\nadapter: done already\n"
    assert [line.split()[0] for line in told.out.splitlines()[3:11]] == list(TASKS)
    assert f"bezoar-data compare {folder / 'base'} {folder / 'adapter'}" in told.out
    text = bezoar("compare", folder / "base", folder / "adapter")
    assert text.code == 0
    assert "By facet:" in text.out
    as_json = bezoar("compare", folder / "base", folder / "adapter", "--metric", "plain=acc", "--json").json
    plain = next(one for one in as_json["tasks"] if one["name"] == "plain")
    assert (plain["metric"], plain["test"], plain["items"]) == ("acc", "mcnemar", 20)
    assert (
        "| plain acc |"
        in bezoar("compare", folder / "base", folder / "adapter", "--markdown", "--metric", "plain=acc").out
    )


def test_the_plan_says_what_a_suite_can_show(tasks: Path, tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "suite.yaml", tasks)
    planned = bezoar("evaluate", "nobody/reads-this", "--suite", suite, "--plan", "--json").json
    assert {one["task"]: one["items"] for one in planned["tasks"]} == dict.fromkeys(TASKS, 20)
    assert {one["smallest_difference"] for one in planned["tasks"]} == {None}


def test_files_of_ones_own_take_the_place_of_a_dataset(models: dict[str, Path], tasks: Path, tmp_path: Path) -> None:
    """Another split of the same rows, from CSV, TSV and a list inside a JSON file, with a passage for its groups."""
    rows = [json.loads(line) for line in (tasks / "items.jsonl").read_text().splitlines()]
    (tmp_path / "rows.json").write_text(json.dumps({"examples": rows}))
    one = {"task": str(tasks / "plain.yaml"), "group_by": "passage"}
    files = {"test": {"file": "rows.json", "field": "examples", "rows": [-8, None]}}
    suite = tmp_path / "suite.yaml"
    suite.write_text(json.dumps({"name": "own", "version": 1, "tasks": [{**one, "data": files}]}))
    (done,), folder = evaluate([models["base"]], suite, out=tmp_path / "out", quiet=True)
    assert done.tasks[0].items == 8
    assert list(done.tasks[0].data) == ["test"]
    items = read_evaluated(folder / "base").tasks["plain"]
    assert len(set(items.groups.values())) == 2
    compared = compare(read_evaluated(folder / "base"), read_evaluated(folder / "base"))
    assert (compared.tasks[0].found.items, compared.tasks[0].found.groups) == (8, 2)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"task": "plane"}, "has no task 'plane'"),
        ({"task": "{tasks}/plain.yaml", "metric": "bleu"}, "has no metric 'bleu': it has acc, acc_norm"),
        ({"task": "{tasks}/plain.yaml", "chat_template": True}, "has none"),
    ],
)
def test_what_cannot_be_evaluated_is_told(
    task: dict[str, object], message: str, models: dict[str, Path], tasks: Path, tmp_path: Path
) -> None:
    without = tmp_path / "model"
    save_tiny_model(without, chat_template=None)
    suite = tmp_path / "suite.yaml"
    listed = [{key: v.format(tasks=tasks) if isinstance(v, str) else v for key, v in task.items()}]
    suite.write_text(json.dumps({"name": "wrong", "version": 1, "tasks": listed}))
    told = bezoar("evaluate", without, "--suite", suite, "--out", tmp_path / "out")
    assert told.code == 2
    assert message in told.err
    assert "suite.yaml:1" in told.err


def test_what_is_no_evaluation_is_told(tmp_path: Path) -> None:
    told = bezoar("compare", tmp_path, tmp_path)
    assert told.code == 2
    assert "no evaluation is here" in told.err
    assert bezoar("evaluate", "./nowhere", "--suite", "suites/local.yaml").code == 2
