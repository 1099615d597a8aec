"""A million rows through near-duplicates, novelty and decontamination on one core: how much memory, and how fast.

    python benchmarks/scale/measure.py FOLDER [--rows 1000000] [--tree CHECKOUT --name before]

Makes the rows in FOLDER, runs `bezoar-data run` on them in a process of its own, watches its memory and its counts, and
compares what was dropped with what was planted. `--tree` measures another checkout, which has a column of its own.
Figures are kept in results.json; RESULTS.md is written from them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from rows import Planted, write_rows
from watched import looks

HERE = Path(__file__).parent
KEPT, PAGE = HERE / "results.json", HERE / "RESULTS.md"
PIPELINE = """\
name: million
version: 1
description: Rows without copies, seeds and test items.
seed: 42
steps:
  - use: load_rows
    with: {path: rows.jsonl, licence: CC0-1.0, texts: [instruction, response]}
  - use: near_duplicates
    with: {column: [instruction, response]}
  - use: novelty
    with: {column: [instruction, response], seeds: seeds.jsonl, earlier: false}
  - use: decontaminate
    with: {column: [instruction, response], against: items.jsonl}
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


def prepare(folder: Path, rows: int) -> Planted:
    facts = folder / "planted.json"
    if facts.is_file() and (planted := Planted(**json.loads(facts.read_text()))).rows == rows:
        return planted
    folder.mkdir(parents=True, exist_ok=True)
    planted = write_rows(folder, rows)
    (folder / "pipeline.yaml").write_text(PIPELINE)
    facts.write_text(json.dumps({name: getattr(planted, name) for name in Planted.__slots__}))
    return planted


def watch(folder: Path, tree: Path) -> Watched:
    """Run the pipeline of the folder to its end."""
    found, began = Watched(), time.monotonic()
    for look in looks(["-c", COMMAND], folder, tree):
        found.used = look.used
        found.memory.append((look.used, look.memory))
        if steps := look.said.get("steps"):
            found.counts.append((look.used, {s: steps[s][key] for s, key in STEPS.items()}))
    found.seconds = time.monotonic() - began
    found.peak = max(rss for _, rss in found.memory)
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


def figures(watched: Watched, planted: Planted, folder: Path) -> dict[str, Any]:
    return {
        "rows": planted.rows,
        "megabytes": round((folder / "rows.jsonl").stat().st_size / 1e6),
        "pairs": planted.pairs,
        "seconds": round(watched.seconds, 1),
        "used": round(watched.used, 1),
        "peak": round(watched.peak / 1e6),
        "off": check(folder, planted),
        "rates": {step: [round(rate) for rate in per_part(watched, step, planted.rows)] for step in STEPS},
    }


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    names, first = list(results), next(iter(results.values()))
    lines = [
        "# A million rows through near-duplicates, novelty and decontamination",
        "",
        "Written by `python benchmarks/scale/measure.py`. Processor seconds are those of the whole run, on a machine",
        "that others used too.",
        "",
        f"{first['rows']:,} rows, {first['megabytes']} MB of JSONL, {first['pairs']:,} planted pairs of (near) copies.",
        "",
        "| | " + " | ".join(names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    wanted = {
        "memory at most": lambda one: f"{one['peak']:,} MB",
        "seconds": lambda one: f"{one['seconds']:,.0f}",
        "processor seconds": lambda one: f"{one['used']:,.0f}",
        "rows dropped more or fewer than planted": lambda one: ", ".join(
            f"{n:+d}" if n else "0" for n in one["off"].values()
        ),
    }
    lines += [f"| {what} | " + " | ".join(map(said, results.values())) + " |" for what, said in wanted.items()]
    for name, one in results.items():
        lines += ["", f"## Rows for each processor second, by 100,000 rows: {name}", ""]
        parts = len(next(iter(one["rates"].values())))
        lines += ["| came to | " + " | ".join(str(part + 1) for part in range(parts)) + " | last / first |"]
        lines += ["| --- |" + " ---: |" * (parts + 1)]
        for step, rates in one["rates"].items():
            # A step that gives all verdicts at once has no rate.
            told = ["-" if rate > 1_000_000 else f"{rate:,}" for rate in rates]
            ratio = "-" if "-" in told else f"{rates[-1] / rates[0]:.2f}"
            lines.append(f"| `{step}` | " + " | ".join(told) + f" | {ratio} |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tree", type=Path, default=HERE.parents[1])
    parser.add_argument("--name", default="now", help="the column of RESULTS.md")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    planted = prepare(folder, options.rows)
    shutil.rmtree(folder / "runs", ignore_errors=True)
    found = figures(watch(folder, options.tree.resolve()), planted, folder)
    print(json.dumps(found, indent=1))
    results = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    results[options.name] = found
    KEPT.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page(results))


if __name__ == "__main__":
    main()
