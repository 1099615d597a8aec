"""What annotators read beside the form: what is asked, in the form's own words, which keys serve, whom to ask."""

from __future__ import annotations

from collections.abc import Iterator

from bezoar_data.config.errors import InputError
from bezoar_data.review.protocol import scales
from bezoar_data.review.task import UNSTATED, ReviewTask
from bezoar_data.steps.judges.rubric import ComparisonRubric, Rubric, load_rubric

_MOST = 10_000
"""Argilla's limit on guidelines, in characters."""

_CHOOSE = (
    "Read the instruction and both answers, then choose the better one. Which answer stands first was drawn by lot."
)
_ACCEPT = "Read the instruction and the response, then accept or reject the response."
_DECIDE = "Others were evenly divided on these rows: decide for yourself, your answer is the one that counts."

_BETTER = """**The answer**

- **First**, **Second**: it is the better answer
- **Equally good**: you would not mind which of the two you get"""
_RATE = "Read the instruction and the response, then rate the response on five scales, each by itself."
_RATE_BOTH = (
    "Read the instruction and both answers. Rate the first on five scales, each by itself, then the second in the same "
    "way, and say at last which is better. Which answer stands first was drawn by lot."
)
_PROMPTS = """**The same instruction again**

Where two responses to one instruction follow each other, compare them while you rate: equal levels are to mean the
same."""
_SKIP = """**What to discard**

Discard a row that shows private facts of a person, is not in a language that you read well, or asks for something that
you cannot check: somebody else rates it."""
_VERDICT = """**The answer**

- **Accept**: it does what was asked, and can be used as it is
- **Reject**: it does not"""

_LEVELS = "0 not at all, 1 a little, 2 partly, 3 mostly, 4 fully"
_AMOUNTS = {
    "complexity": "0 anyone could write it, 2 it takes some knowledge, 4 it takes an expert",
    "verbosity": "0 as short as can be, 2 as long as is usual, 4 very long",
}
_RATINGS = "**Ratings, each from 0 to 4: leave out what you cannot tell**"

_CORRECT = """**A corrected response**

Write one only where few changes make the response good, and write all of it: it takes the response's place. Accept or
reject what is there, not what you have written."""
_LICENCE = "What you write may be used under {licence}: write it only if you may give it away like that."

_SUBMIT = """**Submit, draft, discard**

Submit what you are sure of. Save as a draft what you want to come back to. Discard what cannot be judged. Your answers
can be changed until they are pulled, and after that they can be pulled again."""
_KEYS = """**Keys**

1, 2, 3 … choose an option. Tab goes to the next question, Shift+Enter into a text, Esc out of it. Enter submits, Ctrl+S
(Cmd+S) saves a draft, Backspace discards. → and ← go to the next record and back."""
_ASK = "**Questions**\n\nAsk {contact}."
_SOMEBODY = "the person who gave you this to review"


def guidelines(task: ReviewTask, *, deciding: bool = False) -> str:
    """The guidelines; `deciding` is for whoever is given what others are divided on. What counts is the judge's rubric,
    so that people and judge answer the same question: it is cut first where all is too long for Argilla."""
    if task.protocol:  # whoever is asked as the fourth or fifth reads what the others read
        parts = [_RATE_BOTH if task.compares else _RATE, *_scales(), *([] if task.compares else [_PROMPTS]), _SKIP]
    else:
        opening = _CHOOSE if task.compares else _ACCEPT
        parts = [f"{opening} {_DECIDE}" if deciding else opening, *_form(task)]
    parts += [_SUBMIT, _KEYS, _ASK.format(contact=task.contact or _SOMEBODY)]
    left = _MOST - len("\n\n".join(parts)) - 2
    return "\n\n".join([parts[0], *(part[:left] for part in _rubric(task)), *parts[1:]])[:_MOST]


def _form(task: ReviewTask) -> list[str]:
    """What the questions of the form mean."""
    if task.compares:
        return [_BETTER]
    scales = "\n".join(f"- **{name.capitalize()}**: {_AMOUNTS.get(name, _LEVELS)}" for name in task.attributes)
    told = f" {_LICENCE.format(licence=task.licence)}" if task.licence not in ("", UNSTATED) else ""
    return [_VERDICT, *([f"{_RATINGS}\n\n{scales}"] if scales else []), _CORRECT + told]


def _scales() -> Iterator[str]:
    """The protocol's scales, with what each level means."""
    for name, scale in scales():
        levels = "\n".join(f"- **{level}**: {words}" for level, words in enumerate(scale.levels))
        yield f"**{name.capitalize()}**\n\n{scale.question}\n\n{levels}"


def _rubric(task: ReviewTask) -> list[str]:
    if not task.rubric or task.protocol:
        return []
    try:
        criteria = (
            load_rubric(task.rubric, ComparisonRubric).criteria
            if task.compares
            else load_rubric(task.rubric, Rubric).criteria
        )
    except InputError:  # a rubric file that lies elsewhere now
        return [f"The judge went by the rubric `{task.rubric}`, which is not here."]
    points = "\n".join(f"- **{one.name}**: {one.question}" for one in criteria)
    return [f"**What counts**\n\n{points}"]
