"""How a run is to go, besides what its files say. Apart from the engine, so that setting them does not import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Engine = Literal["stream", "local"]


@dataclass(frozen=True, slots=True)
class Options:
    """The engine, at most so many rows of each source, a budget in US dollars, and whether refused requests are sent
    again."""

    engine: Engine = "stream"
    limit: int | None = None
    max_cost: float | None = None
    retry_failed: bool = False
