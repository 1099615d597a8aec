"""How long a stage will take: its operations over a rate that this machine has shown, or over an assumed one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bezoar_data.runs.trained import STAGE_FILE
from bezoar_data.training.estimate.machine import Machine

_AGAIN = (0.75, 1.4)
"""How far a stage's rate lies from that of an earlier one on the same machine, as a share of it."""
_UTILISATION = {True: (0.1, 0.5), False: (0.01, 0.8)}
"""The share of its peak that a device reaches in training: of a GPU, and of a processor."""
_PASS = (0.002, 0.02)
"""Seconds of a block in a pass, however small it is: calls, not multiplications."""
_PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "A40": 150e12,
    "A10": 125e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "V100": 125e12,
    "T4": 65e12,
}
"""Dense operations a second in half precision, as the maker states them. The first name that the device's holds
counts."""

Interval = tuple[float, float]


def seconds(
    machine: Machine,
    use: str,
    base: Mapping[str, Any],
    flops: float,
    blocks: int,
    passes: int,
    *,
    half: bool,
    trained: Path,
) -> tuple[Interval | None, str]:
    """An interval, and what it stands on. `base` is told as in `stage.json`, `blocks` is the model's, `trained` the
    folder of all trainings."""
    shown = sorted(_shown(trained, machine, use, base))
    if shown:
        low, high = flops / shown[-1] * _AGAIN[0], flops / shown[0] * _AGAIN[1]
        return (low, high), f"from {len(shown)} earlier {use} stages of this base on this machine"
    peak = device_peak(machine, half=half)
    if peak is None:
        return None, f"the speed of {machine.name} is not known here, and no stage has been trained on it"
    peak *= machine.processes
    low_share, high_share = _UTILISATION[machine.cuda]
    low, high = (blocks * passes * each for each in _PASS)
    told = f"assumed: {low_share:.0%} to {high_share:.0%} of {peak / 1e12:,.3g} TFLOP/s"
    return (max(flops / peak / high_share, low), max(flops / peak / low_share, high)), told


def device_peak(machine: Machine, *, half: bool) -> float | None:
    """Operations a second in large multiplications: of a GPU by its name, of a processor measured."""
    if machine.cuda:
        return next((peak for name, peak in _PEAKS.items() if name in machine.name), None)
    return _measured(half)


@cache
def _measured(half: bool) -> float:
    import torch

    size = 512
    a = torch.ones(size, size, dtype=torch.bfloat16 if half else torch.float32)
    best = 0.0
    a @ a
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def _shown(trained: Path, machine: Machine, use: str, base: Mapping[str, Any]) -> Iterator[float]:
    """The rates of finished stages of one kind and base: operations, as estimated, a second."""
    for path in trained.glob(f"*/*/{STAGE_FILE}"):
        try:
            value = json.loads(path.read_text("utf-8"))
            times, on = value["times"], value["machine"]
            same = value["use"] == use and value["base"] == base
            same = same and (on["name"], on["processes"]) == (machine.name, machine.processes)
            if same and times["resumed_from"] is None and times["seconds"] > 0:
                yield value["estimate"]["flops"] / times["seconds"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
