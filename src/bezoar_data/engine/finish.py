"""The end of every build: the lock is named, card and Croissant are made from it, and all of it takes the place of the
dataset that was there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bezoar_data.runs.folder import RunFolder, lock_hash, replace_folder, write_json, write_text

Describe = Callable[[Mapping[str, Any], str, Mapping[str, Any] | None, str | None], Mapping[str, str]]
"""Makes the files that describe a dataset, by their names, from (lock, its hash, an example row, the card as it stood):
cards live above the engine."""


def put_in_place(
    building: Path, folder: RunFolder, lock: Mapping[str, Any], example: Mapping[str, Any] | None, describe: Describe
) -> str:
    """Finish the dataset in `building` and move it into the run folder; the lock's hash."""
    name = lock_hash(lock)
    previous = folder.dataset / "README.md"
    texts = describe(lock, name, example, previous.read_text("utf-8") if previous.exists() else None)
    write_json(building / "lock.json", lock)
    for file_name, text in texts.items():
        write_text(building / file_name, text)
    replace_folder(building, folder.dataset)
    return name
