"""`reliability.json`: what was measured of a run's judges against labels that people gave.

It lies in the run folder, not in the dataset, and holds the hashes of the data it was measured on: a run whose data
has come out differently does not take it into its lock and card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 1
_EMPTY: Mapping[str, Any] = {"agreement": [], "calibration": []}


def read_measured(path: Path, data: Mapping[str, str]) -> dict[str, Any]:
    """What stands in the file if it was measured on this data (path in the dataset to hash), else nothing."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return dict(_EMPTY)
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("data") != dict(data):
        return dict(_EMPTY)
    return {name: value.get(name, []) for name in _EMPTY}


def add_measured(
    path: Path, data: Mapping[str, str], kind: str, entry: Mapping[str, Any], key: tuple[str, ...]
) -> None:
    """Write one more entry of a kind, in place of an earlier one that has the same values under `key`."""
    from bezoar_data.runs.folder import write_json

    known = read_measured(path, data)
    others = [e for e in known[kind] if any(e.get(name) != entry.get(name) for name in key)]
    write_json(path, {"format": FORMAT, "data": dict(data), **known, kind: [*others, dict(entry)]})
