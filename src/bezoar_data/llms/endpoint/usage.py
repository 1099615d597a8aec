"""What asking has cost so far: requests, answers, failures by cause, tokens, money, for each step and model.

Counters only, cheap enough for thousands of answers a second; the progress display, `run.json` and `status` read them
through `snapshot`. Money here is money spent now: an answer found in the journal counts as a hit and costs nothing.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from bezoar_data.config.files.models import Model, Price
from bezoar_data.llms.providers.base import Completion
from bezoar_data.llms.retry_policy import Transient

RATE_WINDOW = 10
"""Seconds over which the rate of answers is taken."""


def cost_of(price: Price | None, prompt_tokens: int, completion_tokens: int) -> float | None:
    """US dollars for so many tokens; None when nobody said what they cost."""
    if price is None:
        return None
    return (prompt_tokens * price.input + completion_tokens * price.output) / 1_000_000


def billed_or(worst: float, model: Model, completions: Sequence[Completion]) -> float:
    """What answers cost in the eyes of a budget, in dollars: the bill, or `worst` when the endpoint gave none."""
    total = 0.0
    for c in completions:
        if c.prompt_tokens is None or c.completion_tokens is None:
            return worst
        total += cost_of(model.price, c.prompt_tokens, c.completion_tokens) or 0.0
    return total


@dataclass(slots=True)
class Usage:
    """One step's use of one model.

    `asks` counts the answers steps wanted (samples, not questions): each is a hit (found in the journal), shared
    (the same question was on its way already), answered or refused. `requests` counts what went over the wire,
    `retries` those of them that were second or later tries.
    """

    asks: int = 0
    hits: int = 0
    shared: int = 0
    answered: int = 0
    refused: int = 0
    requests: int = 0
    retries: int = 0
    in_flight: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    """Answers whose price nobody said: while above 0, `cost` is only part of the truth."""
    unknown_bills: int = 0
    """Failed requests the endpoint may have billed without saying so: timed out, cut off or garbled."""

    def book(self, prompt_tokens: int, completion_tokens: int, cost: float | None) -> None:
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        if cost is None:
            self.unpriced += 1
        else:
            self.cost += cost

    def book_failure(self, failure: Transient, price: Price | None, worst: float) -> float:
        """Book a failed request; what it cost in the eyes of a budget, in dollars, `worst` if nobody knows."""
        if failure.billed is not None:
            cost = cost_of(price, *failure.billed)
            self.book(*failure.billed, cost)
            return cost or 0.0
        if failure.rule.may_have_cost:
            self.unknown_bills += 1
            return worst
        return 0.0

    def as_json(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**values, "failures": dict(sorted(self.failures.items())), "cost": round(self.cost, 9)}

    def add(self, other: Usage) -> None:
        for name in [f.name for f in fields(self) if f.name != "failures"]:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures.update(other.failures)


class UsageTracker:
    """All counts of one gateway."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Usage] = {}
        self._seconds: deque[list[int]] = deque(maxlen=RATE_WINDOW + 1)

    def of(self, step: str, model: str) -> Usage:
        try:
            return self._counts[step, model]
        except KeyError:
            return self._counts.setdefault((step, model), Usage())

    def tick(self, answers: int) -> None:
        """So many answers just came in, for the rate."""
        now = int(time.monotonic())
        if self._seconds and self._seconds[-1][0] == now:
            self._seconds[-1][1] += answers
        else:
            self._seconds.append([now, answers])

    @property
    def rate(self) -> float:
        """Answers per second over the last whole seconds; hits in the journal not counted."""
        now = int(time.monotonic())
        whole = [n for second, n in self._seconds if now - RATE_WINDOW <= second < now]
        first = next((second for second, _ in self._seconds if second >= now - RATE_WINDOW), now)
        return sum(whole) / max(1, now - first)

    @property
    def total(self) -> Usage:
        total = Usage()
        for count in self._counts.values():
            total.add(count)
        return total

    def snapshot(self) -> dict[str, Any]:
        """Plain values: totals, the rate, and each step's use of each model."""
        steps: dict[str, dict[str, Any]] = {}
        for (step, model), count in list(self._counts.items()):
            steps.setdefault(step, {})[model] = count.as_json()
        return {**self.total.as_json(), "rate": round(self.rate, 2), "steps": steps}
