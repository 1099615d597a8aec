"""A stage's scores as the Hub reads them: `.eval_results/*.yaml` for what is a dataset there, `model-index` for all.

Both are written by huggingface_hub's own classes. Scores between 0 and 1 are told in percent, as its leaderboards do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bezoar_data.cards.model_card.publish import RESULTS

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, EvalResultEntry

    from bezoar_data.evaluation.chain import Chain, Row
    from bezoar_data.evaluation.record import TaskResult

NOT_THERE = "no dataset of the Hub"
_TASK = "text-generation"


def model_index(name: str, chains: Sequence[Chain]) -> list[dict[str, Any]]:
    """The value of the card's key `model-index`: every task, each with a note of what was measured how."""
    from huggingface_hub import ModelCardData

    results = [_result(chain, row, task) for chain in chains for row, task in _tasks(chain)]
    index: list[dict[str, Any]] = ModelCardData(model_name=name, eval_results=results).to_dict()["model-index"]
    return index


def result_entries(chains: Sequence[Chain], source: str) -> dict[str, bytes]:
    """The files of `.eval_results/` by path: a score on all items of a dataset of the Hub. One on fewer items, or on
    local files, is none of that dataset. `source` is where all of the figures are published."""
    from huggingface_hub import eval_result_entries_to_yaml
    from huggingface_hub.utils import yaml_dump

    files = {}
    for chain in chains:
        for row, task in _tasks(chain):
            entry = _entry(chain, row, task, source)
            if entry is not None:
                path = f"{RESULTS}{chain.last.record.suite['name']}-{task.task}.yaml"
                files[path] = yaml_dump(eval_result_entries_to_yaml([entry]), sort_keys=False).encode()
    return files


def _tasks(chain: Chain) -> Iterator[tuple[Row, TaskResult]]:
    tasks = {task.task: task for task in chain.last.record.tasks}
    return ((row, tasks[row.name]) for row in chain.tasks if row.values[-1].value is not None)


def _result(chain: Chain, row: Row, task: TaskResult) -> EvalResult:
    from huggingface_hub import EvalResult

    record, own, dataset = chain.last.record, row.values[-1], task.dataset
    told = {
        "suite": record.suite["name"],
        "suite_sha256": record.suite["sha256"],
        "task": task.task,
        "shots": task.shots,
        "items": task.items,
        "interval": [_scaled(row, own.low), _scaled(row, own.high)] if own.low is not None else None,
        "note": _note(chain, row, task),
    }
    return EvalResult(
        task_type=_TASK,
        dataset_type=dataset.id if dataset is not None else NOT_THERE.replace(" ", "-"),
        dataset_name=dataset.id if dataset is not None else f"{task.task}, {NOT_THERE}",
        # Results are told apart by these keys: where there is no dataset nothing else differs.
        dataset_config=dataset.config if dataset is not None else task.task,
        dataset_split=dataset.split if dataset is not None else None,
        dataset_revision=dataset.revision if dataset is not None else None,
        metric_type=task.metric.partition(",")[0],
        metric_name=f"{task.task}: {task.metric}",
        metric_value=_scaled(row, own.value),
        metric_args={key: value for key, value in told.items() if value is not None},
    )


def _entry(chain: Chain, row: Row, task: TaskResult, source: str) -> EvalResultEntry | None:
    from huggingface_hub import EvalResultEntry

    one = task.dataset
    if one is None or task.data or task.items != one.items:
        return None
    return EvalResultEntry(
        dataset_id=one.id,
        task_id=one.task,
        dataset_revision=one.revision,
        value=_scaled(row, row.values[-1].value),
        source_url=source,
        source_name="Figures and hashes",
        notes=_note(chain, row, task),
    )


def _note(chain: Chain, row: Row, task: TaskResult) -> str:
    """How it was measured, in a line."""
    record, own = chain.last.record, row.values[-1]
    version = f" version {task.version}" if task.version is not None else ""
    by = f"lm_eval {record.software['lm-eval']}, " if task.judged is None else ""
    said = [f"{by}{task.task}{version}, {task.metric}, {task.shots}-shot"]
    said.append(f"{task.items:,} items" + (", percent" if row.is_share else ""))
    if own.low is not None:
        said.append(f"95 % interval {_scaled(row, own.low)} to {_scaled(row, own.high)}")
    if task.data:
        said.append("local files, not the dataset that the task is named after")
    elif task.dataset is not None and task.items != task.dataset.items:
        said.append(f"of {task.dataset.items:,} rows of the dataset")
    if task.judged is not None:
        said.append(f"judged by {task.judged.judge} on {task.judged.date}")
    if (leak := record.contamination.tasks.get(task.task)) is not None:
        clean = f"{_scaled(row, leak.clean)} on the others" if leak.clean is not None else "there are no others"
        said.append(f"{len(leak.items):,} items are in its training data, {clean}")
    return "; ".join(said)


def _scaled(row: Row, value: float | None) -> float | None:
    if value is None:
        return None
    return round(100 * value, 2) if row.is_share else round(value, 4)
