"""HelpSteer2's protocol in Argilla: its questions, what its answers come to, and whom it asks.

Of two responses, which stands first is drawn for each row; in `review.parquet` `a` is the response of the first column,
as everywhere, and preferences are below zero where it is better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.measures.helpsteer import NAME, PEOPLE
from bezoar_data.measures.helpsteer_scales import LEVELS, SCALES
from bezoar_data.review.task import FIRST, SECOND, ReviewTask
from bezoar_data.runs.rated import PREFERENCE
from bezoar_data.steps.judges.rubric import Attribute, AttributeRubric, load_rubric

PROTOCOLS = (NAME,)
_LEVELS = {
    "first_much": ("The first is much better", -3),
    "first": ("The first is better", -2),
    "first_slightly": ("The first is slightly better", -1),
    "tie": ("Neither is better", 0),
    "second_slightly": ("The second is slightly better", 1),
    "second": ("The second is better", 2),
    "second_much": ("The second is much better", 3),
}
"""By the name of the option: its title, and how much better the second answer is."""
_RESPONSES = {FIRST: ("a_", "b_"), SECOND: ("b_", "a_")}
"""Which response stands there: as it is, and where the two are swapped."""


def known_protocol(name: str) -> str:
    """The protocol's name. Raises `InputError` where there is none of this name."""
    if name not in PROTOCOLS:
        message = f"there is no protocol '{name}'"
        raise InputError(Problem("unknown-protocol", message, hint=did_you_mean(name, PROTOCOLS)))
    return name


def refuse_other_wishes(attributes: Any, overlap: int | None, suggest: bool) -> None:
    """Raises `InputError` with all that does not go with the protocol."""
    problems = []
    if attributes:
        problems.append(Problem("not-of-protocol", "the protocol has scales of its own", hint="leave --attribute out"))
    if overlap is not None and overlap < PEOPLE:
        message = f"the protocol asks {PEOPLE} people about each row, not {overlap}"
        problems.append(Problem("not-of-protocol", message, hint=f"leave --overlap out: it is {PEOPLE}"))
    if suggest:
        message = "by the protocol people rate without seeing a judge's verdict"
        problems.append(Problem("not-of-protocol", message, hint="leave --suggest out"))
    if problems:
        raise InputError(problems)


def scales() -> Iterator[tuple[str, Attribute]]:
    """The scales with what they ask and what their levels mean: those of `judge.attributes`, so that people and that
    judge answer the same questions."""
    attributes = load_rubric(NAME, AttributeRubric).attributes
    yield from ((name, getattr(attributes, name)) for name in SCALES)


def questions(task: ReviewTask, rg: Any) -> list[Any]:
    """All are required but the comment. Two responses are rated one after the other, then compared."""
    places = (FIRST, SECOND) if task.compares else ("",)
    asked = [
        rg.RatingQuestion(
            f"{place}_{name}" if place else name,
            [*LEVELS],
            f"{name.capitalize()}{f' of the {place} answer' if place else ''}",
            "\n".join((scale.question, *(f"{level}: {words}" for level, words in enumerate(scale.levels)))),
        )
        for place in places
        for name, scale in scales()
    ]
    if task.compares:
        options = {name: title for name, (title, _) in _LEVELS.items()}
        asked.append(rg.LabelQuestion(PREFERENCE, options, "Which answer is better?"))
    return [*asked, rg.TextQuestion("comment", "Comment", required=False)]


def answered(values: Mapping[str, Any], *, swapped: bool) -> tuple[dict[str, int], str | None]:
    """The ratings of an answer, under the names that they have in `review.parquet`, and which response is better."""
    ratings = {name: values[name] for name in SCALES if name in values}
    for place, responses in _RESPONSES.items():
        side = responses[swapped]
        ratings |= {side + name: values[key] for name in SCALES if (key := f"{place}_{name}") in values}
    level = _LEVELS.get(str(values.get(PREFERENCE)), ("", None))[1]
    if level is None:
        return ratings, None
    strength = -level if swapped else level
    return {**ratings, PREFERENCE: strength}, "tie" if strength == 0 else "a" if strength < 0 else "b"
