"""Choosing the rating from which a judge's verdict is good enough, on rows that people have labelled.

The question is: from which rating up are at least 90 % (say) of the rows good? A cut chosen because its share of good
rows looks high is flattered by chance: among several cuts, the one that had luck is chosen, and its own interval no
longer holds. So all cuts get their intervals at once: Clopper-Pearson intervals at the level 1 - alpha/m for m cuts
(Bonferroni), which are all true together with a probability of at least 1 - alpha, and hence also that of the cut
chosen, however it was chosen. Chosen is the lowest cut whose interval lies at or above the wanted precision: of the
cuts that are shown to be good enough, the one that keeps most rows. This is Learn then Test with Bonferroni's
correction (Angelopoulos et al. 2021, arXiv 2110.01052) for precision.

It holds for a labelled sample drawn at random from the rows it is used for, one independent row each; rows that come of
the same seeds are not, so take one of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.measures.intervals import LEVEL, Estimate, exact_share, rounded

_MOST_NEEDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Cut:
    """A rating from which rows are taken: how many of the sample that takes, how many of them are good, and what that
    says of precision (good among taken) and of yield (taken among the good)."""

    rating: float
    taken: int
    good: int
    precision: Estimate
    recall: Estimate

    def as_json(self) -> dict[str, Any]:
        return {
            "rating": rounded(self.rating),
            "taken": self.taken,
            "good": self.good,
            "precision": self.precision.as_json(),
            "recall": self.recall.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """`chosen` is None where no cut is shown to be good enough. `needed` then says how many labelled rows at the best
    cut would show it, were its share of good rows to stay as it is; None where none would."""

    wanted: float
    level: float
    rows: int
    good: int
    cuts: tuple[Cut, ...]
    chosen: Cut | None
    needed: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "wanted": self.wanted,
            "level": self.level,
            "rows": self.rows,
            "good": self.good,
            "cuts": [cut.as_json() for cut in self.cuts],
            "chosen": self.chosen.as_json() if self.chosen else None,
            "needed": self.needed,
        }


def calibrate(ratings: Sequence[float], good: Sequence[bool], wanted: float, *, level: float = LEVEL) -> Calibration:
    """The lowest rating cut whose precision is shown to be `wanted` or more. `good[i]` is what people said of row i."""
    rows = list(zip(ratings, good, strict=True))
    scale = sorted(set(ratings))
    each = 1 - (1 - level) / max(1, len(scale))
    all_good = sum(good)
    cuts = []
    for cut in scale:
        taken = [ok for rating, ok in rows if rating >= cut]
        precision = exact_share(sum(taken), len(taken), level=each)
        cuts.append(Cut(cut, len(taken), sum(taken), precision, exact_share(sum(taken), all_good, level=each)))
    chosen = next((cut for cut in cuts if (cut.precision.low or 0.0) >= wanted), None)
    needed = None if chosen else _needed(cuts, wanted, each)
    return Calibration(wanted, level, len(rows), all_good, tuple(cuts), chosen, needed)


def _needed(cuts: Sequence[Cut], wanted: float, level: float) -> int | None:
    """The fewest rows at the best cut that would show the wanted precision at its present share, to about 1 %."""
    best = max((cut.precision.value or 0.0 for cut in cuts), default=0.0)
    if best <= wanted:
        return None
    n = 8
    while n < _MOST_NEEDED:
        if (exact_share(round(best * n), n, level=level).low or 0.0) >= wanted:
            return n
        n = max(n + 1, int(n * 1.01))
    return None
