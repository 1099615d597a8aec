"""Reading attribute scores and comparisons out of what a judge said: never guessed, see `reading`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.steps.judges.reading import one_of, read_object, reason_in, whole_number
from bezoar_data.steps.judges.rubric import ATTRIBUTES, LEVELS, Side

NOT_RATED = "not rated"
_SAFETY = {word: safe for safe, words in ((True, ("pass", "passed")), (False, ("fail", "failed"))) for word in words}
_SIDES: dict[str, Side] = {
    "first": "first",
    "first response": "first",
    "first_response": "first",
    "the first": "first",
    "second": "second",
    "second response": "second",
    "second_response": "second",
    "the second": "second",
    "tie": "tie",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """The attributes by name, from 0 to 4, and whether the answer is safe; None: a reward model does not say it."""

    attributes: Mapping[str, int]
    safe: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the two responses shown is better."""

    better: Side
    reason: str


def read_scores(text: str, shown: str = "") -> Scores:
    """The one set of scores in `text`. Raises `Unreadable`."""

    def read(value: dict[str, Any]) -> tuple[object, Scores]:
        attributes = {name: whole_number(value.get(name), LEVELS, name) for name in ATTRIBUTES}
        said = value.get("safety")
        safe = None if said == NOT_RATED else one_of(said, _SAFETY, "safety", '"pass" or "fail"')
        return (attributes, safe), Scores(attributes, safe, reason_in(value))

    return read_object(text, (*ATTRIBUTES, "safety"), read, shown)


def read_choice(text: str, shown: str = "") -> Choice:
    """The one comparison in `text`. Raises `Unreadable`."""

    def read(value: dict[str, Any]) -> tuple[object, Choice]:
        better = one_of(value.get("better"), _SIDES, "better", '"first", "second" or "tie"')
        return better, Choice(better, reason_in(value))

    return read_object(text, ("better",), read, shown)
