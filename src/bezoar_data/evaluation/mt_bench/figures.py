"""Figures from verdicts: means with intervals by turn and category, win rates, and how far two judges agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from bezoar_data.evaluation.mt_bench.answers import Answers
from bezoar_data.evaluation.mt_bench.judges import Preferred, Rated
from bezoar_data.evaluation.mt_bench.reading import READINGS, Reading
from bezoar_data.evaluation.mt_bench.record import OVERALL, Figure, Preferences, Rates
from bezoar_data.measures.agreement import agreement, as_label
from bezoar_data.measures.bias import swapped
from bezoar_data.measures.intervals import rounded
from bezoar_data.measures.paired import clustered_error, mean_interval
from bezoar_data.measures.preferences import PREFERENCE, TURNED, WinRate, win_rate

Verdict = TypeVar("Verdict", Rated, Preferred)


def rates(judge: str, date: str, rated: Sequence[Rated]) -> Rates:
    return Rates(
        judge=judge,
        date=date,
        turns=len(rated),
        unreadable={how: sum(one.ratings[how] is None for one in rated) for how in READINGS},
        refused=sum(bool(one.said.refused) for one in rated),
        figures={how: {part: _figure(some, how) for part, some in _parts(rated)} for how in READINGS},
    )


def preferences(
    judge: str, date: str, preferred: Sequence[Preferred], reading: Reading, first: Answers, second: Answers
) -> Preferences:
    return Preferences(
        judge=judge,
        date=date,
        turns=len(preferred),
        unreadable={how: sum(one.verdict(how) is None for one in preferred) for how in READINGS},
        refused=sum(any(said.refused for said in one.said) for one in preferred),
        win_rates={how: dict(_win_rates(preferred, how, first, second)) for how in READINGS},
        swapped=_swapped(preferred, reading),
    )


def ratings_agree(first: Sequence[Rated], second: Sequence[Rated], reading: Reading) -> dict[str, Any] | None:
    """How far two judges rate the same turns alike: those that can be read of both."""
    pairs = [(a, a.ratings[reading], b.ratings[reading]) for a, b in zip(first, second, strict=True)]
    both = [(one.question.id, as_label(a), as_label(b)) for one, a, b in pairs if a is not None and b is not None]
    return _agreement(both)


def winners_agree(first: Sequence[Preferred], second: Sequence[Preferred], reading: Reading) -> dict[str, Any] | None:
    pairs = [(a, a.verdict(reading), b.verdict(reading)) for a, b in zip(first, second, strict=True)]
    return _agreement([(one.question.id, a, b) for one, a, b in pairs if a is not None and b is not None])


def _agreement(both: Sequence[tuple[str, str, str]]) -> dict[str, Any] | None:
    if not both:
        return None
    groups, first, second = zip(*both, strict=True)
    return agreement(first, second, groups=groups).as_json()


def _parts(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, Sequence[Verdict]]]:
    """All of them, those of each turn, and those of each category."""
    yield OVERALL, verdicts
    for turn in sorted({one.turn for one in verdicts}):
        yield f"turn {turn + 1}", [one for one in verdicts if one.turn == turn]
    for category in dict.fromkeys(one.question.category for one in verdicts):
        yield category, [one for one in verdicts if one.question.category == category]


def _figure(rated: Sequence[Rated], reading: Reading) -> Figure:
    read = [(one.question.id, value) for one in rated if (value := one.ratings[reading]) is not None]
    if not read:
        return Figure(turns=0, value=None, error=None, low=None, high=None)
    groups, values = zip(*read, strict=True)
    error, _ = clustered_error(values, groups)
    low, high = mean_interval(values, groups)
    mean = sum(values) / len(values)
    return Figure(turns=len(values), value=mean, error=error, low=rounded(low), high=rounded(high))


def _win_rates(
    preferred: Sequence[Preferred], reading: Reading, first: Answers, second: Answers
) -> Iterator[tuple[str, WinRate]]:
    for part, some in _parts(preferred):
        read = [(one, verdict) for one in some if (verdict := one.verdict(reading)) is not None]
        if read:
            scores, groups = [PREFERENCE[verdict] for _, verdict in read], [one.question.id for one, _ in read]
            a, b = ([side[one.question.id, one.turn].text for one, _ in read] for side in (first, second))
            yield part, win_rate(scores, a, b, groups)


def _swapped(preferred: Sequence[Preferred], reading: Reading) -> Any:
    """By answer and not by place, as `measures.bias` wants them."""
    read = [(one.question.id, a, TURNED[b]) for one in preferred for a, b in [one.winners[reading]] if a and b]
    if not read:
        return None
    groups, ab, ba = zip(*read, strict=True)
    return swapped(ab, ba, groups=groups)
