"""What moves a judge that should not: the place an answer stands in, its length, and chance.

Position and length are the biases that Zheng et al. (2023, arXiv 2306.05685, section 3.3) found in model judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bezoar_data.measures.intervals import UNDEFINED, Estimate, bootstrap, exact_share, grouped_share, rounded


@dataclass(frozen=True, slots=True)
class Swapped:
    """Comparisons asked in both orders. `table` counts rows by (said when a stood first, said when b stood first).

    `consistent` is the share of rows whose verdict did not change with the order. Of the rows where it did, `first`
    leaned towards whatever stood first and `second` towards whatever stood second; `towards_first` is the share of the
    former, half where the place does not matter: an interval that leaves out one half shows a bias.
    """

    table: tuple[tuple[tuple[str, str], int], ...]
    consistent: Estimate
    first: int
    second: int
    towards_first: Estimate

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": sum(n for _, n in self.table),
            "consistent": self.consistent.as_json(),
            "leaned_to_first": self.first,
            "leaned_to_second": self.second,
            "towards_first": self.towards_first.as_json(),
            "biased": is_off(self.towards_first, 0.5),
        }


def swapped(ab: Sequence[str], ba: Sequence[str], *, groups: Sequence[Hashable] | None = None) -> Swapped:
    """What comparisons in both orders show. Labels are `a`, `b` and `tie`, by answer and not by place."""
    lean = {"a": 1, "b": -1}
    leans = [lean.get(x, 0) - lean.get(y, 0) for x, y in zip(ab, ba, strict=True)]
    first, second = sum(v > 0 for v in leans), sum(v < 0 for v in leans)
    return Swapped(
        table=tuple(sorted(Counter(zip(ab, ba, strict=True)).items())),
        consistent=grouped_share([x == y for x, y in zip(ab, ba, strict=True)], groups),
        first=first,
        second=second,
        towards_first=exact_share(first, first + second),
    )


@dataclass(frozen=True, slots=True)
class LengthEffect:
    """What length does to a judge's error: its mean error on the shortest and on the longest third of the rows, and
    how much higher the latter is. An interval of `effect` that leaves out zero shows a bias."""

    short: float
    long: float
    effect: Estimate

    def as_json(self) -> dict[str, Any]:
        return {
            "shortest_third": rounded(self.short),
            "longest_third": rounded(self.long),
            "effect": self.effect.as_json(),
            "biased": is_off(self.effect, 0.0),
        }


def length_effect(
    errors: Sequence[float], lengths: Sequence[int], *, groups: Sequence[Hashable] | None = None
) -> LengthEffect | None:
    """What length does to `errors` (judge minus human, row by row). None where a third of the rows would be empty.

    The thirds are cut at ranks of length; rows as long as those at the cut go with it, so that the same text never
    falls on both sides.
    """
    import numpy as np

    if len(errors) < 3:
        return None
    low, high = np.quantile(np.asarray(lengths), [1 / 3, 2 / 3], method="inverted_cdf")
    values = sorted(set(errors))
    number = {value: i for i, value in enumerate(values)}
    m = len(values)
    third = [0 if length <= low else 2 if length > high else 1 for length in lengths]
    if 0 not in third or 2 not in third:
        return None
    codes = [t * m + number[e] for t, e in zip(third, errors, strict=True)]
    scale = np.asarray(values, dtype=float)

    def mean(counts: Any, t: int) -> Any:
        part = counts[..., t * m : (t + 1) * m]
        with np.errstate(divide="ignore", invalid="ignore"):
            return part @ scale / part.sum(axis=-1)

    counts = np.bincount(codes, minlength=3 * m)
    effect = bootstrap(codes, 3 * m, lambda c: mean(c, 2) - mean(c, 0), groups=groups)
    return LengthEffect(float(mean(counts, 0)), float(mean(counts, 2)), effect)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A judge asked several times about the same rows. `agreement` is the chance that two of its verdicts on a row are
    equal, `unanimous` the share of rows on which all are."""

    rows: int
    agreement: Estimate
    unanimous: Estimate

    def as_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "agreement": self.agreement.as_json(), "unanimous": self.unanimous.as_json()}


def repeated(samples: Sequence[Sequence[str]], *, groups: Sequence[Hashable] | None = None) -> Repeated:
    """How far a judge agrees with itself. Rows with fewer than two labels say nothing and are left out."""
    import numpy as np

    kept = [(i, labels) for i, labels in enumerate(samples) if len(labels) > 1]
    if not kept:
        return Repeated(0, UNDEFINED, UNDEFINED)
    shares = [_pairs_equal(labels) for _, labels in kept]
    values = sorted(set(shares))
    codes = [values.index(s) for s in shares]
    mine = None if groups is None else [groups[i] for i, _ in kept]
    scale = np.asarray([float(v) for v in values])
    unanimous = grouped_share([s == 1 for s in shares], mine)
    # Where all rows are alike, resampling shows no variation: then the interval is that of the share of such rows.
    alike = unanimous if values == [1] else grouped_share([False] * len(kept), mine) if values == [0] else None
    agreement = alike or bootstrap(codes, len(values), lambda c: c @ scale / c.sum(axis=-1), groups=mine)
    return Repeated(len(kept), agreement, unanimous)


def _pairs_equal(labels: Sequence[str]) -> Fraction:
    n = len(labels)
    return Fraction(sum(c * (c - 1) for c in Counter(labels).values()), n * (n - 1))


def is_off(estimate: Estimate, expected: float) -> bool:
    """Whether the interval leaves out the value that no bias would give."""
    if estimate.low is None or estimate.high is None:
        return False
    return not estimate.low <= expected <= estimate.high


@dataclass(frozen=True, slots=True)
class LongerChosen:
    """How often a judge and people choose the longer of two answers, on the rows where both choose one. An interval of
    `difference` that leaves out zero shows a bias."""

    rows: int
    judge: float
    people: float
    difference: Estimate

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "judge_longer": rounded(self.judge),
            "people_longer": rounded(self.people),
            "difference": self.difference.as_json(),
            "biased": is_off(self.difference, 0.0),
        }


def longer_chosen(
    judge: Sequence[str],
    people: Sequence[str],
    lengths: Sequence[tuple[int, int]],
    *,
    groups: Sequence[Hashable] | None = None,
) -> LongerChosen | None:
    """How often each chooses the longer answer; labels other than `a` and `b`, and answers of one length, are left
    out. None where nothing is left."""
    rows = [
        (int((x == "a") == (a > b)), int((y == "a") == (a > b)), i)
        for i, (x, y, (a, b)) in enumerate(zip(judge, people, lengths, strict=True))
        if x in ("a", "b") and y in ("a", "b") and a != b
    ]
    if not rows:
        return None
    n = len(rows)
    mine = None if groups is None else [groups[i] for _, _, i in rows]
    codes = [1 + x - y for x, y, _ in rows]
    difference = bootstrap(codes, 3, lambda c: (c[..., 2] - c[..., 0]) / c.sum(axis=-1), groups=mine)
    return LongerChosen(n, sum(x for x, _, _ in rows) / n, sum(y for _, y, _ in rows) / n, difference)
