"""A made-up lock with one of everything, to try a template before a run: an undefined value in it is found for free.

Where a real lock's keys or lengths depend on the pipeline (settings, reasons, ratings), the specimen holds whatever is
asked of it, so that only names which no lock can have are found missing.
"""

from __future__ import annotations

from typing import Any

SPECIMEN_HASH = "0" * 16
_SHA = "0" * 64


class _AnyKey(dict[str, Any]):
    """A mapping whose keys depend on the pipeline."""

    def __missing__(self, key: str) -> int:
        return 0


class _AnyLength(list[Any]):
    """A list whose length depends on the pipeline."""

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(0 if isinstance(index, int) else index)


def specimen_lock() -> dict[str, Any]:
    """A lock of the same shape as a real one; none of its figures ever reaches a card."""
    return {
        "format": 1,
        "pipeline": {
            "name": "specimen",
            "version": 1,
            "description": "",
            "sha256": _SHA,
            "seed": 0,
            "splits": _AnyKey(validation=0.5),
            "limit": None,
            "tolerate": 0.0,
        },
        "software": _AnyKey({"bezoar-data": "0"}),
        "steps": _AnyLength(
            [
                {
                    "id": "step",
                    "use": "step",
                    "version": 1,
                    "after": [],
                    "settings": _AnyKey(),
                    "files": _AnyKey(),
                    "role": "teacher",
                    "rows_in": 2,
                    "rows_out": 1,
                    "dropped": _AnyKey(reason=1),
                }
            ]
        ),
        "sources": _AnyLength(
            [
                {
                    "step": "step",
                    "name": "source",
                    "revision": None,
                    "sha256": _SHA,
                    "url": None,
                    "licence": None,
                    "rows": 2,
                    "kept": 1,
                }
            ]
        ),
        "models": _AnyLength(
            [
                {
                    "role": "teacher",
                    "fallback": False,
                    "provider": "provider",
                    "model": "model",
                    "revision": None,
                    "sampling": _AnyKey(),
                    "output_licence": {"id": "unknown", "commercial": "unknown", "url": None, "note": None},
                    "carbon": None,
                    "demo": False,
                    "steps": ["step"],
                }
            ]
        ),
        "counts": {"source": 2, "kept": 1, "dropped": 1},
        "usage": _AnyLength(
            [{"step": "step", "model": "model", "answers": 1, "prompt_tokens": 1, "completion_tokens": 1, "cost": None}]
        ),
        "cost": None,
        "judges": _AnyLength(
            [
                {
                    "name": "judge",
                    "step": "step",
                    "kind": "accept",
                    "accepted": 1,
                    "rejected": 0,
                    "ratings": _AnyKey({"5": 1}),
                    "unjudged": _AnyKey(),
                }
            ]
        ),
        "judging": {
            "attributes": [],
            "comparisons": [],
            "repeated": [],
            "agreement": [],
            "people": {"agreement": [], "calibration": []},
        },
        "contamination": None,
        "columns": _AnyKey(id="string"),
        "mixed_columns": [],
        "data": _AnyLength(
            [
                {
                    "path": "data/train-00000-of-00001.parquet",
                    "split": "train",
                    "rows": 1,
                    "bytes": 1,
                    "sha256": _SHA,
                }
            ]
        ),
        "demo": False,
    }
