"""Rows of mixed types from a file, through one filter, to a dataset: is memory flat, and is it as fast as it was?

  python benchmarks/engine/mixed.py                  # 200,000 rows beside a tenth of them: peak memory
  python benchmarks/engine/mixed.py --old ../old     # and rows of texts alone beside another checkout, in turn

Nothing is asked. Prints peak memory and processor seconds of whole processes; on a busy machine the latter tell more
than the clock. It writes no results.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
_WORDS = "a list of words from which texts are made that differ from row to row and look like prose".split()  # noqa: SIM905

Columns = Mapping[str, Any]


def text(i: int, words: int) -> str:
    return " ".join(_WORDS[(i * 7 + k * k + k * (i % 11)) % len(_WORDS)] for k in range(words))


def mixed(i: int) -> Columns:
    """A row of every type: texts, mixed numbers, a mapping whose keys vary, a list, a conversation."""
    turns = [{"role": ("user", "assistant")[k % 2], "content": text(i + k, 40)} for k in range(2 + i % 4)]
    return {
        "instruction": f"{i}: {text(i, 30)}",
        "response": text(i + 1, 150),
        "score": i if i % 3 else i / 7,
        "large": i if i % 1000 else 10**20 + i,
        "facts": {f"key_{i % 5}": i, "note": text(i, 5)},
        "tags": [text(k, 2) for k in range(i % 4)],
        "messages": turns,
        "perhaps": None if i % 2 else text(i, 8),
    }


def texts(i: int) -> Columns:
    """A row that older versions read too."""
    names = {"task_source": "Flan2021", "task_name": "bench", "template_type": "zs_noopt"}
    return {"inputs": f"{i}: {text(i, 30)}", "targets": text(i + 1, 150), **names}


_PIPELINE = """\
name: mixed
version: 1
description: Rows from a file, through a filter.
seed: 42
steps:
  - use: {source}
    with: {{path: rows.jsonl, licence: CC0-1.0{more}}}
  - use: length
    with: {{column: {column}, min_words: 5}}
"""
SHAPES: Mapping[str, tuple[Callable[[int], Columns], str]] = {
    "mixed": (mixed, _PIPELINE.format(source="load_instructions", more=", keep: all", column="instruction")),
    "texts": (texts, _PIPELINE.format(source="load_flan", more="", column="inputs")),
}


def prepare(folder: Path, shape: str, rows: int) -> None:
    row, pipeline = SHAPES[shape]
    folder.mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(pipeline)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row(i)) + "\n" for i in range(rows))


def run(tree: Path, folder: Path) -> tuple[float, int]:
    """Processor seconds and peak resident bytes of one run of a source tree. Raises `RuntimeError` if it fails."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    command = [sys.executable, "-m", "bezoar_data.cli.main", "run", "pipeline.yaml", "--out", "runs/mixed", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "BEZOAR_JOURNAL": str(folder / "journal.sqlite")}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{tree}: ended with {process.returncode}: {log.read()[-600:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def memory(tree: Path, work: Path, rows: int) -> str:
    found = {}
    for count in (rows // 10, rows):
        folder = work / f"mixed-{count}"
        prepare(folder, "mixed", count)
        found[count] = run(tree, folder)
        shutil.rmtree(folder)
    parts = (f"{n:,} rows: {peak / 1e6:.0f} MB at most, {cpu:.1f} s" for n, (cpu, peak) in found.items())
    peaks = [peak for _, peak in found.values()]
    return f"mixed  {'; '.join(parts)}; memory {peaks[1] / peaks[0]:.2f} times"


def beside(old: Path, new: Path, work: Path, rows: int, repeats: int) -> str:
    """Who goes first alternates; the first round warms caches and is not counted."""
    prepare(work / "texts", "texts", rows)
    found: list[dict[str, float]] = []
    for turn in range(repeats + 1):
        pair = [("old", old), ("new", new)][:: 1 if turn % 2 else -1]
        found.append({name: run(tree, work / "texts")[0] for name, tree in pair})
    seconds = {name: median(one[name] for one in found[1:]) for name in ("old", "new")}
    ratios = [one["old"] / one["new"] for one in found[1:]]
    told = f"old {seconds['old']:.1f} s, new {seconds['new']:.1f} s"
    spread = f"{median(ratios):.3f} of the old speed ({min(ratios):.3f} to {max(ratios):.3f})"
    return f"texts  {rows:,} rows: {told}, {spread}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, help="a checkout to compare with")
    parser.add_argument("--new", type=Path, default=HERE.parents[1], help="default: this checkout")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="bezoar-mixed-"))
    try:
        print(memory(args.new.resolve(), work, args.rows), flush=True)
        if args.old:
            print(beside(args.old.resolve(), args.new.resolve(), work, args.rows, args.repeats))
    except RuntimeError as error:
        print(f"mixed: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
