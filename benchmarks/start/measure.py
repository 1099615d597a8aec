"""How long one waits for `--help` and for `validate` on everything that is shipped, against a bare interpreter.

    python benchmarks/start/measure.py

Each command runs in turns with the others, in fresh processes; the first round fills caches and is not counted. The
median counts. What matters is the time over the bare interpreter, and that distilabel is never imported.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BEZOAR = [sys.executable, "-m", "bezoar_data.cli.main"]
FOLDERS = ["pipelines", "recipes", "cards"]
COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "--help": [*BEZOAR, "--help"],
    "validate one pipeline": [*BEZOAR, "validate", "pipelines/orca.yaml"],
    "validate all that is shipped": [*BEZOAR, "validate", *FOLDERS],
}
AIMS = {"--help": 0.3, "validate all that is shipped": 1.0}
"""Seconds over the bare interpreter that are to be kept."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(rounds + 1):
        for name, command in COMMANDS.items():
            seconds = timed(command)
            if round_:
                times[name].append(seconds)
    text = page(times, rounds)
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


def timed(command: list[str]) -> float:
    """Seconds of one process. Ends the measurement if it fails."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def page(times: dict[str, list[float]], rounds: int) -> str:
    bare = statistics.median(times["bare interpreter"])
    lines = [
        "# Start",
        "",
        f"`python benchmarks/start/measure.py`, {rounds} rounds, on {platform.machine()} with {os.cpu_count()} cores, "
        f"Python {platform.python_version()}. Files checked: {files()}.",
        "",
        "| command | seconds, median (range) | over bare | aim |",
        "| --- | --- | --- | --- |",
    ]
    for name, found in times.items():
        median = statistics.median(found)
        aim = f"under {AIMS[name]} s" if name in AIMS else ""
        lines.append(f"| {name} | {median:.2f} ({min(found):.2f}–{max(found):.2f}) | {median - bare:.2f} | {aim} |")
    return "\n".join([*lines, ""])


def files() -> str:
    command = [*BEZOAR, "validate", *FOLDERS]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return said.partition(":")[0]


if __name__ == "__main__":
    main()
