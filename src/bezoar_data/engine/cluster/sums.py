"""What all workers do, as one run's figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bezoar_data.engine.counts import Counts
from bezoar_data.llms.endpoint.usage import Usage

_NOW = ("in_flight", "rate", "limit", "peak")
"""What holds at a moment, and of a process that is gone no more."""


def summed(asked: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of several gateways (`Gateway.snapshot`) as those of one."""
    total: dict[str, Any] = {**Usage().as_json(), "rate": 0.0, "steps": {}, "endpoints": [], "budget": None}
    endpoints: dict[tuple[str, str], dict[str, Any]] = {}
    for one in asked:
        for endpoint in one.get("endpoints", ()):
            name = endpoint["address"], endpoint["model"]
            endpoints[name] = _added(endpoints[name], endpoint) if name in endpoints else dict(endpoint)
        total = _added(total, {k: v for k, v in one.items() if k not in ("endpoints", "budget")})
    return {**total, "endpoints": list(endpoints.values())}


def left(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What remains of the figures of a process that is gone."""
    return {k: left(v) if isinstance(v, Mapping) else v for k, v in asked.items() if k not in (*_NOW, "endpoints")}


def anew(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The figures without what was known before: of a merge, which finds all that workers were answered."""
    rest: dict[str, Any] = {k: anew(v) if isinstance(v, Mapping) else v for k, v in asked.items()}
    if "hits" in rest:
        rest["asks"], rest["hits"] = rest["asks"] - rest["hits"], 0
    return rest


def count_up(counts: Counts, workers: Iterable[tuple[Mapping[str, Any], Mapping[str, Mapping[str, int]]]]) -> None:
    """Make the counts those of all workers: of the facts of each, and of the rows that failed there."""
    found = list(workers)
    for name, count in counts.steps.items():
        steps = [facts["steps"][name] for facts, _ in found if name in facts.get("steps", {})]
        count.rows_in, count.rows_out, count.waiting = (
            sum(step[what] for step in steps) for what in ("rows_in", "rows_out", "waiting")
        )
        for field, what in (("dropped", "dropped"), ("soft_failures", "missed"), ("flags", "noted")):
            setattr(count, field, sum((Counter(step.get(what, {})) for step in steps), Counter()))
        count.failed = sum((Counter(failed.get(name, {})) for _, failed in found), Counter())


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers added, mappings likewise; of anything else the first."""
    total = dict(one)
    for key, value in other.items():
        mine = total.get(key)
        if mine is None:
            total[key] = value
        elif isinstance(value, Mapping):
            total[key] = _added(mine, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            total[key] = max(mine, value) if key == "away_for" else mine + value
    return total
