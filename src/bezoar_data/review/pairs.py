"""Pairs of answers of two models in Argilla: is each acceptable, and which is better, in five levels.

Argilla holds the texts alone: which model gave which answer stands neither in a record, its id, its metadata nor its
place, and not in the dataset's name. Whoever reads all that the server holds is as blind as an annotator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.words import is_blank
from bezoar_data.review.client import ArgillaClient, argilla_sdk
from bezoar_data.review.questions import shown
from bezoar_data.review.records import Form, Pushed, send
from bezoar_data.review.task import FIRST, SECOND
from bezoar_data.runs.reviewed import by_row
from bezoar_data.runs.row import digest

FORMAT = 1
_LEVELS = {
    "first_clearly": ("The first, clearly", -2),
    "first_slightly": ("The first, slightly", -1),
    "tie": ("Neither", 0),
    "second_slightly": ("The second, slightly", 1),
    "second_clearly": ("The second, clearly", 2),
}
"""By the name of the option: its title, and how much better the second answer is."""
_ACCEPTABLE = {"yes": "Acceptable", "no": "Not acceptable"}
_EMPTY = "(The answer is empty.)"
_GUIDELINES = """
Read the prompt and both answers. Which answer stands first was drawn by lot.

**Acceptable** is an answer that does what was asked, without mistakes of weight, in words that can be sent as they are.
Judge each answer by itself: both may be acceptable, or none.

**Better** is the answer that is more help to the person who asked. A long answer is not better for its length. Choose
"Neither" where you would not mind which of the two you get.

Submit what you are sure of. Save as a draft what you want to come back to. Discard what cannot be judged. Your answers
can be changed until they are pulled, and after that they can be pulled again."""


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A prompt and two answers, in the order in which they are shown."""

    id: str
    prompt: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Said:
    """What one person said of a pair. `level` is how much better the answer is that stands second, from -2 to 2."""

    pair: str
    person: str
    acceptable: tuple[bool, bool]
    level: int


def push_pairs(
    argilla: ArgillaClient, pairs: Sequence[ShownPair], comparison: str, *, workspace: str, name: str, overlap: int
) -> Pushed:
    """Push the pairs; those that are there are left as they are. `comparison` is what the dataset is known by. Raises
    `InputError`, `ProviderAway`."""

    def check(about: Mapping[str, Any]) -> None:
        if about.get("comparison") != comparison:
            message = f"Argilla has a dataset '{name}' of another comparison: other models, or another seed"
            raise InputError(Problem("other-dataset", message, hint="name another with --dataset"))

    form = Form(_settings(overlap), {"format": FORMAT, "comparison": comparison}, check, overlap)
    return send(argilla, workspace, name, form, {pair.id: _record(pair) for pair in pairs})


def said_in(answers: Sequence[Mapping[str, Any]], dataset: str) -> Iterator[Said]:
    """What was submitted to a dataset, of pulled answers: one by each person to each pair that nobody edited."""
    for (pair, _), reviewed in sorted(by_row([one for one in answers if one["dataset"] == dataset]).items()):
        for one in sorted(reviewed.answers, key=lambda answer: answer["annotator"]):
            other = json.loads(one["other"] or "{}")
            acceptable = other.get(_acceptable(FIRST)) == "yes", other.get(_acceptable(SECOND)) == "yes"
            if one["preference"] in _LEVELS:
                yield Said(pair, one["annotator"], acceptable, _LEVELS[one["preference"]][1])


def _settings(overlap: int) -> Any:
    rg = argilla_sdk()
    fields = {"prompt": "Prompt", FIRST: "First answer", SECOND: "Second answer"}
    questions = [
        *(
            rg.LabelQuestion(_acceptable(place), _ACCEPTABLE, f"Is the {place} answer acceptable?")
            for place in (FIRST, SECOND)
        ),
        rg.LabelQuestion(
            "preference", {name: title for name, (title, _) in _LEVELS.items()}, "Which answer is better?"
        ),
        rg.TextQuestion("comment", "Comment", required=False),
    ]
    return rg.Settings(
        fields=[rg.TextField(name, title, required=True) for name, title in fields.items()],
        questions=questions,
        guidelines=_GUIDELINES.strip(),
        allow_extra_metadata=True,
        distribution=rg.TaskDistribution(min_submitted=overlap),
    )


def _acceptable(place: str) -> str:
    return f"{place}_acceptable"


def _record(pair: ShownPair) -> dict[str, Any]:
    texts = {"prompt": pair.prompt, FIRST: pair.first, SECOND: pair.second}
    fields = {name: shown(_EMPTY if is_blank(text) else text) for name, text in texts.items()}
    held = digest("fields", fields)
    return {"id": pair.id, "fields": fields, "metadata": {"content_hash": held, "fields_hash": held}}
