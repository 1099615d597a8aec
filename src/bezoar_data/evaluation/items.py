"""Items of an evaluation, read to be compared: ours, or those that the harness's own command line has left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.harness import items_of, means, metrics_of
from bezoar_data.evaluation.record import EVALUATION, Evaluation, Judged, items_file
from bezoar_data.runs.parquet import rows_of

_SAMPLES = "samples_*.jsonl"


@dataclass(frozen=True, slots=True)
class TaskItems:
    """The scores of a task's items by metric, and what an item is."""

    facet: str | None
    metric: str
    """The one that comparisons are made on."""
    lower_is_better: frozenset[str]
    scores: Mapping[str, Mapping[str, float]]
    """By metric: item → score."""
    groups: Mapping[str, str]
    """Item → the group it is drawn with; empty where items stand for themselves."""
    prompts: Mapping[str, str]
    questions: Mapping[str, str]
    """What each item asks, without the examples before it; empty for the harness's own output."""
    judged: Judged | None = None
    """Who scored them, where a model did."""
    flagged: frozenset[str] = frozenset()
    """Items that stand in the data that the model was trained on."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A model's items, by task."""

    name: str
    folder: Path
    tasks: Mapping[str, TaskItems]


def read_evaluated(folder: Path) -> Evaluated:
    """A folder that `evaluate` left for a model, or the harness's `--output_path` with `--log_samples`. Raises
    `InputError`."""
    if (folder / EVALUATION).is_file():
        record = Evaluation.read(folder / EVALUATION)
        tasks = {}
        for task in record.tasks:
            flagged = record.contamination.tasks.get(task.task)
            items = replace(_ours(folder, task), judged=task.judged)
            tasks[task.task] = replace(items, flagged=frozenset(flagged.items)) if flagged is not None else items
        return Evaluated(record.model.name, folder, tasks)
    files = sorted(folder.rglob(_SAMPLES)) if folder.is_dir() else []
    if not files:
        message = f"no evaluation is here: there is neither {EVALUATION} nor {_SAMPLES}"
        hint = "name a folder that `bezoar-data evaluate` left, or lm_eval's --output_path with --log_samples"
        raise InputError(Problem("no-evaluation", message, Place(str(folder)), hint))
    return Evaluated(folder.name, folder, dict(_harness_tasks(files)))


def _ours(folder: Path, task: Any) -> TaskItems:
    path = items_file(folder, task.task)
    if not path.is_file():
        message = f"the items of '{task.task}' are not here"
        raise InputError(Problem("no-items", message, Place(str(path)), "evaluate the model again"))
    lower = frozenset(name for name, higher in task.higher_is_better.items() if not higher)
    return _task(list(rows_of(path, remedy="evaluate the model again")), task.metric, task.facet, lower)


def _harness_tasks(files: list[Path]) -> Iterator[tuple[str, TaskItems]]:
    """The newest file of each task: the harness ends their names with the time."""
    newest: dict[str, Path] = {}
    for path in files:
        name, _, _ = path.stem.removeprefix("samples_").rpartition("_")
        newest[name] = max(newest.get(name, path), path, key=lambda p: p.name)
    for name, path in newest.items():
        try:
            samples = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
            rows = [{**row, "task": name} for row in items_of(samples, None)]
        except (ValueError, KeyError, TypeError) as error:
            message = f"these are not samples of the harness: {error}"
            raise InputError(Problem("bad-samples", message, Place(str(path)))) from error
        single = means(rows, _figures(path.parent, name))
        rows = [row for row in rows if row["metric"] in single]
        if rows:
            yield name, _task(rows, single[0], None)


def _figures(folder: Path, name: str) -> dict[str, Any]:
    """The figures of a task in the newest results that the harness left beside its samples."""
    for path in sorted(folder.glob("results_*.json"), reverse=True):
        results = json.loads(path.read_text("utf-8")).get("results", {})
        if name in results:
            return metrics_of(results[name])
    message = f"there are samples of '{name}' here, and no results_*.json with its figures"
    raise InputError(Problem("no-results", message, Place(str(folder)), "lm_eval leaves both with --output_path"))


def _task(rows: list[dict[str, Any]], metric: str, facet: str | None, lower: frozenset[str] = frozenset()) -> TaskItems:
    scores: dict[str, dict[str, float]] = {}
    groups: dict[str, str] = {}
    prompts: dict[str, str] = {}
    questions: dict[str, str] = {}
    for row in rows:
        item = f"{row['task']}/{row['item']}"
        scores.setdefault(row["metric"], {})[item] = row["value"]
        prompts[item] = row["prompt"]
        if "question" in row:
            questions[item] = row["question"]
        if row["group"] is not None:
            groups[item] = f"{row['task']}/{row['group']}"
    return TaskItems(facet, metric, lower, scores, groups, prompts, questions)
