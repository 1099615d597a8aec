"""How a run is to go, besides what its files say. Apart from the engine, so that setting them does not import it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bezoar_data.engine.cut import Cut
    from bezoar_data.engine.steering import Steering
    from bezoar_data.llms.gateway.recorded import LookUps

Engine = Literal["stream", "local", "ray", "distilabel-ray"]
DISTILABEL: tuple[Engine, ...] = ("local", "distilabel-ray")
"""Those whose runner is distilabel's."""


@dataclass(frozen=True, slots=True)
class OnRay:
    """Where `--engine ray` runs: the cluster's `address`, or none for one on this machine; and with how many workers,
    or as many as serve."""

    address: str | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The engine, at most so many rows of each source, a budget in US dollars, whether refused requests are sent again,
    and other journals `near` by: a note says so if one holds answers that the run's own lacks."""

    engine: Engine = "stream"
    limit: int | None = None
    max_cost: float | None = None
    retry_failed: bool = False
    near: tuple[Path, ...] = ()
    lookups: LookUps | None = None
    """Where they are noted, in a run that takes recorded answers alone and asks nobody."""
    cut: Cut | None = None
    """How much of the pipeline is run, where that is not all of it."""
    also: Path | None = None
    """Another journal, whose answers count as found."""
    steering: Steering | None = None
    """What tells the run, while it goes on, of its share and its end, where it is one of several."""
    ray: OnRay = OnRay()
    asked: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """What is told of LLM calls, given this process's figures, where others have asked too."""
