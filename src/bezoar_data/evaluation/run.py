"""Evaluating models on a suite: each task of each model once, kept as soon as it is done."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.suite import LoadedSuite
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.evaluation import harness
from bezoar_data.evaluation.contamination import Builds
from bezoar_data.evaluation.hub_dataset import hub_dataset
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.evaluation.record import (
    EVALUATION,
    Contamination,
    Evaluation,
    TaskResult,
    items_file,
    write_items,
)
from bezoar_data.evaluation.targets import Target, has_template, load
from bezoar_data.measures.paired import DISCORDANT, smallest_difference
from bezoar_data.runs.hashing import sha256_of

Say = Callable[[str], None]


class _Tasks:
    """A suite's tasks in the harness, each loaded when it is first needed."""

    def __init__(self, suite: LoadedSuite) -> None:
        harness.need_harness()
        self.suite = suite
        self.all = harness.tasks_of(suite)
        self._manager = harness.task_manager(suite)
        harness.check_names(suite, self._manager)
        self._loaded: dict[str, Any] = {}

    def loaded(self, task: harness.Task) -> Any:
        if task.name not in self._loaded:
            self._loaded[task.name] = harness.load(task, self._manager)
        return self._loaded[task.name]

    def run(self, model: Any, task: harness.Task) -> dict[str, Any]:
        return harness.evaluate(model, task, self.loaded(task), self.suite, self._manager)


def evaluate(
    suite: LoadedSuite, targets: Sequence[Target], out: Path, data: Sequence[Path], say: Say
) -> list[Evaluation]:
    """Evaluate every target on every task of the suite that is not done, into `out`/TARGET.

    `data` are the folders that hold the datasets the targets were trained on: their rows are searched for the items.

    Raises `InputError` for what cannot be loaded or run; what is done by then stays, and the same call goes on.
    """
    tasks, done, builds = _Tasks(suite), [], Builds(data)
    for target in targets:
        folder = out / target.name
        evaluation = _evaluate_one(tasks, target, folder, say)
        if target.learnt:
            found = builds.search(target.learnt, read_evaluated(folder).tasks)
            evaluation = replace(evaluation, contamination=found)
        evaluation.write(folder)
        done.append(evaluation)
    return done


def plan(suite: LoadedSuite) -> list[dict[str, Any]]:
    """The tasks with how many items each has, and the smallest difference that these show where two models differ on
    the usual share of them. Raises `InputError`."""
    tasks, planned = _Tasks(suite), []
    for task in tasks.all:
        there = harness.items_in(tasks.loaded(task))
        items = min(there, task.asked.limit or there)
        shows = smallest_difference(items)
        planned.append({
            "task": task.name, "facet": task.asked.facet, "items": items, "discordant": DISCORDANT,
            "smallest_difference": round(shows, 4) if shows is not None else None,
        })  # fmt: skip
    return planned


def _evaluate_one(tasks: _Tasks, target: Target, folder: Path, say: Say) -> Evaluation:
    suite, done, identity = tasks.suite, {task.key: task for task in _known(folder)}, target.identity()
    keys = {_key(suite, task, identity): task for task in tasks.all}
    evaluation = Evaluation(
        model=target.described(),
        suite={"name": suite.file.name, "sha256": sha256_of(suite.path)},
        settings={"seed": suite.file.seed, "batch_size": suite.file.batch_size},
        software={name: version(name) for name in ("lm-eval", "transformers", "torch", "peft")},
        tasks=tuple(done[key] for key in keys if key in done),
        contamination=Contamination(checked=(), unchecked=(), tasks={}),
    )
    if len(evaluation.tasks) == len(keys):
        say(f"{target.name}: done already")
        return evaluation
    model = load(target, batch_size=suite.file.batch_size)
    for key, task in keys.items():
        if key in done:
            continue
        if task.chat_template and not has_template(model):
            message = f"'{task.name}' goes through the chat template, and {target.name} has none"
            raise InputError(Problem("no-template", message, task.place, "say 'chat_template: false'"))
        done[key] = _run(tasks, model, task, key, folder)
        say(f"{target.name}: {_line(done[key])}")
        evaluation = replace(evaluation, tasks=tuple(done[k] for k in keys if k in done))
        evaluation.write(folder)
    return evaluation


