"""Reading the new instructions out of a teacher's answer: tolerant of its manners, silent about nothing.

Every piece the answer holds is either an instruction or a candidate with a reason against it, so that what a teacher
wasted can be counted. In which forms an answer is read stands in `forms`; here is what becomes of each piece.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from bezoar_data.steps.lamini.forms import read_pieces
from bezoar_data.steps.wrapping import unbold, unquoted

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_NAMES = "instruction|request|task|question|prompt|query"
_NUMBER = re.compile(r"\A(?:\(?\d{1,3}[.):]\s+|#\d{1,3}[.):]?\s+|[-*•]\s+)")
_LABEL = re.compile(
    rf"\A(\*\*|__)?(?:the |new )?(?:example|{_NAMES}|q)(?:\s+#?\d{{1,3}}|\s*)\s*"
    r"(?(1)(?:[:.]\s*\1|\1\s*[:.])|[:.])\s*(?=\S)",
    re.IGNORECASE,
)
_INNER = re.compile(rf"<({_NAMES})>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_INNER_TAG = re.compile(rf"</?(?:example|{_NAMES})>", re.IGNORECASE)
_BOLD_LEAD = re.compile(r"\A(\*\*|__)([^*_\n]{1,60}?)(:?)\1(:?)(?=\s)")
_ANSWERED = re.compile(
    r"^\s*\**(?:response|answer|output|assistant|solution)\**\s*:\**\s*(?=\S)", re.IGNORECASE | re.MULTILINE
)
_ANY_LABEL = re.compile(r"^\s*\**\w[\w ]{0,20}\**:", re.MULTILINE)
_OF_ANSWERS = re.compile(r"\b(?:answer|response|output|solution|reply)", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\W*(?:(?:insert|put|write|add) )?(?:(?:the|your|a|new|this|next) )*"
    rf"(?:example|{_NAMES})(?: \d{{1,3}})?(?: (?:goes )?here)?"
    r"(?:[ _](?:description|details?|text|content|body|name|json|response))*\W*",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"([^"\n]{3,})"')
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n")
_OWN_WORDS = 5
"""A sentence of the prompt with fewer words may well stand in an instruction."""

NO_EXAMPLES = "no_examples"
"""Reason of a request whose answer held nothing that can be read, however often it was asked."""


@dataclass(frozen=True, slots=True)
class ParsedInstruction:
    """One piece of an answer: its text as an instruction would read, and the reason that rules it out, if any.

    Reasons: `unclosed` and `unopened` (a tag or the end is missing), `unclear` (a list's entry with lines below it that
    may be its material or an answer), `empty` (no word in it), `placeholder` (the words of a form, or of the prompt's
    rules), `too_long`, `holds_answer` (a response stands in it, which was not asked for), `copied_example` (one of
    those shown), `duplicate` (said earlier in the same answer).
    """

    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds: its candidates in order, or why there are none."""

    candidates: list[ParsedInstruction] = field(default_factory=list)
    why: str = ""


class Shown:
    """What a request said to the teacher: the examples, and the prompt's own words, which are not instructions."""

    def __init__(self, examples: Iterable[str], prompt: str = "") -> None:
        examples = list(examples)
        self.examples = {comparable(text) for text in examples}
        own = prompt
        for text in examples:
            own = own.replace(text, "")
        pieces, _ = read_pieces(own, cut=False) if own else ([], "")
        quoted = [text for text in _QUOTED.findall(own) for text in (text, *text.split(","))]  # topics above all
        self.forms = {comparable(text) for text in (*(piece.text for piece in pieces), *quoted)} - {""}
        sentences = (comparable(sentence) for sentence in _SENTENCE.split(_INNER_TAG.sub(" ", own)))
        self.sentences = {said for said in sentences if len(said.split()) >= _OWN_WORDS}

    def reason(self, text: str, key: str) -> str:
        """What speaks against a text that repeats the request; "" if nothing does."""
        if key in self.examples:
            return "copied_example"
        repeats = key in self.forms or _PLACEHOLDER.fullmatch(text) or any(said in key for said in self.sentences)
        return "placeholder" if repeats else ""


def read_candidates(answer: str, shown: Shown, most_words: int, *, cut: bool = False) -> Reading:
    """The candidates in an answer, in order. `cut` says that the token limit ended it."""
    pieces, why = read_pieces(_THINKING.sub("", answer), cut=cut)
    seen: set[str] = set()
    found = []
    for piece in pieces:
        text = clean(piece.text)
        text, answered = _without_answer(text)
        key = comparable(text)
        reason = piece.reason or _reason(text, key, most_words) or shown.reason(text, key)
        if not reason and answered:
            reason = "holds_answer"
        if not reason and key in seen:
            reason = "duplicate"
        if not reason:
            seen.add(key)
        found.append(ParsedInstruction(text, reason))
    return Reading(found, why)


def clean(text: str) -> str:
    """An instruction without the number, label, tags, marks of bold or quotation marks a teacher puts around it."""
    text = text.strip()
    inner = _INNER.findall(text)
    text = inner[0][1].strip() if len(inner) == 1 else _INNER_TAG.sub("", text).strip()
    text = _NUMBER.sub("", text)
    text = _plain(text)
    text = _LABEL.sub("", text).strip()
    return unquoted(_plain(text))


def comparable(text: str) -> str:
    """What two texts share that differ in case, spaces and punctuation only. Signs that carry a meaning of their own
    stay: C++ is not C#."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+|[+*/=<>#^%&|~]", folded))


def _plain(text: str) -> str:
    """Without bold type around the whole, or around a title before it."""
    plain = unbold(text)
    return plain if _LABEL.match(plain) else _BOLD_LEAD.sub(lambda m: m[2] + (m[3] or m[4]), plain)


def _without_answer(text: str) -> tuple[str, bool]:
    """The instruction without the one answer glued to it under a label; whether one stays, as it cannot be told where
    the instruction ends (examples with their answers, a question about an answer)."""
    labels = list(_ANSWERED.finditer(text))
    if not labels:
        return text, False
    before = text[: labels[0].start()].strip()
    if len(labels) > 1 or not before or _ANY_LABEL.search(before) or _OF_ANSWERS.search(before):
        return text, True
    return before, False


def _reason(text: str, key: str, most_words: int) -> str:
    if not any(c.isalpha() for c in key):
        return "empty"
    return "too_long" if len(text.split()) > most_words else ""
