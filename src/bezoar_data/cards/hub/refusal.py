"""How a refusal to publish is worded."""

from __future__ import annotations

from bezoar_data.config.problems import Place, Problem


def refusal(concern: str, message: str, place: Place) -> Problem:
    """One that whoever publishes can let through."""
    return Problem(f"refused-{concern}", message, place, f"publish it anyway with --allow {concern}")
