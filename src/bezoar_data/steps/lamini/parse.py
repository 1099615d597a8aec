"""Reading the new instructions out of a teacher's answer: tolerant of its manners, silent about nothing.

Every piece the answer holds is either an instruction or a candidate with a reason against it, so that what a teacher
wasted can be counted. Prose around the tags, thinking blocks, numbers and labels before an instruction are passed over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<\s*(/?)\s*example(?:[\s_#:-]*\d+)?\s*>", re.IGNORECASE)
_NUMBER = re.compile(r"\A(?:\(?\d{1,3}[.):]\s+|#\d{1,3}[.):]?\s+|[-*•]\s+)")
_LABEL = re.compile(
    r"\A(?:example|instruction|request|task|question|prompt)(?:\s+#?\d{1,3}|\s*)\s*[:.]\s*", re.IGNORECASE
)
_ANSWERED = re.compile(
    r"^\s*\**(?:response|answer|output|assistant|solution)\**\s*:\**\s*\S", re.IGNORECASE | re.MULTILINE
)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}

NO_EXAMPLES = "no_examples"
"""Reason of a request whose answer held nothing between tags, however often it was asked."""


@dataclass(frozen=True, slots=True)
class ParsedInstruction:
    """One piece of an answer: its text as an instruction would read, and the reason that rules it out, if any.

    Reasons: `unclosed` and `unopened` (a tag is missing), `empty` (no word in it), `too_long`, `holds_answer` (a
    response stands in it, which was not asked for), `copied_example` (one of those shown), `duplicate` (said earlier
    in the same answer).
    """

    text: str
    reason: str = ""


def read_candidates(answer: str, shown: Iterable[str], most_words: int) -> list[ParsedInstruction]:
    """The candidates in an answer, in order. `shown` are the examples that its request gave."""
    examples = {comparable(text) for text in shown}
    seen: set[str] = set()
    found = []
    for piece, reason in _pieces(_THINKING.sub("", answer)):
        text = clean(piece)
        key = comparable(text)
        if not reason:
            reason = _reason(text, key, most_words)
        if not reason and key in examples:
            reason = "copied_example"
        elif not reason and key in seen:
            reason = "duplicate"
        if not reason:
            seen.add(key)
        found.append(ParsedInstruction(text, reason))
    return found


def clean(text: str) -> str:
    """An instruction without the number, label or quotation marks a teacher puts around it."""
    text = _NUMBER.sub("", text.strip())
    text = _LABEL.sub("", text).strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and not any(q in text[1:-1] for q in (text[0], text[-1])):
        text = text[1:-1].strip()
    return text


def comparable(text: str) -> str:
    """What two texts share that differ in case, spaces and punctuation only. Signs that carry a meaning of their own
    stay: C++ is not C#."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+|[+*/=<>#^%&|~]", folded))


def _pieces(text: str) -> Iterable[tuple[str, str]]:
    """The texts between tags, and those that a tag is missing for, with that reason."""
    opened: int | None = None
    closed = 0
    for tag in _TAG.finditer(text):
        if not tag[1]:
            if opened is not None:
                yield text[opened : tag.start()], "unclosed"
            opened = tag.end()
        elif opened is not None:
            yield text[opened : tag.start()], ""
            opened = None
        elif re.search(r"\w", text[closed : tag.start()]):
            yield text[closed : tag.start()], "unopened"
        closed = tag.end()
    if opened is not None:
        yield text[opened:], "unclosed"


def _reason(text: str, key: str, most_words: int) -> str:
    if not any(c.isalpha() for c in key):
        return "empty"
    if len(text.split()) > most_words:
        return "too_long"
    return "holds_answer" if _ANSWERED.search(text) else ""
