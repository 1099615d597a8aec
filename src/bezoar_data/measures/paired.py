"""Whether two systems differ on the same items: tests, intervals, and the smallest difference that a suite can show.

The items are paired: an item that is hard for one system is hard for the other too, so a test that takes them for two
samples finds far less than there is. Right or wrong goes to McNemar's test, with its mid-p value (Fagerland, Lydersen
and Laake 2013, doi:10.1186/1471-2288-13-91) or the exact one; scores go to the mean of their differences with a
standard error that is clustered where items belong together (Miller 2024, arXiv 2411.00640); several tasks to Holm's
correction (1979).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bezoar_data.measures.intervals import LEVEL, RESAMPLES, SEED, numbered, rounded

ALPHA = 1 - LEVEL
POWER = 0.8
DISCORDANT = 0.25
"""The share of items on which two systems are taken to differ where nothing is known of them. Ours: two stages of a
small model differ on a fifth to a third of the items of a multiple-choice task."""


Word = Literal["better", "worse", "tied"]


def word(improvement: float, p: float) -> Word:
    """What may be said of a difference: nothing, where the test does not show one."""
    if p > ALPHA:
        return "tied"
    return "better" if improvement > 0 else "worse"


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean over items of the second system's score less the first's."""

    items: int
    groups: int
    """Clusters of items: as many as items where each stands for itself."""
    first: float
    second: float
    value: float
    error: float | None
    """The standard error of `value`, clustered; None for fewer than two groups."""
    low: float
    high: float
    """Percentile bootstrap interval of `value` over groups."""
    p: float
    only_first: int | None = None
    only_second: int | None = None
    """Items that one system alone has right, where every score is right or wrong."""

    @property
    def right_or_wrong(self) -> bool:
        return self.only_first is not None

    @property
    def discordant(self) -> float | None:
        """The share of items that one system alone has right."""
        if self.only_first is None or self.only_second is None:
            return None
        return (self.only_first + self.only_second) / self.items

    @property
    def test(self) -> Literal["mcnemar", "clustered t"]:
        return "mcnemar" if self.right_or_wrong and self.groups == self.items else "clustered t"

    def as_json(self) -> dict[str, Any]:
        numbers = ("first", "second", "value", "error", "low", "high")
        counts = {"only_first": self.only_first, "only_second": self.only_second} if self.right_or_wrong else {}
        return {
            "items": self.items, "groups": self.groups, **{name: rounded(getattr(self, name)) for name in numbers},
            **counts, "test": self.test, "p": self.p,
        }  # fmt: skip


