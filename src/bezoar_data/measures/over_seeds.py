"""Whether two ways of training differ, from several trainings of each on the same items.

Both the items and the seeds are draws: with other questions, and with another training, other scores would have come.
An interval over items alone takes the luck of a training for an effect; one over seeds alone, of which there are few,
shows next to nothing. So the variance of the mean difference is that of a two-way layout of items and seeds, seed by
seed paired (Hillis 2007, doi:10.1002/sim.2532, whose readers are our seeds and whose cases are our items), with his
degrees of freedom: near those of the items where seeds make no difference, one less than the seeds where they make all.
Items of a group are one draw (Miller 2024, arXiv 2411.00640). One training of each can say nothing of seeds; its
interval is over items alone.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.measures.intervals import numbered, rounded
from bezoar_data.measures.paired import ALPHA, DISCORDANT, POWER, clustered_error

AGAIN = 0.5
"""The share of an item's difference that comes again with every seed, where nothing is known of it. Ours."""
SEED_SPREAD = 0.01
"""How far the difference of two trainings of one kind lies from that of others (standard deviation, of a score from 0
to 1), where nothing is known of it. Ours; ten pretrainings of one model spread by 0.002 to 0.02 on usual tasks (Madaan
et al. 2024, arXiv 2406.10229, table 1)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The mean over seeds and items of the second's score less the first's."""

    seeds: int
    items: int
    groups: int
    first: float
    second: float
    value: float
    error: float | None
    """Its standard error, over items and seeds together; None where neither items nor seeds tell one."""
    by_seeds: float | None
    """The standard error over seeds alone; None with one seed."""
    freedom: float
    low: float
    high: float
    p: float

    def as_json(self) -> dict[str, Any]:
        numbers = ("first", "second", "value", "error", "by_seeds", "low", "high")
        return {
            "seeds": self.seeds, "items": self.items, "groups": self.groups,
            **{name: rounded(getattr(self, name)) for name in numbers},
            "freedom": round(self.freedom, 2), "p": self.p,
        }  # fmt: skip


def effect(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], groups: Sequence[Hashable] | None = None
) -> Effect:
    """How the second differs from the first; `first[s][i]` and `second[s][i]` are scores of item i after training s.

    Raises `ValueError` where there are no items, or not as many on either side.
    """
    import numpy as np

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.ndim != 2 or a.shape != b.shape or not a.size:
        raise ValueError(f"scores of {a.shape} and {b.shape} are not pairs")
    apart, (seeds, items) = b - a, a.shape
    value = float(apart.mean())
    by_items, count = clustered_error(apart.mean(axis=0), groups)
    by_seeds, freedom = None, float(count - 1)
    error = by_items
    if seeds > 1:
        by_seeds = float(apart.mean(axis=1).std(ddof=1)) / math.sqrt(seeds)
        rest = apart - apart.mean(axis=0) - apart.mean(axis=1, keepdims=True) + value
        cells = [(s, group) for s in range(seeds) for group in (groups or range(items))]
        chance = _rest_error(rest, cells, count)
        # Few seeds may lie close together by luck, but never vary less than the chance that is in each of their items.
        of_seeds = max(by_seeds, chance)
        error = math.sqrt(of_seeds**2 + max((by_items or 0.0) ** 2 - chance**2, 0.0))
        freedom = (seeds - 1) * (error / by_seeds) ** 4 if by_seeds else float(count - 1)
        freedom = min(freedom, float(max(count, seeds) - 1))
    p, half = _test(value, error, freedom)
    return Effect(
        seeds, items, count, float(a.mean()), float(b.mean()), value, error, by_seeds, freedom,
        value - half, value + half, p,
    )  # fmt: skip


def smallest_effect(
    items: int, seeds: int, *, comparisons: int = 1, discordant: float = DISCORDANT, alpha: float = ALPHA
) -> float | None:
    """The smallest true difference that so many items and trainings show with a power of 80 %, told before anything is
    known: two models that differ on a share `discordant` of the items, half of them with every seed again, and
    trainings that spread as `SEED_SPREAD` says. Corrected for so many comparisons (Holm's first step). None where no
    difference up to one is shown."""
    from scipy.stats import t

    per_seed = (1 - AGAIN) * discordant / items + SEED_SPREAD**2
    by_seeds, by_items = per_seed / seeds, AGAIN * discordant / items
    error = math.sqrt(by_seeds + by_items)
    freedom = min((seeds - 1) * ((by_seeds + by_items) / by_seeds) ** 2, items - 1) if seeds > 1 else items - 1
    if freedom <= 0:
        return None
    shown = error * float(t.ppf(1 - alpha / 2 / comparisons, freedom) + t.ppf(POWER, freedom))
    return float(shown) if shown <= 1 else None


def _rest_error(rest: Any, cells: Sequence[Hashable], groups: int) -> float:
    """The standard error of the mean that the rest of each group in each seed gives, as if cells were draws by
    themselves."""
    import numpy as np

    seeds = len(rest)
    sums = np.bincount(numbered(cells), weights=rest.ravel())
    fewer = groups / max(groups - 1, 1) * seeds / (seeds - 1)
    return math.sqrt(fewer * float((sums**2).sum())) / float(rest.size)


def _test(value: float, error: float | None, freedom: float) -> tuple[float, float]:
    """The two-sided p value of no difference, and half the width of the 95 % interval."""
    from scipy.stats import t

    if error is None or freedom <= 0:
        return 1.0, 1.0
    if error == 0:
        return (1.0 if value == 0 else 0.0), 0.0
    return float(2 * t.sf(abs(value) / error, freedom)), float(error * t.ppf(1 - ALPHA / 2, freedom))
