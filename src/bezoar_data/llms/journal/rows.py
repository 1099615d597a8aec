"""Which answers a row was made from: the way from a row's id to the journal's keys, through the run folders that the
journal knows. It is how a person's data is found who only knows the row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from bezoar_data.llms.journal.entry import key_bytes
from bezoar_data.llms.journal.places import run_folders
from bezoar_data.runs.parquet import readable, rows_of
from bezoar_data.runs.row import RESERVED, Lineage


def keys_of_rows(journal: Path, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each row id found in a run folder that the journal knows, the keys of all answers behind it and behind every
    row made from it, dropped ones included. Ids that no run knows are left out."""
    wanted = set(ids)
    found: dict[str, dict[str, None]] = {}
    runs = run_folders(journal)
    for file in (file for run in runs for file in [*run.glob("dataset/data/*.parquet"), *run.glob("dropped.parquet")]):
        for row in _lineages(file):
            for row_id in {row.id, *row.seed_ids, *row.parent_ids} & wanted:
                keys = found.setdefault(row_id, {})
                for answered in row.keys.values():
                    keys.update(dict.fromkeys(key for key in answered if key))
    return {row_id: tuple(keys) for row_id, keys in found.items()}


def pipelines_of_answers(journal: Path) -> dict[bytes, str]:
    """By the key of an answer, as the journal stores it, the names of the pipelines that have a row of it, kept or
    dropped, in a run folder that the journal knows."""
    found: dict[bytes, set[str]] = {}
    for run in run_folders(journal):
        name = _pipeline_of(run)
        for file in [*run.glob("dataset/data/*.parquet"), *run.glob("dropped.parquet")]:
            for row in _lineages(file):
                for key in (key for answered in row.keys.values() for key in answered if key):
                    found.setdefault(key_bytes(key), set()).add(name)
    return {key: ", ".join(sorted(names)) for key, names in found.items()}


def _pipeline_of(run: Path) -> str:
    try:
        return str(json.loads((run / "run.json").read_text("utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return run.name


def _lineages(file: Path) -> Iterator[Lineage]:
    for row in rows_of(file, [RESERVED], remedy="repair it, or remove it and rebuild it: it may contain the rows"):
        if row[RESERVED]:
            with readable(file):
                yield Lineage.from_json(row[RESERVED])
