"""JSON Lines that grow while a model answers: what stands in them is whole, whenever the process is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def read_kept(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the file, if it is there, without one that was being written when its process was killed."""
    if not path.is_file():
        return
    for line in path.read_text("utf-8", "replace").split("\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def keep(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Add lines, on disk before this returns. One that was cut short before them is taken away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        if end and file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write("".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())
