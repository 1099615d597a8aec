"""Which dataset of the Hub a task's items came from, at which commit: a score may claim no other.

The library that loads a dataset keeps it under the Hub's name and the commit. What was read from files of one's own, or
put in their place, has neither, whatever the task's own file says.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.yaml.document import load_yaml
from bezoar_data.evaluation.harness import parts_of
from bezoar_data.evaluation.record import HubDataset

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_TASKS_FILE = "eval.yaml"
"""Where a benchmark of the Hub says what its tasks are called."""
_DEFAULT = "default"


def hub_dataset(loaded: Any) -> HubDataset | None:
    """The dataset of a task of the harness, or that of all tasks of a group; None: there is no one of the Hub."""
    places = [_place(task) for task in parts_of(loaded)]
    found = {place[:3] for place in places if place is not None}
    if len(found) != 1 or None in places:
        return None
    ((name, revision, split),) = found
    configs = {place[3] for place in places if place is not None}
    config = next(iter(configs)) if len(configs) == 1 else None
    items = sum(place[4] for place in places if place is not None)
    task = _task_of(name, revision, config or _DEFAULT, split) or config or _DEFAULT
    return HubDataset(id=name, revision=revision, split=split, config=config, items=items, task=task)


def _place(task: Any) -> tuple[str, str, str, str, int] | None:
    """Name, commit, split and configuration of a single task's dataset, and how many rows it has."""
    splits = (getattr(task.config, f"{kind}_split", None) for kind in ("test", "validation"))
    name, split = getattr(task.config, "dataset_path", None), next(filter(None, splits), None)
    if not isinstance(name, str) or name.count("/") != 1 or split is None:
        return None
    rows = task.dataset[split]
    for file in getattr(rows, "cache_files", ()):
        # OWNER___NAME/CONFIGURATION/VERSION/COMMIT/NAME-SPLIT.arrow
        parts = Path(file["filename"]).parts
        if len(parts) > 4 and parts[-5] == name.replace("/", "___") and _COMMIT.match(parts[-2]):
            return name, parts[-2], split, parts[-4], len(rows)
    return None


@cache
def _task_of(name: str, revision: str, config: str, split: str) -> str | None:
    """What the dataset calls its task of this configuration and split, where it is a benchmark of the Hub."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        value = load_yaml(Path(hf_hub_download(name, _TASKS_FILE, repo_type="dataset", revision=revision))).value
    except (OSError, HfHubHTTPError, InputError):
        return None
    tasks = value.get("tasks") if isinstance(value, dict) else None
    for one in tasks if isinstance(tasks, list) else ():
        if isinstance(one, dict) and (one.get("config") or _DEFAULT, one.get("split")) == (config, split):
            return str(one["id"]) if one.get("id") else None
    return None