def difference(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    exact: bool = False,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """How the second system differs from the first; `first[i]` and `second[i]` are scores of the same item.

    Single items that are right or wrong (0 or 1) are tested by `mcnemar`, all others by a t-test of the clustered mean.
    Raises `ValueError` where there are no items, or not as many on either side.
    """
    import numpy as np

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or not a.size:
        raise ValueError(f"{a.size} and {b.size} scores are not pairs")
    apart = b - a
    error, clusters = clustered_error(apart, groups)
    low, high = mean_interval(apart, groups, level=level, resamples=resamples, seed=seed)
    value = float(apart.mean())
    only: tuple[int, int] | tuple[None, None] = (None, None)
    if np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all():
        only = int((apart < 0).sum()), int((apart > 0).sum())
    if only[0] is not None and only[1] is not None and clusters == a.size:
        p = mcnemar(only[0], only[1], exact=exact)
    else:
        p = _t_test(value, error, clusters)
    return Difference(a.size, clusters, float(a.mean()), float(b.mean()), value, error, low, high, p, *only)


def mcnemar(only_first: int, only_second: int, *, exact: bool = False) -> float:
    """The two-sided p value that neither system is better, from the items which one alone has right.

    By default the mid-p value: the exact one less the chance of what was seen, which keeps the level and is not as
    cautious.
    """
    from scipy.stats import binom

    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    tail = 2 * float(binom.cdf(fewer, n, 0.5))
    return min(1.0, tail) if exact else min(1.0, tail - float(binom.pmf(fewer, n, 0.5)))


def clustered_error(values: Any, groups: Sequence[Hashable] | None = None) -> tuple[float | None, int]:
    """The standard error of the mean of `values`, those of a group taken as one draw; and how many groups there are.

    With the usual correction for few groups, so that single items give the plain standard error. None for fewer than
    two groups.
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    sums = _by_group(values - values.mean(), groups)[0]
    count = len(sums)
    if count < 2:
        return None, count
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / values.size, count


def mean_interval(
    values: Any,
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean of `values`; groups are drawn as a whole."""
    import numpy as np

    sums, sizes = _by_group(np.asarray(values, dtype=float), groups)
    # Groups that are alike are drawn together: a task of right and wrong has three kinds of items.
    kinds, times = np.unique(np.stack([sums, sizes], 1), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(sums), times / len(sums), size=resamples)
    means = drawn @ kinds[:, 0] / (drawn @ kinds[:, 1])
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """The p values of several tasks, corrected so that the chance of one false alarm among them all keeps the level."""
    corrected: dict[str, float] = {}
    least = 0.0
    for place, name in enumerate(sorted(ps, key=lambda name: ps[name])):
        least = max(least, min(1.0, (len(ps) - place) * ps[name]))
        corrected[name] = least
    return {name: corrected[name] for name in ps}


def mcnemar_power(items: int, gain: float, discordant: float, *, alpha: float = ALPHA) -> float:
    """The chance that the mid-p test at `alpha` finds a true difference of `gain` (a share of items) among `items`, of
    which a share `discordant` is right in one system alone. Exact: summed over all outcomes."""
    import numpy as np
    from scipy.stats import binom

    ns = np.arange(items + 1)
    chances = binom.pmf(ns, items, discordant)
    likely = chances > 1e-12
    ns, chances = ns[likely], chances[likely]
    # The most items on the weaker side with which a test of n still finds a difference; -1 where none does.
    most = binom.ppf(alpha / 2, ns, 0.5)
    while (over := (most >= 0) & (2 * binom.cdf(most, ns, 0.5) - binom.pmf(most, ns, 0.5) > alpha)).any():
        most = np.where(over, most - 1, most)
    while (under := 2 * binom.cdf(most + 1, ns, 0.5) - binom.pmf(most + 1, ns, 0.5) <= alpha).any():
        most = np.where(under, most + 1, most)
    share = (discordant + gain) / (2 * discordant)
    found = binom.cdf(most, ns, 1 - share) + binom.cdf(most, ns, share)
    return float((chances * np.where(most >= 0, found, 0)).sum())


def smallest_difference(
    items: int, discordant: float = DISCORDANT, *, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """The smallest true difference (a share of items) that `items` paired items show with this power; None where not
    even one by which all discordant items fall to one system is shown."""
    if items < 1 or mcnemar_power(items, discordant, discordant, alpha=alpha) < power:
        return None
    low, high = 0.0, discordant
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if mcnemar_power(items, middle, discordant, alpha=alpha) >= power else (middle, high)
    return high


def smallest_mean_difference(error: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The same for scores, from the standard error of their mean difference, by the normal distribution."""
    from scipy.stats import norm

    return error * float(norm.ppf(1 - alpha / 2) + norm.ppf(power))


def _t_test(value: float, error: float | None, clusters: int) -> float:
    from scipy.stats import t

    if error is None:
        return 1.0
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * t.sf(abs(value) / error, clusters - 1))


def _by_group(values: Any, groups: Sequence[Hashable] | None) -> tuple[Any, Any]:
    """The sums of values, and how many they are, of each group; of each value where there are none."""
    import numpy as np

    if groups is None:
        return values, np.ones(len(values))
    unit = np.asarray(numbered(groups))
    return np.bincount(unit, weights=values), np.bincount(unit).astype(float)
