"""A million rows through near-duplicates, novelty and decontamination on one core: how much memory, and how fast.

    python benchmarks/scale/measure.py FOLDER [--rows 1000000] [--tree CHECKOUT]

Makes the rows in FOLDER, runs `bezoar-data run` on them in a process of its own, watches its memory and its counts, and
compares what was dropped with what was planted. `--tree` measures another checkout. Prints seconds, the largest
resident memory, how far each step's drops are off, and of each step the rows for a second of the processor, by tenths.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
from rows import Planted, write_rows

HERE = Path(__file__).parent
PIPELINE = """\
name: million
version: 1
description: Rows without copies, seeds and test items.
seed: 42
{more}steps:
  - use: load_rows
    with: {{path: rows.jsonl, licence: CC0-1.0, texts: [instruction, response]}}
  - use: near_duplicates
    with: {{column: [instruction, response]}}
  - use: novelty
    with: {{column: [instruction, response], seeds: seeds.jsonl, earlier: false}}
  - use: decontaminate
    with: {{column: [instruction, response], against: items.jsonl}}
"""
STEPS = {"load_rows": "rows_out", "near_duplicates": "rows_in", "novelty": "rows_in", "decontaminate": "rows_in"}
COMMAND = """\
import bezoar_data.engine.progress as progress
progress.REDRAW = progress.SAVES = 0.25  # the state, which is read here, more often than once a second
from bezoar_data.cli.main import main
main()
"""


@dataclass(slots=True)
class Watched:
    """A run: seconds, processor seconds, largest resident bytes, and by processor seconds the counts of its steps and
    its resident bytes. On a machine that others use too, the processor's seconds tell more than the clock."""

    seconds: float = 0.0
    used: float = 0.0
    peak: int = 0
    counts: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)


def prepare(folder: Path, rows: int, more: str = "") -> Planted:
    facts = folder / "planted.json"
    if facts.is_file() and (planted := Planted(**json.loads(facts.read_text()))).rows == rows:
        return planted
    folder.mkdir(parents=True, exist_ok=True)
    planted = write_rows(folder, rows)
    (folder / "pipeline.yaml").write_text(PIPELINE.format(more=more))
    facts.write_text(json.dumps({name: getattr(planted, name) for name in Planted.__slots__}))
    return planted


def watch(folder: Path, tree: Path, *, kill: tuple[str, int] | None = None) -> Watched:
    """Run the pipeline of the folder to its end, or until so many rows came to a step: then it is killed."""
    command = [sys.executable, "-c", COMMAND, "run", "pipeline.yaml", "--out", "runs/million", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "BEZOAR_JOURNAL": str(folder / "journal.sqlite")}
    state, found = folder / "runs" / "million" / "run.json", Watched()
    with (folder / "log").open("w+") as log:
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                found.used = sum(process.cpu_times()[:2])
                found.memory.append((found.used, process.memory_info().rss))
                said = json.loads(state.read_bytes())
            except (OSError, ValueError, psutil.Error):
                said = {}
            if said.get("steps"):
                found.counts.append((found.used, {s: said["steps"][s][key] for s, key in STEPS.items()}))
                if kill is not None and found.counts[-1][1][kill[0]] >= kill[1]:
                    child.kill()
            time.sleep(0.05)
        found.seconds = time.monotonic() - began
        found.peak = max(rss for _, rss in found.memory)
        if child.returncode and kill is None:
            log.seek(0)
            raise SystemExit(f"ended with {child.returncode}: {log.read()[-2000:]}")
    return found


def check(folder: Path, planted: Planted) -> Mapping[str, int]:
    """What was dropped, by step; exactly what was planted, or the benchmark fails."""
    lock = json.loads((folder / "runs" / "million" / "dataset" / "lock.json").read_text())
    dropped = {step["id"]: sum(step["dropped"].values()) for step in lock["steps"]}
    wanted = {
        "near_duplicates": planted.pairs, "novelty": planted.like_seeds, "decontaminate": planted.contaminated,
    }  # fmt: skip
    return {step: dropped[step] - count for step, count in wanted.items()}


def per_part(watched: Watched, step: str, rows: int, parts: int = 10) -> list[float]:
    """Rows a second of each tenth of the rows that came to a step."""
    times = []
    last = watched.counts[-1][1][step]
    for wanted in [1, *(min(last, rows * part // parts) for part in range(1, parts + 1))]:
        before = max((c for c in watched.counts if c[1][step] < wanted), default=(0.0, {step: 0}), key=lambda c: c[0])
        after = min((c for c in watched.counts if c[1][step] >= wanted), key=lambda c: c[0])
        grown = after[1][step] - before[1][step]
        times.append(before[0] + (after[0] - before[0]) * (wanted - before[1][step]) / max(1, grown))
    return [rows / parts / max(1e-9, b - a) for a, b in pairwise(times)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tree", type=Path, default=HERE.parents[1])
    parser.add_argument("--splits", action="store_true", help="with a validation split")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    planted = prepare(folder, options.rows, "splits: {validation: 0.01}\n" if options.splits else "")
    size = (folder / "rows.jsonl").stat().st_size
    print(f"{planted.rows:,} rows, {size / 1e6:.0f} MB", flush=True)
    shutil.rmtree(folder / "runs", ignore_errors=True)
    found = watch(folder, options.tree.resolve())
    print(
        f"{found.seconds:.1f} s, {found.used:.1f} s of processor, {found.peak / 1e6:,.0f} MB at most; "
        f"off by {check(folder, planted)}"
    )
    for step in STEPS:
        print(f"{step:16}", " ".join(f"{rate:9,.0f}" for rate in per_part(found, step, planted.rows)))
    for second, rss in found.memory[:: max(1, len(found.memory) // 40)]:
        print(
            f"  {second:6.1f} s {rss / 1e6:8,.0f} MB",
            next((str(c) for s, c in reversed(found.counts) if s <= second), ""),
        )


if __name__ == "__main__":
    main()
