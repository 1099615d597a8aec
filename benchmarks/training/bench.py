"""What our SFT and DPO stages cost beside the bare TRL script with the same model, rows and settings.

    python benchmarks/training/bench.py

On a GPU: an OpenLLaMA-3B-shaped model with random weights, in NF4; on a CPU a tiny one. Both sides run in turns, each
in a process of its own, the pair's order swapped every time. Pairs are kept in `results.json`: the command can be
called for one pair at a time (`--pairs 1`), `--fresh` forgets the earlier ones. `RESULTS.md` is written from them all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shapes import CARDS, SHAPES, make

from bezoar_data.training.estimate.machine import Machine, this_machine

HERE = Path(__file__).parent
KEPT, PAGE = HERE / "results.json", HERE / "RESULTS.md"
SIDES = ("ours", "bare")
Pair = dict[str, dict[str, float]]


def main() -> None:
    import torch

    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="openllama-3b" if cuda else "tiny")
    parser.add_argument("--stage", choices=CARDS, action="append")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--fresh", action="store_true", help="forget the pairs measured before")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "bezoar-bench-training")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    make(options.work, options.shape)
    machine = this_machine(use_cpu=not cuda)
    head = {"shape": options.shape, "machine": machine.name, "software": _software()}
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() and not options.fresh else {}
    if {key: kept.get(key) for key in head} != head:
        kept = {**head, "stages": {}}
    for _ in range(options.pairs):
        for stage in options.stage or CARDS:
            pairs = kept["stages"].setdefault(stage, [])
            order = SIDES if len(pairs) % 2 == 0 else SIDES[::-1]
            pairs.append({side: _measure(side, options.work, options.shape, stage) for side in order})
            print(stage, {side: round(one["train_seconds"], 2) for side, one in pairs[-1].items()})
            kept["load"] = max(kept.get("load", 0.0), os.getloadavg()[0] / (os.cpu_count() or 1))
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")
            PAGE.write_text(_page(kept, machine))


def _measure(side: str, work: Path, shape: str, stage: str) -> dict[str, float]:
    command = [sys.executable, str(HERE / f"{side}.py"), str(work), shape, stage]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _software() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "transformers", "trl", "peft", "bitsandbytes")}


def _page(kept: dict[str, Any], machine: Machine) -> str:
    pairs_of: dict[str, list[Pair]] = kept["stages"]
    software = ", ".join(f"{name} {number}" for name, number in kept["software"].items())
    lines = [
        "# Training beside the bare TRL script",
        "",
        f"`python benchmarks/training/bench.py`, shape {kept['shape']}, NF4 with a LoRA adapter, on {kept['machine']}.",
        f"{software}.",
        "",
    ]
    if not machine.cuda:
        lines += [
            "**Not measured on a GPU**: none was at hand. A tiny model on a CPU says nothing of a GPU's speed.",
            "",
        ]
    if kept["load"] > 1.5:
        lines += [
            f"**On a busy machine**: up to {kept['load']:.1f} processes wanted each core. Times are of little worth,",
            "CPU times of some; to be measured again where nothing else runs.",
            "",
        ]
    lines += [
        "Inside `trainer.train()`, medians. Of time and CPU time, ours over bare: median and range of the pairs.",
        "",
        "| stage | pairs | tokens/s, ours | bare | time | CPU time | memory, ours | bare |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for stage, pairs in pairs_of.items():
        speed = [_median(pairs, side, lambda one: one["tokens"] / one["train_seconds"]) for side in SIDES]
        memory = [_median(pairs, side, lambda one: one["peak_memory_bytes"] / 2**20) for side in SIDES]
        cells = [
            *(stage, str(len(pairs)), f"{speed[0]:,.0f}", f"{speed[1]:,.0f}"),
            *(_ratio(pairs, "train_seconds"), _ratio(pairs, "train_cpu_seconds")),
            *(f"{memory[0]:,.0f} MiB", f"{memory[1]:,.0f} MiB"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Outside it, the whole process, imports included; what ours adds is the median of the pairs' differences:",
        "",
        "| stage | seconds, ours | bare | ours adds | of it CPU time |",
        "| --- | --- | --- | --- | --- |",
    ]
    for stage, pairs in pairs_of.items():
        outside = [_median(pairs, side, lambda one: one["outside_seconds"]) for side in SIDES]
        added = [
            statistics.median(p["ours"][name] - p["bare"][name] for p in pairs)
            for name in ("outside_seconds", "outside_cpu_seconds")
        ]
        lines.append(f"| {stage} | {outside[0]:.1f} | {outside[1]:.1f} | {added[0]:+.1f} s | {added[1]:+.1f} s |")
    return "\n".join([*lines, "", _notes(pairs_of), ""])


def _notes(pairs_of: dict[str, list[Pair]]) -> str:
    tokens = "; ".join(
        f"{stage} {pairs[-1]['ours']['tokens']:,} and {pairs[-1]['bare']['tokens']:,}"
        for stage, pairs in pairs_of.items()
    )
    return f"Tokens trained on, ours and bare: {tokens}.\nMemory is the GPU's peak, or the process's on a CPU."


def _median(pairs: list[Pair], side: str, of: Callable[[dict[str, float]], float]) -> float:
    return statistics.median(of(pair[side]) for pair in pairs)


def _ratio(pairs: list[Pair], name: str) -> str:
    ratios = sorted(pair["ours"][name] / pair["bare"][name] for pair in pairs)
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f}–{ratios[-1]:.3f})"


if __name__ == "__main__":
    main()
