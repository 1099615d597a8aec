"""A verdict on an answer from the rules alone: the first one that fails rejects it and says why.

The rules see form and the reference, never the truth: a fluent falsehood without a reference is accepted, and the
reason says what was looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bezoar_data.measures.checks.ending import breaks_off, missing
from bezoar_data.measures.checks.fault import Fault, clip
from bezoar_data.measures.checks.loops import loops
from bezoar_data.measures.checks.marks import placeholder, template_marks
from bezoar_data.measures.checks.reference import compare
from bezoar_data.measures.checks.refusals import refusal
from bezoar_data.measures.checks.script import other_script
from bezoar_data.measures.words import FUNCTION_WORDS, bare, words_of

FORM: tuple[Callable[[str, str], Fault | None], ...] = (
    missing,
    placeholder,
    template_marks,
    other_script,
    lambda text, asked: loops(text),
    lambda text, asked: refusal(text),
    breaks_off,
)
"""The rules of form, each a function of the answer and what was asked, in order of how plainly a fault can be told."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Ratings, from 1 to 5, say what is known, not how good an answer is:

    1 nothing usable, or another answer than the reference's;
    2 it breaks off, or gives no answer where the reference is one;
    3 no fault of form, and next to nothing in common with a reference that is a text, or with a longer task;
    4 no fault of form, and no reference to compare with, or a text with words in common;
    5 no fault of form, and it gives the reference's answer.
    """

    status: Literal["Accept", "Reject"]
    rating: Literal[1, 2, 3, 4, 5]
    reason: str
    code: str = ""
    """What failed; empty for an accepted answer."""


def judge(response: str, asked: str = "", reference: str = "") -> RuleVerdict:
    """The verdict of all rules on an answer."""
    for rule in FORM:
        if fault := rule(response, asked):
            return RuleVerdict("Reject", 2 if fault.code == "cut" else 1, fault.sentence, fault.code)
    words = len(words_of(response))
    form = f"Nothing wrong with the form of its {words} {'word' if words == 1 else 'words'}"
    form += ": whole, no template marks, no loop, no refusal, script of the task."
    compared = compare(response, reference, asked) if reference.strip() else None
    if compared is None or compared.outcome == "not_comparable":
        beside = ("task", asked, 8) if compared is None else ("reference", reference, 4)
        return _beside(response, *beside, form)
    wanted, found = clip(compared.wanted, 80), clip(compared.found, 80)
    if compared.outcome == "agrees":
        return RuleVerdict("Accept", 5, f"It gives the reference's answer, “{wanted}”. {form}")
    if compared.outcome == "differs":
        return RuleVerdict("Reject", 1, f"It answers “{found}”; the reference is “{wanted}”.", "other_answer")
    return RuleVerdict("Reject", 2, f"{_NONE[compared.kind]}; the reference is “{wanted}”.", "no_answer")


def _beside(response: str, what: str, text: str, telling: int, form: str) -> RuleVerdict:
    """Accepted without a comparison; with a lower rating where a text of enough words of content has hardly one in
    common with the answer. No more than that: good answers to open requests often have none."""
    told, own = _content(text), _content(response)
    held = len(told & own)
    apart = len(told) >= telling and len(own) >= min(telling, 5) and 8 * held < min(len(told), len(own))
    said = f"It has {held} of the {len(told)} words of content of the {what}"
    said += "; there is no reference." if what == "task" else ", a text; more was not compared."
    return RuleVerdict("Accept", 3 if apart else 4, f"{form} {said}")


def _content(text: str) -> set[str]:
    return {bare(word) for word in words_of(text) if word not in FUNCTION_WORDS}


_NONE = {
    "number": "It comes to no number",
    "date": "It names no date",
    "option": "It settles on none of the options",
    "yes_no": "It says neither yes nor no",
    "short": "It does not give the reference's answer",
}
