"""How long a stage will take: what earlier stages of its kind and base took on this machine for each token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.runs.stage_record import STAGE_FILE, StageRecord
from bezoar_data.training.estimate.machine import Machine

_MARGIN = (0.7, 1.5)
"""How far a stage's time for a token lies from that of earlier ones: rows are of other lengths, evaluations more or
fewer."""

Interval = tuple[float, float]


def seconds(
    trained: Path, machine: Machine, use: str, base: dict[str, Any], tokens: float
) -> tuple[Interval | None, str]:
    """An interval, and what it follows from. `trained` is the folder of all trainings, `base` as in `stage.json`,
    `tokens` are those that the stage trains on in all its epochs."""
    rates = sorted(_rates(trained, machine, use, base))
    if not rates:
        return (
            None,
            f"no {use} stage of this base has been trained on this machine; training reports it after two steps",
        )
    low, high = rates[0] * tokens * _MARGIN[0], rates[-1] * tokens * _MARGIN[1]
    stages = f"{len(rates)} earlier {use} stage{'s' if len(rates) > 1 else ''}"
    return (low, high), f"from {stages} of this base on this machine"


def _rates(trained: Path, machine: Machine, use: str, base: dict[str, Any]) -> Iterator[float]:
    """Seconds for each token, of the finished stages that were not resumed."""
    for path in trained.glob(f"*/*/{STAGE_FILE}"):
        try:
            record = StageRecord.read(path)
        except InputError:
            continue
        on = record.machine or {}
        same = (record.use, record.base) == (use, base)
        same = same and (on.get("name"), on.get("processes")) == (machine.name, machine.processes)
        tokens = record.data.rows["train"]["tokens"] * record.metrics["epochs"] if same and record.data else 0
        if tokens and record.times["resumed_from"] is None:
            yield record.times["seconds"] / tokens
