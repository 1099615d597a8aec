"""What a plan does not know, each as a factor with its chances: shares of rows kept, lengths, re-askings, token counts.

Learned ones follow from how often something was seen; assumed ones from a range that is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

CORRELATION = 0.4
"""How far rows that share a random draw go the same way. Ours."""
LEAST = 5
"""Rows or answers from which on we learn rather than assume."""
NORMAL_95 = 1.96
ALIKE = 1.5
"""Rows of one run that tell as much as one row on its own: they share seeds, draws and topics. Ours."""
TYPICAL_SPREAD = 0.6
"""Standard deviation of answer lengths over their mean, where only the mean is known. Ours."""


def design_effect(group: float, correlation: float = CORRELATION) -> float:
    """How many rows tell as much as one on its own where so many at a time share a draw (Kish's design effect)."""
    return 1 + (max(group, 1.0) - 1) * correlation


@dataclass(frozen=True, slots=True)
class Share:
    """The share of rows a step keeps. `total` rows were seen, of which `kept`; none seen: between `low` and `high`."""

    mid: float
    kept: float = 0.0
    total: float = 0.0
    low: float = 0.0
    high: float = 1.0
    """What was assumed before: where rows were seen it counts as one of them."""

    @classmethod
    def learned(cls, kept: float, total: float, likely: tuple[float, float] = (0.0, 1.0)) -> Share | None:
        # A step may make several rows of one: those are rows it kept.
        return cls(min(1.0, kept / total), min(kept, total), total, *likely) if total >= LEAST else None

    @classmethod
    def assumed(cls, low: float, high: float) -> Share:
        return cls((low + high) / 2, low=low, high=high)

    def draw(self, chance: Random, rows: float, alike: float = 1.0) -> float:
        """A share that may come out for so many rows, of which `alike` tell as much as one."""
        if not self.total:
            return chance.uniform(self.low, self.high)
        told = max(alike, ALIKE)
        before = (self.low + self.high) / 2
        share = chance.betavariate(
            self.kept / told + before + 1e-3, (self.total - self.kept) / told + 1 - before + 1e-3
        )
        noise = math.sqrt(share * (1 - share) * alike / max(rows, alike))
        return min(1.0, max(0.0, chance.gauss(share, noise)))


@dataclass(frozen=True, slots=True)
class Factor:
    """What a number worked out on stand-ins is to be multiplied with. `learned_from` answers or rows; 0: assumed."""

    mid: float = 1.0
    spread: float = 0.0
    """Standard deviation of the factor's logarithm."""
    learned_from: int = 0
    least: float = 0.0
    """It cannot be less."""

    @classmethod
    def assumed(cls, low: float, high: float, mid: float | None = None, least: float = 0.0) -> Factor:
        """A factor that lies between two values 95 of 100 times."""
        spread = math.log(high / low) / (2 * NORMAL_95)
        return cls(math.sqrt(low * high) if mid is None else mid, spread, least=least)

    def draw(self, normal: float) -> float:
        """The factor where its logarithm is so many standard deviations off."""
        return max(self.least, self.mid * math.exp(self.spread * normal))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of past answers beside the guessed ones: how many, the ratio of their sums, and the standard deviation
    from that ratio over the mean length."""

    count: int
    ratio: float
    spread: float = TYPICAL_SPREAD

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, int]]) -> Lengths | None:
        """Of pairs of a guessed length and the answer's."""
        count, guessed, took = len(pairs), sum(g for g, _ in pairs), sum(n for _, n in pairs)
        if count < LEAST or not guessed or not took:
            return None
        ratio = took / guessed
        variance = sum((n - ratio * g) ** 2 for g, n in pairs) / (count - 1)
        return cls(count, ratio, math.sqrt(variance) * count / took)

    def factor(self, ahead: float, alike: float = 1.0) -> Factor:
        """By what factor the mean of `ahead` answers differs from the guessed one, if `alike` tell as much as one."""
        # Few answers also tell little of how much they differ.
        spread = self.spread * (1 + 1 / self.count)
        return Factor(
            self.ratio,
            spread * math.sqrt(alike / max(self.count, alike) + alike / max(ahead, alike)),
            self.count,
        )
