"""What the stages of a folder took, as a table of Markdown: `python table.py FOLDER SECONDS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    folder, seconds = Path(sys.argv[1]), sys.argv[2]
    found = [json.loads(file.read_text()) for file in folder.glob("*/stage.json")]
    stages = sorted(found, key=lambda stage: len(stage["lineage"]))
    machine = next(stage["machine"] for stage in stages if stage["machine"])
    print(f"On {machine['name']}, {seconds} s in all.\n")
    print("| stage | does | steps | loss | seconds | memory |\n|---|---|---|---|---|---|")
    for stage in stages:
        print(f"| {' | '.join(map(str, _cells(stage)))} |")


def _cells(stage: dict[str, Any]) -> tuple[Any, ...]:
    measured, times = stage["metrics"], stage["times"]
    loss = f"{measured['first_loss']:.3f} → {measured['last_loss']:.3f}" if "first_loss" in measured else ""
    memory = f"{(times.get('peak_memory_bytes') or 0) / 2**30:.1f} GiB"
    return stage["stage"], stage["use"], measured.get("steps", ""), loss, f"{times['seconds']:.0f}", memory


if __name__ == "__main__":
    main()
