"""A run of a million questions, killed near its end: how long until the same command asks something new.

    python benchmarks/scale/resume.py FOLDER [--rows 1000000]

The embedded placeholder model answers, so that nothing but bezoar-data takes time. The first run is killed (SIGKILL)
once nine tenths of the rows are answered; the second goes on from the journal. Prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from watched import looks

PIPELINE = """\
name: million
version: 1
description: A million questions.
models: models.yaml
seed: 42
steps:
  - use: load_flan
    with: {path: rows.jsonl, licence: CC0-1.0}
  - use: orca.system_message
  - use: orca.explain
    with: {model: teacher}
"""
MODELS = """\
version: 1
roles:
  teacher: {provider: placeholder, model: bench, limits: {concurrency: 32}}
"""
KILLED_AT = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number in range(options.rows):
            row = {"inputs": f"How many crates are {number} crates and one more?", "targets": str(number + 1)}
            file.write(json.dumps(row | {"task": "sums"}) + "\n")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "models.yaml").write_text(MODELS)
    first = _run(folder, lambda asked: asked["answered"] >= KILLED_AT * options.rows, kill=True)
    second = _run(folder, lambda asked: asked["answered"] > 0)
    rate = second["asked"]["hits"] / second["seconds until it was so"]
    found = {"rows": options.rows, "killed": first, "again": second, "replayed a second": round(rate)}
    print(json.dumps(found, indent=1))


def _run(folder: Path, is_so: Callable[[Mapping[str, Any]], bool], *, kill: bool = False) -> dict[str, Any]:
    """Run until something is so of what was asked, and to the end unless it is to be killed then."""
    began, memory, found = time.monotonic(), 0, dict[str, Any]()
    for look in looks(["-m", "bezoar_data.cli.main"], folder):
        memory = max(memory, look.memory)
        asked = look.said.get("asked")
        if not found and asked and is_so(asked):
            counts = {name: asked[name] for name in ("hits", "answered", "requests")}
            found = {"seconds until it was so": round(time.monotonic() - began, 1), "asked": counts}
            if kill:
                look.process.kill()
    return {**found, "seconds": round(time.monotonic() - began, 1), "memory, MB": round(memory / 1e6)}


if __name__ == "__main__":
    main()
