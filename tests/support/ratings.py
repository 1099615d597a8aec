"""Answers of a review by HelpSteer2's protocol, as `review.parquet` holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

OTHERS = {"correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 2}


def levels(helpfulness: int, side: str = "", **others: int) -> dict[str, int]:
    """One person's ratings of one response."""
    return {side + name: level for name, level in {"helpfulness": helpfulness, **OTHERS, **others}.items()}


def rating(
    row: Mapping[str, Any], person: str, ratings: Mapping[str, int], prompt: str = "p", **more: Any
) -> dict[str, Any]:
    """An answer; `person` also says when it was given, as people here answer in the order of their names."""
    strength = ratings.get("preference")
    preference = None if strength is None else "tie" if strength == 0 else "a" if strength < 0 else "b"
    empty = ("verdict", "corrected_response", "licence", "comment", "other")
    return {
        "id": row["id"], "content_hash": row["content_hash"], "dataset": "d", "record": row["id"],
        "response": row["id"] + person, "annotator": person, "status": "submitted", "preference": preference,
        "column": "answer", **dict.fromkeys(empty), "ratings": json.dumps(dict(ratings)), "protocol": "helpsteer2",
        "prompt": prompt, "inserted_at": f"2026-01-01 {person}", "updated_at": f"2026-01-01 {person}", "weight": 1.0,
        "even": True, "edited": False, "removed": False, **more,
    }  # fmt: skip
