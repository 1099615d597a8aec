"""What a pipeline's `review:` asks of people, and how much of it a lock says was done. Publishing and training ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def unmet(lock: Mapping[str, Any]) -> list[str]:
    """What the pipeline's `review` asks for and people have not done yet, in words."""
    wanted = lock["pipeline"].get("review")
    if not wanted:
        return []
    rows = (lock.get("review") or {}).get("rows", 0)
    missing = []
    if rows < wanted["rows"]:
        missing.append(f"the pipeline asks for {wanted['rows']:,} reviewed rows; there are {rows:,}")
    if wanted.get("kappa") is not None:
        missing += _disagreeing(lock, wanted["kappa"])
    return missing


def against_people(judging: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What was measured against people of the judge of that name."""
    prefix = f"{name}_" if name else ""
    endings = ("status", "rating", "preference")
    found = (judging.get("people") or {}).get("agreement", ())
    return [one for one in found if one["columns"][0] in [prefix + ending for ending in endings]]


def _disagreeing(lock: Mapping[str, Any], least: float) -> Iterator[str]:
    judging = lock.get("judging") or {}
    for judge in [*lock["judges"], *judging.get("comparisons", ())]:
        found = [
            one["kappa"]["value"]
            for one in against_people(judging, judge["name"])
            if one["columns"][1].startswith("review_")
        ]
        value = found[-1] if found else None
        if value is None or value < least:
            told = "is not known" if value is None else f"is {value:.2f}"
            yield f"the pipeline asks for a kappa of {least:g} between the judge {judge['name']} and people; it {told}"
