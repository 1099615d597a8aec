"""A stage with all that is known of it before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.recipe import Stage
from bezoar_data.training.data.datasets import StageCard
from bezoar_data.training.data.examples import Examples
from bezoar_data.training.estimate.forecast import Forecast
from bezoar_data.training.settings import Settings


@dataclass(frozen=True, slots=True)
class Planned:
    """A stage with all that decides it, before anything of it is loaded."""

    index: int
    stage: Stage
    start: str
    """The id of the stage it goes on from, or `base`."""
    key: str
    card: StageCard | None
    examples: Examples | None
    settings: Settings | None
    adapter: Mapping[str, Any] | None
    passed_over: int = 0
    forecast: Forecast | None = None
