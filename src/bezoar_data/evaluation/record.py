"""What an evaluation leaves: `evaluation.json`, and beside it the items of each task, one by one.

    evaluated/miniature/local/
      base/                evaluation.json, items/qasc.parquet, ...
      hh-rlhf-dpo/         the same of each stage

An item is known by the harness's hash of its document, which is what `compare` pairs two models by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.runs.folder import write_json
from bezoar_data.runs.record import Record

EVALUATION = "evaluation.json"
ITEMS = "items"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """A dataset that the model was trained on."""

    card: str
    lock: str
    """The hash of its lock: the build of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedModel:
    """Which model answered. A folder is given by its name alone: its path on this machine is private."""

    name: str
    weights: str
    revision: str | None
    adapter: bool
    stage: str | None
    """The key of the stage that left it: the hash of all that decides its weights."""
    trained_on: tuple[TrainedOn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDataset:
    """The dataset of the Hub that a task's items came from, as it was loaded."""

    id: str
    revision: str
    """The commit."""
    split: str
    config: str | None
    """None where the tasks of a group have several."""
    items: int
    """How many rows it has; a score on fewer is not the benchmark's."""
    task: str
    """What the dataset itself calls the task in its `eval.yaml`, else its configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Who scored the answers, where a model did."""

    judge: str
    date: str
    """The day of its verdicts: a judge behind an API is not the same for ever."""
    references: str | None
    """The SHA-256 of the reference answers that it was shown; None where it had none."""
    prompts: str | None = None
    """The SHA-256 of what it was asked with."""
    unreadable: int = 0
    """Verdicts that could not be read: they are in no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task's figures."""

    task: str
    key: str
    """The hash of all that decides the figures."""
    facet: str | None
    shots: int
    items: int
    metric: str
    """The metric that comparisons are made on."""
    higher_is_better: Mapping[str, bool]
    metrics: Mapping[str, Mapping[str, float | None]]
    """`value` and `error` (its standard error, None where the harness gives none) of each metric, by name and filter:
    `acc`, or `exact_match,strict-match` where the filter has a name."""
    version: str | None
    data: Mapping[str, str]
    """The SHA-256 of files that took the place of the task's dataset, by split."""
    seconds: float
    dataset: HubDataset | None = None
    """None where its items are of no dataset of the Hub, or this is not known."""
    judged: Judged | None = None
    """None where no model scored the answers."""
    unanswered: Mapping[str, int] = field(default_factory=dict)
    """How many questions got no answer, for good, by reason, of a model behind the gateway: scored as wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contaminated:
    """A task of which items stand in the data that the model was trained on."""

    cards: Mapping[str, int]
    """How many of its items each dataset holds, by card."""
    items: tuple[str, ...]
    """The items that were found."""
    clean: float | None
    """The score of the others; None where there are none."""
    flagged: float
    """The score of those that were found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """What was found of a suite in the data that a model was trained on."""

    checked: tuple[str, ...]
    """Cards whose rows were looked through."""
    unchecked: tuple[str, ...]
    """Cards whose build is not here."""
    tasks: Mapping[str, Contaminated]
    """Only those of which something was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Record):
    """`evaluation.json`."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "evaluation"
    IF_MISSING: ClassVar[str] = "make one: bezoar-data evaluate MODEL"
    IF_OLDER: ClassVar[str] = "evaluate the model again with this version"

    model: EvaluatedModel
    suite: Mapping[str, str]
    """Its name and SHA-256."""
    settings: Mapping[str, Any]
    software: Mapping[str, str]
    tasks: tuple[TaskResult, ...]
    contamination: Contamination

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / EVALUATION, self.as_json())


def hash_of(value: Any) -> str:
    """The hash of a value of texts and numbers: what a task's figures, an item or an answer is known by."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def items_file(folder: Path, task: str) -> Path:
    return folder / ITEMS / f"{task}.parquet"


def write_items(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the items of a task: whole, or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("task", "item", "group", "metric", "question", "prompt", "target", "answer")
    schema = pa.schema([*((name, pa.string()) for name in texts), ("value", pa.float64())])
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    pq.write_table(pa.Table.from_pylist(rows, schema), beside, compression="zstd")
    beside.replace(path)
