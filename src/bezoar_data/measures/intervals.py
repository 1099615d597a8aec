"""Intervals for shares, and seeded bootstrap intervals for anything that is a function of counts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    """Counts of categories along the last axis; earlier axes are resamples."""

LEVEL = 0.95
RESAMPLES = 2000
SEED = 20240612
"""Of the resampling: the same labels give the same interval on every machine."""

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; None where it is not defined (no rows, or no variation)."""

    value: float | None
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, float | None]:
        return {"value": rounded(self.value), "low": rounded(self.low), "high": rounded(self.high)}


UNDEFINED = Estimate(None, None, None)


def rounded(value: float | None) -> float | None:
    """The figure as it is written down: four decimals, never a negative zero."""
    return None if value is None else round(float(value), _DIGITS) + 0.0


def share(hits: int, n: int, *, level: float = LEVEL) -> Estimate:
    """`hits` of `n` with the score interval (Wilson 1927), which holds well also near 0 and 1 and for few rows."""
    if n == 0:
        return UNDEFINED
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(p, 0.0 if hits == 0 else middle - half, 1.0 if hits == n else middle + half)


def exact_share(hits: int, n: int, *, level: float = LEVEL) -> Estimate:
    """`hits` of `n` with the interval of Clopper and Pearson (1934): its coverage is never below the level."""
    from scipy.special import betaincinv

    if n == 0:
        return UNDEFINED
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return Estimate(hits / n, low, high)


def grouped_share(hits: Sequence[bool], groups: Sequence[Hashable] | None = None, *, level: float = LEVEL) -> Estimate:
    """The share of hits. Rows in groups get a bootstrap interval over these, single ones Wilson's; where all or none
    are hits, resampling shows no variation at all, so Wilson's interval for as many rows as there are groups stands."""
    found = sum(hits)
    if groups is None or len(set(groups)) == len(hits):
        return share(found, len(hits), level=level)
    if found in (0, len(hits)):
        n = len(set(groups))
        return share(n if found else 0, n, level=level)
    return bootstrap([int(h) for h in hits], 2, lambda c: c[..., 1] / c.sum(axis=-1), groups=groups, level=level)


def bootstrap(
    codes: Sequence[int],
    categories: int,
    statistic: Callable[[Counts], Any],
    *,
    groups: Sequence[Hashable] | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Estimate:
    """A statistic of category counts with its percentile bootstrap interval (Efron and Tibshirani 1993, section 13.3).

    `codes` hold a category from 0 to `categories` - 1 for each row. `statistic` takes counts of shape (..., categories)
    and gives values of shape (...), NaN where it is not defined; such resamples are left out. Rows of one group (those
    that come of the same seeds, say) are drawn together: as they are alike, drawing them one by one would give an
    interval that is too narrow.
    """
    import numpy as np

    if not len(codes):
        return UNDEFINED
    kinds, times = unit_kinds(codes, categories, groups)
    value = float(statistic(times @ kinds))
    if np.isnan(value):
        return UNDEFINED
    drawn = np.asarray(statistic(resample(kinds, times, resamples, seed)), dtype=float)
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)])
    return Estimate(value, float(low), float(high))


def numbered(groups: Iterable[Hashable]) -> list[int]:
    """Of each item the number of its group, in the order in which groups first stand there."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]


def unit_kinds(
    codes: Sequence[int], categories: int, groups: Sequence[Hashable] | None = None
) -> tuple[Counts, Counts]:
    """The kinds of units that are drawn as a whole, by how often each category is in them, shape (kinds, categories);
    and how many units there are of each kind. Without groups a unit is a row, and its kind the row's category."""
    import numpy as np

    unit = numbered(groups or ())
    count = len(set(unit))
    if count in (0, len(codes)):
        return np.eye(categories, dtype=np.int64), np.bincount(codes, minlength=categories)
    counts = np.zeros((count, categories), dtype=np.int64)
    np.add.at(counts, (np.asarray(unit), np.asarray(codes)), 1)
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    return kinds, times


def resample(kinds: Counts, times: Counts, resamples: int, seed: int) -> Counts:
    """Counts of `resamples` draws of as many units with replacement: shape (resamples, categories).

    How often each kind is drawn is multinomial: the same draws as unit by unit, at a cost that does not grow with them.
    """
    import numpy as np

    units = times.sum()
    drawn: Counts = np.random.default_rng(seed).multinomial(units, times / units, size=resamples)
    return drawn @ kinds
