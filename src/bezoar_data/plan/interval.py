"""A number to come with its ends, and where ends come from: ranges that are stated here, or what earlier runs showed.

Ends of independent factors of one number are put together as errors are (root of the sum of squares); ends of sums are
added up, as if what is behind them erred in one direction. So a sum may be wider than it need be, never narrower.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import pstdev

Z = 1.645
"""Standard deviations to either side that hold nine of ten."""
LEAST = 5
"""Rows or answers from which on numbers are learned rather than assumed."""
ALIKE = 2.0
"""Rows of one run that tell as much as one on its own: they share topics, seeds and random draws. Our
assumption."""
RUNS_DIFFER = 0.03
"""How far two runs differ in a number besides chance (standard deviation over the number). Our assumption."""
TYPICAL_SPREAD = 0.6
"""Standard deviation of answers' lengths over their mean, where only the mean is known. Our assumption."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number to come: nine of ten times it lies from `low` to `high`, if what it stands on holds. `likely` is the
    single best guess."""

    low: float
    likely: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Interval:
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    def whole(self) -> Interval:
        """The same in whole numbers, never narrower."""
        # What floats leave of a whole number is not worth one more.
        low, high = math.floor(self.low + 1e-6), math.ceil(self.high - 1e-6)
        return Interval(low, min(max(round(self.likely), low), high), high)

    def at_most(self, most: float) -> Interval:
        return Interval(min(self.low, most), min(self.likely, most), min(self.high, most))

    def at_least(self, least: float) -> Interval:
        return Interval(max(self.low, least), max(self.likely, least), max(self.high, least))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def and_independent(self, other: Interval) -> Interval:
        """The sum with a number that errs for other reasons."""
        both = self + other
        down = math.hypot(self.likely - self.low, other.likely - other.low)
        up = math.hypot(self.high - self.likely, other.high - other.likely)
        return Interval(both.likely - down, both.likely, both.likely + up)

    def __mul__(self, other: Interval | float) -> Interval:
        """The product with an independent factor."""
        if not isinstance(other, Interval):
            return Interval(self.low * other, self.likely * other, self.high * other)
        likely = self.likely * other.likely
        down = math.hypot((self.likely - self.low) * other.likely, (other.likely - other.low) * self.likely)
        up = math.hypot((self.high - self.likely) * other.likely, (other.high - other.likely) * self.likely)
        return Interval(max(self.low * other.low, likely - down), likely, min(self.high * other.high, likely + up))


NOTHING, ONE = Interval.exactly(0), Interval.exactly(1)


def total(intervals: Iterable[Interval]) -> Interval:
    return reduce(add, intervals, NOTHING)


def assumed(low: float, high: float, likely: float | None = None) -> Interval:
    """A factor of which nothing is known but its stated range."""
    return Interval(low, (low + high) / 2 if likely is None else likely, high)


def learned_rate(kept: float, seen: float, ahead: float, prior: tuple[float, float]) -> Interval:
    """The share of `ahead` rows that a step will keep, which kept `kept` of the `seen`. What was assumed before counts
    as one more row, so that no share is certain."""
    likely = min(1.0, kept / seen)
    pulled = (kept + ALIKE * sum(prior) / 2) / (seen + ALIKE)
    variance = pulled * max(0.0, 1 - pulled) * ALIKE * (1 / seen + 1 / max(ahead, ALIKE))
    half = Z * math.hypot(math.sqrt(variance), RUNS_DIFFER * likely)
    return Interval(max(0.0, likely - half), likely, max(likely, min(1.0, likely + half)))


def learned_mean(values: Sequence[float], ahead: float) -> Interval:
    """The mean of `ahead` values like these, of which there is at least one."""
    mean = sum(values) / len(values)
    # Few values tell little of how much they differ.
    spread = pstdev(values) / mean * (1 + 1 / len(values)) if mean else 0.0
    return Interval.exactly(mean) * learned_factor(len(values), ahead, spread)


def learned_factor(seen: float, ahead: float, spread: float = TYPICAL_SPREAD) -> Interval:
    """By what factor the mean of `ahead` values may differ from that of the `seen` ones."""
    half = Z * math.hypot(spread * math.sqrt(ALIKE / seen + ALIKE / max(ahead, ALIKE)), RUNS_DIFFER)
    return Interval(1 / (1 + half), 1.0, 1 + half)
