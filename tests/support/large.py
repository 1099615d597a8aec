"""Settings that make a real run of the small set-ups that are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SEEDS = Path(__file__).parents[2] / "pipelines" / "seeds" / "dolly_like.jsonl"

LARGE: dict[str, tuple[str, ...]] = {
    "orca": (),
    "lamini": (
        f"steps.load_instructions.path={_SEEDS}",
        f"steps.novelty.seeds={_SEEDS}",
        "steps.lamini-generate.target=200",
        "steps.lamini-generate.count=20",
    ),
    "evol-instruct": (
        f"steps.load_instructions.path={_SEEDS}",
        "steps.pool.per_category=8",
        "steps.evolve.epochs=3",
    ),
}
"""As `--set` words, by pipeline."""


def settings(name: str) -> dict[str, Any]:
    """The same as the mapping that the Python interface takes."""
    pairs = (word.partition("=") for word in LARGE[name])
    return {key: int(value) if value.isdigit() else value for key, _, value in pairs}
