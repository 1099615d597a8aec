"""How often one of two systems is preferred, and what its answers' length has to do with it.

Judges and people like longer answers, so no win rate stands alone: beside it are both systems' lengths and numbers of
different words, and how far the preference goes with either (Wang et al. 2023, arXiv 2306.04751, section 4.2, found
that GPT-4's follows the latter). With preferences between 0 and 1, rate and standard error are those of AlpacaEval.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bezoar_data.measures.intervals import LEVEL, RESAMPLES, SEED, UNDEFINED, Estimate, numbered, rounded
from bezoar_data.measures.paired import clustered_error, mean_interval
from bezoar_data.measures.words import words_of

Choice = Literal["a", "b", "tie"]
"""The first system's answer, the second's, or neither."""
PREFERENCE: Mapping[Choice, float] = {"a": 0.0, "tie": 0.5, "b": 1.0}
"""A choice as a preference for the second."""
TURNED: Mapping[Choice, Choice] = {"a": "b", "b": "a", "tie": "tie"}
"""The same choice with the two the other way round."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long an answer is."""

    characters: int
    unique: int | None = None
    """Different words; None where the text is not known."""


@dataclass(frozen=True, slots=True)
class WinRate:
    """The second of two systems against the first, each pair of answers to the same question."""

    items: int
    groups: int
    """Clusters of items: as many as items where each stands for itself."""
    wins: int
    ties: int
    losses: int
    rate: Estimate
    """The mean preference for the second: ties count one half."""
    error: float | None
    """The standard error of `rate`, clustered; None for fewer than two groups."""
    characters: tuple[float, float]
    """The mean length of the first's answers and of the second's."""
    unique: tuple[float, float] | None
    """The mean number of different words; None where texts are not known."""
    with_length: Estimate
    """Spearman's correlation of the preference with how much longer the second's answer is; with its interval."""
    with_unique: Estimate
    """The same with how many more different words it has."""

    def as_json(self) -> dict[str, Any]:
        unique = list(map(rounded, self.unique)) if self.unique is not None else None
        return {
            "items": self.items, "groups": self.groups, "wins": self.wins, "ties": self.ties, "losses": self.losses,
            "win_rate": self.rate.as_json(), "error": rounded(self.error),
            "characters": list(map(rounded, self.characters)), "unique_words": unique,
            "correlation_with_length": self.with_length.as_json(),
            "correlation_with_unique_words": self.with_unique.as_json(),
        }  # fmt: skip


def size_of(text: str) -> Size:
    return Size(len(text), len(set(words_of(text))))


def win_rate(
    scores: Sequence[float],
    first: Sequence[str | Size],
    second: Sequence[str | Size],
    groups: Sequence[Hashable] | None = None,
) -> WinRate:
    """How often the second system is preferred: `scores[i]` is 1 where its answer `second[i]` is better, 0 where
    `first[i]` is, 0.5 for a tie; a judge that is not sure may say anything between.

    `groups` mark items that belong together (turns of one question). Raises `ValueError` where there are no items, or
    not as many answers as scores.
    """
    if not scores or not len(scores) == len(first) == len(second):
        raise ValueError(f"{len(scores)} preferences, {len(first)} and {len(second)} answers")
    error, clusters = clustered_error(scores, groups)
    low, high = mean_interval(scores, groups)
    sizes = [(_size(a), _size(b)) for a, b in zip(first, second, strict=True)]
    known = all(size.unique is not None for pair in sizes for size in pair)
    lengths = [(a.characters, b.characters) for a, b in sizes]
    words = [(a.unique or 0, b.unique or 0) for a, b in sizes]
    return WinRate(
        items=len(scores),
        groups=clusters,
        wins=sum(score > 0.5 for score in scores),
        ties=sum(score == 0.5 for score in scores),
        losses=sum(score < 0.5 for score in scores),
        rate=Estimate(_mean(scores), low, high),
        error=error,
        characters=_means(lengths),
        unique=_means(words) if known else None,
        with_length=rank_correlation(scores, [b - a for a, b in lengths], groups),
        with_unique=rank_correlation(scores, [b - a for a, b in words], groups) if known else UNDEFINED,
    )


def rank_correlation(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Estimate:
    """Spearman's correlation (as scipy's `spearmanr`) with the percentile bootstrap interval over groups, in which the
    ranks stay those of all items. Not defined where either is the same throughout."""
    import numpy as np
    from scipy.stats import rankdata

    if len(set(first)) < 2 or len(set(second)) < 2:
        return UNDEFINED
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    unit = numbered(groups or range(len(a)))
    count = len(set(unit))
    # Of each unit: items, both sums, both sums of squares, sum of products; a draw of units is a sum of these.
    sums = np.stack([np.bincount(unit, weights=w) for w in (np.ones(len(a)), a, b, a * a, b * b, a * b)], 1)

    def correlation(total: Any) -> Any:
        n, x, y, xx, yy, xy = np.moveaxis(total, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y))

    value = float(correlation(sums.sum(0)))
    drawn = correlation(np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples) @ sums)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)])
    return Estimate(value, float(low), float(high))


def _size(answer: str | Size) -> Size:
    return size_of(answer) if isinstance(answer, str) else answer


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return _mean([a for a, _ in pairs]), _mean([b for _, b in pairs])
