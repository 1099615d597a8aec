"""A run of bezoar-data in a process of its own, looked at while it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

OUT = Path("runs") / "million"
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Look:
    """Processor seconds used so far, resident bytes, and what `run.json` says; empty before it says anything."""

    process: psutil.Process
    used: float
    memory: int
    said: Mapping[str, Any]


def looks(python: Sequence[str], folder: Path, tree: Path | None = None) -> Iterator[Look]:
    """Run the folder's pipeline by `python` and these arguments, and look at it again and again until it ends; `tree`
    is another checkout. Raises `SystemExit` with its last words where it fails; it may be killed."""
    command = [sys.executable, *python, "run", "pipeline.yaml", "--out", str(OUT), "--json"]
    environment = {**os.environ, "BEZOAR_JOURNAL": str(folder / "journal.sqlite")}
    if tree is not None:
        environment["PYTHONPATH"] = str(tree / "src")
    with (folder / "log").open("w+") as log:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                used, memory = sum(process.cpu_times()[:2]), process.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
            yield Look(process, used, memory, _said(folder / OUT / "run.json", child.pid))
            time.sleep(_PAUSE)
        if child.returncode not in (0, -signal.SIGKILL):
            log.seek(0)
            raise SystemExit(f"ended with {child.returncode}: {log.read()[-2000:]}")


def _said(state: Path, pid: int) -> Mapping[str, Any]:
    """What the run of this process says, not one before it."""
    try:
        said: Mapping[str, Any] = json.loads(state.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if said.get("pid") == pid else {}
