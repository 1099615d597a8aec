"""The LM Evaluation Harness through its Python API: a suite's tasks, the harness's model, and its samples as items.

A task's figures are those that the harness's own command line gives for the same model and settings.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.suite import DataFile, LoadedSuite, SuiteTask
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import clean_text
from bezoar_data.evaluation.task_index import name_in, runs_code
from bezoar_data.measures.words import text_of
from bezoar_data.runs.hashing import sha256_of

_BUILDERS = {"json": "json", "jsonl": "json", "csv": "csv", "tsv": "csv", "parquet": "parquet"}
_PACKED = ("gz", "zst")
_NO_FILTER = "none"


@dataclass(frozen=True, slots=True)
class Task:
    """A suite's task as the harness is given it."""

    name: str
    """Its name in the harness; of a group, the group's."""
    asked: SuiteTask
    chat_template: bool
    spec: Mapping[str, Any] | str
    place: Place
    data: Mapping[str, str]
    """The SHA-256 of each file of its own, by split."""
    source: str
    """The SHA-256 of its task file; "" for a task of the harness, whose version is the harness's."""


def need_harness() -> None:
    """Raise `InputError` where the harness is not installed."""
    if find_spec("lm_eval") is None or find_spec("torch") is None:
        raise InputError(
            Problem("missing-library", "evaluating needs lm-eval", hint="pip install 'bezoar-data[evaluate]'")
        )


def tasks_of(suite: LoadedSuite) -> list[Task]:
    """The suite's tasks. Raises `InputError` for a task file without a name, and for data that are not here."""
    raise_errors(replace(problem, level="error") for problem in suite.warnings)
    tasks: list[Task] = []
    for i, asked in suite.harness_tasks:
        place = suite.document.place(("tasks", i, "task"))
        file = suite.task_file(asked)
        name = asked.task if file is None else name_in(file, place)
        files = suite.data(asked)
        overrides: dict[str, Any] = {"num_fewshot": asked.shots} if asked.shots is not None else {}
        if files:
            overrides["custom_dataset"] = _loader(files, place)
        # A member of a group is the one way in which the harness lets a task that it knows be changed.
        spec = {"group": _group(name), "task": [{"task": name, **overrides}]} if overrides else name
        chat = suite.file.chat_template if asked.chat_template is None else asked.chat_template
        hashes = {split: sha256_of(Path(one.file)) for split, one in files.items()}
        tasks.append(Task(name, asked, chat, spec, place, hashes, sha256_of(file) if file else ""))
    return tasks


def load(task: Task, manager: Any) -> Any:
    """The harness's own task, or group of tasks, with its data. Raises `InputError` where they cannot be had."""
    if runs_code(task.name, manager):
        os.environ.setdefault("HF_ALLOW_CODE_EVAL", "1")  # its metric asks again whether code may be run
    with quiet(), _told(task):
        loaded = manager.load([task.spec])
    groups = loaded.get("groups") or {}
    return groups.get(_group(task.name)) or groups.get(task.name) or loaded["tasks"][task.name]


def items_in(loaded: Any) -> int:
    """How many items a task has, or all tasks of a group together."""
    return sum(len(task.eval_docs) for task in parts_of(loaded))


def parts_of(loaded: Any) -> list[Any]:
    """A task by itself, or all tasks of a group."""
    return list(loaded.get_all_tasks()) if hasattr(loaded, "get_all_tasks") else [loaded]


def evaluate(model: Any, task: Task, loaded: Any, suite: LoadedSuite, manager: Any) -> dict[str, Any]:
    """The harness's results of one task. Raises `InputError` where it cannot be run. Code that it runs is allowed."""
    import lm_eval
    from lm_eval import evaluator

    # It looks into the machine for each task anew, with programs that take a second, and writes down what we leave out.
    evaluator.add_env_info = lambda _: None
    with quiet(), _told(task):
        found: dict[str, Any] = lm_eval.simple_evaluate(
            model=model,
            tasks=[loaded],
            task_manager=manager,
            limit=task.asked.limit,
            gen_kwargs=dict(task.asked.generation) or None,
            apply_chat_template=task.chat_template,
            random_seed=0,
            numpy_random_seed=suite.file.seed,
            torch_random_seed=suite.file.seed,
            fewshot_random_seed=suite.file.seed,
            confirm_run_unsafe_code=True,
        )
    return found


@contextmanager
def _told(task: Task) -> Iterator[None]:
    """What the harness raises, as our own error."""
    try:
        yield
    except (AssertionError, ValueError, OSError, ImportError, KeyError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).split("\n")[0]
        offline = any(word in first.lower() for word in ("connect", "couldn't find", "offline"))
        hint = "it needs a dataset of the Hub: fetch that first, or name files under 'data:'" if offline else ""
        message = f"the task '{task.name}' cannot be run: {first}"
        raise InputError(Problem("task-failed", message, task.place, hint)) from error


def _group(name: str) -> str:
    """The group that a task with settings of its own stands in."""
    return f"_{name}"


