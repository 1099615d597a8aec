"""From a worked-out solution to prose in the manner the system message asks for.

A skill finds *what* to say; this module decides *how*: numbered steps, a child's words, the option first, at length or
in a line. Keeping the two apart lets every skill serve every system message.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re
from dataclasses import dataclass

from .prompt import Prompt, Style
from .text import Pick, sentence


@dataclass(frozen=True, slots=True)
class Solution:
    """What a skill found out. All parts are whole sentences, save `product`, which is shown as it is.

    task: what is asked, said again. steps: how the answer comes about. answer: the conclusion. note: how sure it is
    and why. others: why the other options do not fit. product: a text that was asked for (a summary, a letter).
    """

    task: str
    steps: tuple[str, ...]
    answer: str
    note: str = ""
    others: tuple[str, ...] = ()
    product: str = ""


READING = (
    "This conclusion rests on the wording of the task alone, not on outside knowledge.",
    "The choice comes from comparing the words of the task with the words of each option, so a fact from outside could still change it.",
    "Note that this is a reading of the text: anyone with a reference book at hand should confirm the fact itself.",
    "The words given point this way; for certainty one would look the matter up in a reliable source.",
)
"""Notes for an answer that was read from words and not known."""

_OPENERS_STEPS = (
    "Let us take this one step at a time.",
    "The task can be worked through in a few steps.",
    "Here is the reasoning, step by step.",
    "To be sure of each move, the work is split into steps.",
)
_OPENERS_CHILD = (
    "Let us look at this together, as if it were a little puzzle.",
    "This is a bit like a game of finding the right piece.",
    "Imagine we are sitting on the floor with our toy blocks and sorting this out together.",
    "Good question! Let us think about it slowly and in small words.",
)
_CLOSERS_CHILD = (
    "And that is all there is to it!",
    "See, when we look at one small piece at a time, it is not so hard.",
    "Just like a puzzle, each piece went into its own place.",
    "If you want, you can check it yourself by reading it once more and pointing at the words.",
)
_OPENERS_GUIDE = (
    "The definition tells us what counts, so the answer has to follow from it.",
    "The guideline given with the task decides what a good answer looks like here.",
    "First comes the rule we were given, then the case it has to be applied to.",
)
_CHECKS = (
    "To check the result, one can read the task once more and see whether each part of it has been dealt with.",
    "It also helps to say the task again in one's own words, because that shows whether anything was left out.",
    "The same path can be followed by anyone with the task in front of them, which makes the answer easy to check.",
    "A second look at the task, with the answer in mind, is the simplest test there is.",
)


_LINK = re.compile(r"^(?:So|Hence|Therefore|Taken together,|Thus)\s+")
"""Words that tie a conclusion to what stands before it: nothing does when the option comes first."""


def compose(prompt: Prompt, solution: Solution, pick: Pick) -> str:
    """The answer as one text of short paragraphs."""
    style = prompt.style
    task, answer = sentence(solution.task), sentence(solution.answer)
    steps = tuple(sentence(s) for s in solution.steps if s)
    if style.brief:
        return "\n\n".join(p for p in (solution.product, answer) if p)

    opening = _opening(style, prompt, task, pick)
    blocks: list[str] = []
    if style.option_first and solution.others:
        blocks = [sentence(_LINK.sub("", answer)), _join(opening, *steps), _others(solution), solution.note]
    elif style.steps:
        blocks = [opening, _numbered(steps), solution.product, _join(answer, solution.note)]
    elif style.child:
        blocks = [opening, _join(*steps), solution.product, _join(answer, solution.note, pick.one(_CLOSERS_CHILD))]
    else:
        blocks = [opening, _join(*steps), solution.product, _join(answer, solution.note)]
    if solution.others and not style.option_first and style.shows_others:
        blocks.insert(-1, _others(solution))
    if style.detailed and not style.child and pick.below(2):
        blocks.append(pick.one(_CHECKS))
    return "\n\n".join(b for b in blocks if b)


def _opening(style: Style, prompt: Prompt, task: str, pick: Pick) -> str:
    if style.child:
        return _join(pick.one(_OPENERS_CHILD), task)
    if style.guidelines and prompt.definition:
        return _join(pick.one(_OPENERS_GUIDE), task)
    if style.steps:
        return _join(task, pick.one(_OPENERS_STEPS))
    return task


def _others(solution: Solution) -> str:
    return _join(*(sentence(o) for o in solution.others))


def _numbered(steps: tuple[str, ...]) -> str:
    return "\n".join(f"Step {i}: {step}" for i, step in enumerate(steps, 1))


def _join(*parts: str) -> str:
    return " ".join(p for p in parts if p)