def _run(tasks: _Tasks, model: Any, task: harness.Task, key: str, folder: Path) -> TaskResult:
    began = time.monotonic()
    results = tasks.run(model, task)
    # A group that averages its tasks has figures of its own; one that does not is told by its first task's.
    figures = {**results["results"], **results.get("groups", {})}
    name = task.name if task.name in figures else next(iter(results["results"]))
    metrics = harness.metrics_of(figures[name])
    rows = list(_items(results, task, tasks.loaded(task)))
    items = len({(row["task"], row["item"]) for row in rows})
    single = harness.means(rows, metrics)
    rows = [row for row in rows if row["metric"] in single]
    write_items(items_file(folder, task.name), rows)
    better = results.get("higher_is_better", {}).get(name, {})
    return TaskResult(
        task=task.name,
        key=key,
        facet=task.asked.facet,
        shots=int(results.get("n-shot", {}).get(name) or task.asked.shots or 0),
        items=items,
        metric=_main_metric(task, single or list(metrics)),
        higher_is_better={metric: better.get(metric.partition(",")[0]) is not False for metric in metrics},
        metrics=metrics,
        version=_version(results, name),
        data=task.data,
        seconds=round(time.monotonic() - began, 1),
        dataset=hub_dataset(tasks.loaded(task)),
    )


def _items(results: Any, task: harness.Task, loaded: Any) -> Iterator[dict[str, Any]]:
    for name, samples in results["samples"].items():
        questions = {s["doc_hash"]: harness.question_of(loaded, name, s["doc"]) for s in samples}
        for row in harness.items_of(samples, task.asked.group_by):
            yield {**row, "task": name, "question": questions[row["item"].partition("#")[0]]}


def _main_metric(task: harness.Task, metrics: Sequence[str]) -> str:
    if not metrics:
        raise InputError(Problem("no-metric", f"the task '{task.name}' gave no figure", task.place))
    wanted = task.asked.metric
    if wanted is None:
        return metrics[0]
    if wanted in metrics:
        return wanted
    named = [metric for metric in metrics if metric.partition(",")[0] == wanted]
    if len(named) == 1:
        return named[0]
    message = f"the task '{task.name}' has no metric '{wanted}': it has {', '.join(metrics)}"
    raise InputError(Problem("unknown-metric", message, task.place, did_you_mean(wanted, metrics)))


def _version(results: Any, name: str) -> str | None:
    found = results.get("versions", {}).get(name)
    return None if found in (None, "N/A") else str(found)


def _known(folder: Path) -> tuple[TaskResult, ...]:
    """The tasks that an earlier evaluation here has finished."""
    if not (folder / EVALUATION).is_file():
        return ()
    return tuple(t for t in Evaluation.read(folder / EVALUATION).tasks if items_file(folder, t.task).is_file())


def _key(suite: LoadedSuite, task: harness.Task, identity: Any) -> str:
    """All that decides the figures of a task: the model, the task, its data and settings, and the harness."""
    asked = task.asked.model_dump(mode="json", exclude={"facet", "data"})
    rows = {split: one.model_dump(mode="json", exclude={"file"}) for split, one in suite.data(task.asked).items()}
    decides = [
        Evaluation.FORMAT, identity, task.name, asked, task.chat_template, task.data, rows, task.source,
        suite.file.seed, harness.harness_version(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]


def _line(result: TaskResult) -> str:
    figure = result.metrics[result.metric]
    error = f" ± {figure['error']:.4f}" if figure["error"] is not None else ""
    return f"{result.task} {result.metric} {figure['value']:.4f}{error}, {result.items:,} items, {result.seconds:.0f} s"
