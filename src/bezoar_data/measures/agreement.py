"""How far two raters agree: share of equal labels, Cohen's kappa, weighted kappa, and where they part.

Kappa (Cohen 1960) is agreement beyond what the raters' habits alone would give by chance; weighted kappa (Cohen 1968)
counts near misses for ratings. HelpSteer2 reports quadratic-weighted kappa for its annotators (arXiv 2406.08673). The
values are those of scikit-learn's `cohen_kappa_score`, which the tests compare them with; they are computed here from
counts, so that thousands of resamples cost no more than a few.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from bezoar_data.measures.intervals import LEVEL, RESAMPLES, SEED, Estimate, bootstrap, grouped_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_LARGEST_SCALE = 101


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two raters agree on the rows that both rated.

    `table[i][j]` counts the rows that the first gave `labels[i]` and the second `labels[j]`. `weighted_kappa`
    (quadratic) and `difference` (mean of first minus second) are for ratings only, and None for other labels.
    """

    labels: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    share: Estimate
    kappa: Estimate
    weighted_kappa: Estimate | None
    difference: Estimate | None

    @property
    def rows(self) -> int:
        return sum(map(sum, self.table))

    def as_json(self) -> dict[str, Any]:
        ratings = {"weighted_kappa": self.weighted_kappa, "difference": self.difference}
        return {
            "rows": self.rows,
            "agreement": self.share.as_json(),
            "kappa": self.kappa.as_json(),
            **{name: estimate.as_json() for name, estimate in ratings.items() if estimate is not None},
            "labels": list(self.labels),
            "table": [list(row) for row in self.table],
        }


def agreement(
    first: Sequence[str],
    second: Sequence[str],
    *,
    groups: Sequence[Hashable] | None = None,
    labels: Sequence[str] | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Agreement:
    """How far two raters agree; `first[i]` and `second[i]` are of the same row.

    Intervals are bootstrapped over `groups` of rows (see `intervals.bootstrap`; for the share `grouped_share`). Where
    two raters agree on every row, no resample shows otherwise, and kappa's interval is no wider than 1: look at that of
    the share. `labels` is the scale where it is known: of ratings, levels between the lowest and the highest that were
    given count as part of it by themselves.
    """
    scale = tuple(labels) if labels is not None else scale_of((*first, *second))
    number = {label: i for i, label in enumerate(scale)}
    k = len(scale)
    codes = [number[a] * k + number[b] for a, b in zip(first, second, strict=True)]
    values = ratings_of(scale)

    def estimate(statistic: Any) -> Estimate:
        return bootstrap(codes, k * k, statistic, groups=groups, level=level, resamples=resamples, seed=seed)

    counted = Counter(codes)
    return Agreement(
        labels=scale,
        table=tuple(tuple(counted[i * k + j] for j in range(k)) for i in range(k)),
        share=grouped_share([a == b for a, b in zip(first, second, strict=True)], groups, level=level),
        kappa=estimate(lambda c: kappa(c, k)),
        weighted_kappa=estimate(lambda c: kappa(c, k, values)) if values else None,
        difference=estimate(lambda c: _difference(c, values)) if values else None,
    )


def kappa(counts: Any, k: int, values: Sequence[float] | None = None) -> Array:
    """Cohen's kappa of tables given as counts of shape (..., k * k); quadratic-weighted for the ratings `values`.

    NaN where chance alone explains all: both raters gave one and the same label throughout, or there are no rows.
    """
    import numpy as np

    tables = np.asarray(counts, dtype=float).reshape(*np.shape(counts)[:-1], k, k)
    if values is None:
        apart = 1.0 - np.eye(k)
    else:
        scale = np.asarray(values, dtype=float)
        apart = (scale[:, None] - scale[None, :]) ** 2
    expected = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = (apart * expected).sum(axis=(-2, -1)) / tables.sum(axis=(-2, -1))
        result: Array = 1.0 - (apart * tables).sum(axis=(-2, -1)) / chance
    return np.where(chance > 0, result, np.nan)


def pairs_of_people(
    verdicts: Sequence[Mapping[str, str | None]],
) -> tuple[list[str], list[str], list[int]]:
    """Every two people's verdicts on one row, in the order of their names; and the row's number, as a group."""
    first, second, groups = list[str](), list[str](), list[int]()
    for number, said in enumerate(verdicts):
        given = sorted((name, verdict) for name, verdict in said.items() if verdict)
        for (_, one), (_, other) in combinations(given, 2):
            first.append(one)
            second.append(other)
            groups.append(number)
    return first, second, groups


def as_label(value: Any) -> str:
    """A value as a label: 4, 4.0 and "4" are the same one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def as_number(value: Any) -> float | None:
    """A value as a number; None where it is none, or is not finite."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def scale_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels in order. Whole numbers become the scale from the lowest to the highest: a level that nobody gave is
    still a step between its neighbours."""
    found = sorted(set(labels))
    values = ratings_of(found)
    if not values:
        return tuple(found)
    if all(v == int(v) for v in values) and max(values) - min(values) < _LARGEST_SCALE:
        whole = {int(v): label for v, label in zip(values, found, strict=True)}
        return tuple(whole.get(v, str(v)) for v in range(min(whole), max(whole) + 1))
    return tuple(sorted(found, key=float))


def ratings_of(labels: Sequence[str]) -> tuple[float, ...]:
    """The labels as numbers; empty unless all of them are numbers."""
    try:
        values = tuple(float(label) for label in labels)
    except ValueError:
        return ()
    return values if all(map(math.isfinite, values)) and len(set(values)) == len(values) else ()


def _difference(counts: Any, values: Sequence[float]) -> Array:
    import numpy as np

    scale = np.asarray(values)
    result: Array = counts @ (scale[:, None] - scale[None, :]).ravel() / counts.sum(axis=-1)
    return result
