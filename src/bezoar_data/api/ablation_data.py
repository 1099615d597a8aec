"""The data of an ablation's variants: which are there already, and making the others with one journal for all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.api.pipelines import Pipeline
from bezoar_data.config.errors import InputError, NothingLeft
from bezoar_data.evaluation.ablated import Data
from bezoar_data.pipeline.inputs import input_file_names
from bezoar_data.pipeline.load import Checked
from bezoar_data.runs.folder import RunFolder, write_json
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.row import digest

_MADE = "ablation.json"
"""Beside a variant's dataset: from what it was made, and what was asked for it."""


class VariantFailed(Exception):
    """A variant that cannot be made, why, and what was spent on it all the same, in US dollars."""

    def __init__(self, why: str, cost: float) -> None:
        super().__init__(why)
        self.cost = cost


@dataclass(frozen=True, slots=True)
class Made:
    """A variant's finished data."""

    folder: Path
    lock: Lock
    asked: Mapping[str, Any]
    again: bool
    """Whether they were there already."""


def make(pipeline: Pipeline, checked: Checked, seed: int | None, *, quiet: bool, retry_failed: bool) -> Made:
    """The data of one variant, made unless they are there as they would be made now; with `retry_failed` in any case.

    Raises `VariantFailed` where the run ends with none, or with more failed rows than the pipeline tolerates, and what
    `Pipeline.run` raises.
    """
    assert pipeline.out is not None  # noqa: S101
    folder = RunFolder(pipeline.out)
    key = _key(checked, pipeline, seed)
    there = _there(folder, key) if not retry_failed else None
    if there is not None:
        return there
    try:
        report = pipeline.run(quiet=quiet, retry_failed=retry_failed)
    except NothingLeft as error:
        raise VariantFailed(str(error), error.cost) from None
    asked = {name: report.result.usage.get(name, 0) for name in ("requests", "hits", "cost")}
    if report.exit_code:
        raise VariantFailed(report.failure, float(asked["cost"]))
    write_json(folder.path / _MADE, {"key": key, "lock": report.lock.hash, "asked": asked})
    return Made(folder.path, report.lock, asked, again=False)


def data_of(made: Sequence[Made], learnt: float) -> Data:
    """What it took, the mean over seeds of the data. `learnt` is how many rows a training learnt from."""
    usage = [use for one in made for use in one.lock.usage]
    costs = [one.lock.cost for one in made]
    return Data(
        rows=sum(one.lock.counts.kept for one in made) / len(made),
        learnt=learnt,
        answers=sum(use.answers for use in usage) / len(made),
        tokens=sum(use.prompt_tokens + use.completion_tokens for use in usage) / len(made),
        cost=None if None in costs else sum(cost or 0.0 for cost in costs) / len(made),
        asked=sum(int(one.asked["requests"]) for one in made),
    )


def _there(folder: RunFolder, key: str) -> Made | None:
    try:
        known = json.loads((folder.path / _MADE).read_text("utf-8"))
        lock = Lock.read(folder.dataset / "lock.json")
    except (OSError, ValueError, InputError):
        return None
    if known.get("key") != key or known.get("lock") != lock.hash or lock.changed_files(folder.dataset):
        return None
    return Made(folder.path, lock, known["asked"], again=True)


def _key(checked: Checked, pipeline: Pipeline, seed: int | None) -> str:
    """All that decides a variant's rows, as far as it can be seen without running it. What a step of one's own does, or
    what a repository of the Hub holds by now, cannot: such data stay until their folder is taken away."""
    files = {name: sha256_of(path) for name, path in input_file_names(checked).items()}
    beside = [sha256_of(path) for path in (*checked.answers, *([checked.card] if checked.card is not None else []))]
    models = checked.models.document.value if checked.models is not None else None
    return digest(
        "ablation", __version__, checked.loaded.document.value, seed, pipeline.limit, models, files, beside
    )  # fmt: skip
