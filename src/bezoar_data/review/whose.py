"""Whose rows a dataset in Argilla shows: those of one run, and of no other of the same name.

Two runs of one pipeline have rows with the same ids and other texts, as where another model answered. So a run is known
by a name drawn at its first push, which stands beside it (`review.json`) and in Argilla.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.records import OUTDATED, row_of
from bezoar_data.review.task import read_rows
from bezoar_data.runs.folder import RunFolder, write_json

KNOWN_AS = "known_as"


def refuse_another_run(argilla: ArgillaClient, dataset: Mapping[str, Any], run: Path, pipeline: str) -> str:
    """What the run is known by. Raises `InputError` where the dataset was pushed from another run."""
    about = dataset["metadata"]["bezoar"]
    theirs, ours = about.get(KNOWN_AS), _read(run)
    if about.get("run") == pipeline and (theirs in (None, ours) or _same_rows(argilla, dataset, run)):
        return str(theirs or ours or secrets.token_hex(8))
    message = f"Argilla has a dataset '{dataset['name']}' that is not of this run"
    if about.get("run") == pipeline:
        message += f", but of another run of the pipeline '{pipeline}'"
    raise InputError(Problem("other-dataset", message, Place(str(run)), "name another with --dataset"))


def known_as(run: Path) -> str:
    """What a run is known by that nobody has pushed yet, or under other names."""
    return _read(run) or secrets.token_hex(8)


def remember(run: Path, name: str) -> None:
    """Keep what the run is known by beside it; a dataset without a run has no such place."""
    folder = RunFolder(run)
    if folder.dataset.is_dir() and _read(run) is None:
        write_json(folder.review_json, {KNOWN_AS: name})


def _read(run: Path) -> str | None:
    path = RunFolder(run).review_json
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text("utf-8"))[KNOWN_AS])
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "remove it, and push the review again under another name: --dataset"
        raise InputError(Problem("bad-review-json", "this file cannot be read", Place(str(path)), hint)) from error


def _same_rows(argilla: ArgillaClient, dataset: Mapping[str, Any], run: Path) -> bool:
    """Whether every record shows a row of this run as it stands: the run was made again, or its folder was copied."""
    hashes = {row["id"]: row["content_hash"] for row in read_rows(run)}
    about = ((row_of(one), one["metadata"] or {}) for one in argilla.records(dataset["id"]))
    shown = [(row, said["content_hash"]) for row, said in about if "content_hash" in said and OUTDATED not in said]
    return bool(shown) and all(hashes.get(row) == seen for row, seen in shown)