def metrics_of(figures: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Value and standard error of each metric of a task or group, in the harness's order."""
    metrics: dict[str, dict[str, float | None]] = {}
    for key, value in figures.items():
        metric, _, filtered = key.partition(",")
        if not filtered or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = figures.get(f"{metric}_stderr,{filtered}")
        metrics[metric_name(metric, filtered)] = {
            "value": float(value),
            "error": float(error) if isinstance(error, int | float) else None,
        }
    return metrics


def metric_name(metric: str, filtered: str) -> str:
    """As we call it: the filter only where it has a name."""
    return metric if filtered == _NO_FILTER else f"{metric},{filtered}"


def question_of(loaded: Any, name: str, document: Any) -> str:
    """What a task asks of a document, without the examples that come before it."""
    asked = next(task for task in parts_of(loaded) if task.task_name == name).doc_to_text(document)
    return text_of(document) if isinstance(asked, int) else str(asked)


def items_of(samples: list[Mapping[str, Any]], group_by: str | None) -> Iterator[dict[str, Any]]:
    """The items of a task: one for each document, filter and metric that has a number for each document.

    `item` is the harness's hash of the document, with the number of its occurrence where the same one comes again.
    """
    seen: dict[tuple[str, str], int] = {}
    for sample in samples:
        filtered = str(sample.get("filter", _NO_FILTER))
        place = (sample["doc_hash"], filtered)
        seen[place] = seen.get(place, 0) + 1
        item = sample["doc_hash"] if seen[place] == 1 else f"{sample['doc_hash']}#{seen[place]}"
        group = str(sample["doc"].get(group_by)) if group_by is not None else None
        answer = sample.get("filtered_resps")
        for metric in sample.get("metrics", ()):
            value = sample.get(metric)
            if isinstance(value, int | float):
                yield {
                    "item": item,
                    "group": group,
                    "metric": metric_name(metric, filtered),
                    "value": float(value),
                    "prompt": _first_argument(sample),
                    "target": str(sample.get("target")),
                    "answer": json.dumps(answer, ensure_ascii=False, default=str),
                }


def means(rows: Sequence[Mapping[str, Any]], metrics: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """The metrics of a task whose figure is the mean of its items' scores, in the harness's order. Others, such as a
    perplexity, are not figure of single items, and so cannot be compared item by item."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row["metric"], []).append(row["value"])
    return [
        name
        for name, figure in metrics.items()
        if name in scores and math.isclose(sum(scores[name]) / len(scores[name]), figure["value"] or 0.0, abs_tol=1e-9)
    ]


def _first_argument(sample: Mapping[str, Any]) -> str:
    """The text that the model was given for an item: of a multiple choice, that before the first choice."""
    arguments = sample.get("arguments") or [("",)]
    # In memory a list of tuples; in the harness's files a mapping of mappings.
    if isinstance(arguments, Mapping):
        return str(next(iter(arguments.values()))["arg_0"])
    first = arguments[0][0]
    return str(getattr(first, "prompt", first))  # of a model behind the gateway: the messages


def _loader(files: Mapping[str, DataFile], place: Place) -> Callable[..., Any]:
    def load(**_: Any) -> Any:
        from datasets import DatasetDict

        return DatasetDict({split: _read(one, place) for split, one in files.items()})

    return load


def _read(one: DataFile, place: Place) -> Any:
    """A file's rows as a dataset."""
    from datasets import load_dataset

    names = Path(one.file).name.lower().split(".")
    kind = names[-2] if names[-1] in _PACKED and len(names) > 1 else names[-1]
    builder = _BUILDERS.get(kind)
    if builder is None:
        message = f"{Path(one.file).name} is of no kind that can be read here: {', '.join(_BUILDERS)}"
        raise InputError(Problem("unknown-format", message, place))
    settings: dict[str, Any] = {"field": one.field} if one.field else {}
    if builder == "csv":
        settings["sep"] = "\t" if kind == "tsv" else ","
        if kind == "tsv":
            settings["quoting"] = 3  # none: a quotation mark is a letter like any other
        if one.columns:
            settings |= {"names": list(one.columns), "header": None}
        settings["keep_default_na"] = False  # "None" and "NA" are answers
    rows = load_dataset(builder, data_files={"rows": one.file}, **settings)["rows"]
    start, end = one.rows or (None, None)
    return rows.select(range(*slice(start, end).indices(len(rows)))) if one.rows else rows


_aloud: list[TextIO] = []


def say(text: str) -> None:
    """A line for people on standard error, also while the harness is kept quiet."""
    print(clean_text(text), file=_aloud[-1] if _aloud else sys.stderr, flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Only the harness's bars, and these only to a terminal: what it logs, and what the programs that it starts say of
    the user's folder, would stand between our own lines."""
    import datasets

    if os.environ.get("BEZOAR_DEBUG"):
        yield
        return
    datasets.disable_progress_bars()
    logger, python_stderr, stderr = logging.getLogger("lm_eval"), sys.stderr, os.dup(2)
    level = logger.level
    logger.setLevel(logging.ERROR)
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        os.fdopen(os.dup(stderr), "w", encoding="utf-8") as terminal,
        redirect_stdout(nowhere),  # what it prints would stand in `--json`
    ):
        os.dup2(nowhere.fileno(), 2)
        sys.stderr = terminal if terminal.isatty() else nowhere
        _aloud.append(terminal)
        try:
            yield
        finally:
            _aloud.pop()
            sys.stderr = python_stderr
            os.dup2(stderr, 2)
            os.close(stderr)
            logger.setLevel(level)
