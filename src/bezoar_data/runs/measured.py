"""`reliability.json`: what was measured of a run's judges against labels that people gave.

It lies in the run folder, not in the dataset, and names the rows it was measured on: a run whose rows have come out
differently does not take it into its lock and card. What people say in review is added to rows without changing them,
so it does not count here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 2
_EMPTY: Mapping[str, Any] = {"agreement": [], "calibration": []}


def read_measured(path: Path, dataset: Path) -> dict[str, Any]:
    """What stands in the file if it was measured on the rows of this dataset folder, else nothing."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return dict(_EMPTY)
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("rows") != _rows(dataset):
        return dict(_EMPTY)
    return {name: value.get(name, []) for name in _EMPTY}


def add_measured(path: Path, dataset: Path, kind: str, entry: Mapping[str, Any], key: tuple[str, ...]) -> None:
    """Write one more entry of a kind, in place of an earlier one that has the same values under `key`."""
    from bezoar_data.runs.folder import write_json

    known = read_measured(path, dataset)
    others = [e for e in known[kind] if any(e.get(name) != entry.get(name) for name in key)]
    write_json(path, {"format": FORMAT, "rows": _rows(dataset), **known, kind: [*others, dict(entry)]})


def _rows(dataset: Path) -> dict[str, str]:
    """For each data file, the hash of its rows' ids and content hashes."""
    import pyarrow.parquet as pq

    found = {}
    for file in sorted((dataset / "data").glob("*.parquet")):
        seen = hashlib.sha256()
        for batch in pq.ParquetFile(file).iter_batches(columns=["id", "content_hash"]):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                seen.update(" ".join(row).encode())
        found[file.name] = seen.hexdigest()
    return found
