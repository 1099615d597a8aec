"""Whether two sets of figures have the same distribution: the Kolmogorov-Smirnov test for two samples (Smirnov 1939).

It looks at shape and place at once, whatever the figures are. Where many figures are equal, as ratings are, its p value
is too large rather than too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.measures.intervals import rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """So many figures, and where they lie; None where there are none."""

    count: int
    mean: float | None
    least: float | None
    median: float | None
    p95: float | None
    most: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        import numpy as np

        if not len(values):
            return cls(count=0, mean=None, least=None, median=None, p95=None, most=None)
        least, median, p95, most = np.percentile(values, [0, 50, 95, 100])
        return cls(
            count=len(values),
            mean=rounded(float(np.mean(values))),
            least=rounded(least),
            median=rounded(median),
            p95=rounded(p95),
            most=rounded(most),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributions:
    """Two sets of figures beside each other. `distance` is the largest difference between the shares of either that are
    no more than some figure; None, as `p`, where one is empty."""

    first: Spread
    second: Spread
    distance: float | None
    p: float | None


def distributions(first: Any, second: Any) -> Distributions:
    """How two sets of figures, as sequences or numpy arrays, differ. What is not a number is left out."""
    import numpy as np
    from scipy.stats import ks_2samp

    a, b = (values[~np.isnan(values)] for values in (np.asarray(one, dtype=float) for one in (first, second)))
    distance: float | None = None
    p: float | None = None
    if a.size and b.size:
        found = ks_2samp(a, b, method="asymp")
        distance, p = rounded(found.statistic), min(1.0, float(found.pvalue))
    return Distributions(first=Spread.of(a), second=Spread.of(b), distance=distance, p=p)
