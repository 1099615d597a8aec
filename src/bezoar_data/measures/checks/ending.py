"""Whether a text is whole: there is one, and it does not break off.

A token limit, a lost connection and a bad export cut answers anywhere. What shows it is an ending that no writer
leaves: half a word, an open code block or bracket, "and the", a last sentence without an end where the others have
one. Numbers, formulas, items of lists, titles, single words and code end as they like. English; in other languages
fewer cuts are seen. A cut that falls on the end of a sentence leaves a shorter text that nothing gives away.
"""

# ruff: noqa: SIM905 - a block of words is easier to read than a list of strings

from __future__ import annotations

import re

from bezoar_data.measures.checks.fault import Fault, tail

_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_CODE_LINE = re.compile(
    r"^(?:[ \t]*(?:(?:def|class|import|return|public|const|let|var) |from \w+ import|for .*:$|if .*:$|#include|\}|\{"
    r"|</?\w+[^>\n]*>)|.*[;{][ \t]*$)",
    re.MULTILINE,
)
_PROGRAM = re.compile(r"\bSELECT\b.{1,500}?\bFROM\b|^def \w+\(|^#!", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"\s*(?:[-*•–+]|\(?\w{1,2}[.)]|\d+\.|step \d+|\|)\s", re.IGNORECASE)
_ENDS = tuple(".!?…。！？")
_SENTENCE_INSIDE = re.compile(r"[a-z0-9)][.!?][\"”’)]?\s+[A-Z]")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|will|would|should|could|may|might|must|does|do|did"
    r"|went|took|made|said|came|gave|got|saw|found|told|felt|became|began|kept|held|[a-z]{3,}ed|[a-z]{3,}s)\b"
)
_FORMULA = re.compile(r"[=<>≤≥≈^√∑∫]|\\[a-z]+|\d\s*[+*/×÷·−-]\s*\d")
_RESULT = re.compile(
    r":\s+(?:[^\s:.!?]+\s*){1,6}\Z|(?:\A|[.!?]\s+)(?:\w+ ){1,3}(?:is|are|was|were) [^\s.!?]+\Z|\banswer is \S+\Z",
    re.IGNORECASE,
)
"""A result at the end, which often goes without a full stop: "The answer is: delivery", "The tone is rude"."""
_FACE = re.compile(r"[:;=]-?\(\Z")
_DANGLING = frozenset(
    """
    a an the of to in on at by for with from and or but that which who whose is are was were be been being has have had
    as if because than into onto its their his her my our your this these will would can could should may might must not
    also such when while where very so does do did between during through about after before under over
    """.split()
)
_INFLECTIONS = ("s", "es", "ed", "d", "ing", "er", "ers", "r", "ly", "al", "y", "n", "en", "ion", "ions")
_LEFT_OPEN = ",;:([{“‘—–-+=*/&"
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def missing(text: str, asked: str = "") -> Fault | None:
    """Whether there is no answer at all: nothing, or signs alone where something was asked that has words."""
    if not text.strip():
        return Fault("empty", "", "The answer is empty.")
    if any(c.isalnum() for c in text) or not _WORD.search(asked) or not text.isascii():
        return None
    shown = text.strip()[:20]
    return Fault("empty", f"only {shown!r}", f"The answer holds no word, only {shown!r}.")


def breaks_off(text: str, asked: str = "") -> Fault | None:
    """Whether the text breaks off. `asked` is what it answers, if known: a word of it may be the one that was cut."""
    text = text.rstrip()
    if not text:
        return None
    if text.count("```") % 2:
        return _cut("inside a code block", text)
    prose = _BLOCK.sub("\n", text).rstrip()
    if not prose or text.endswith("```") or _is_code(prose):
        return None
    words = _WORD.findall(prose)
    for left, right in ("()", "[]"):
        at = text.rfind(left)
        # ":(" is a face, and "[0, 1)" an interval.
        if text.count(left) > text.count(right) and not re.search(r"[)\]]", text[at:]) and not _FACE.search(text):
            return _cut(f"behind an open “{left}”", text)
    if text[-1] in _LEFT_OPEN and not _FACE.search(text):
        # In a table, or a list, a dash may stand for nothing.
        row = prose.count(f"{text[-1]}\n") > 0 and text[-1] not in ",;:"
        return _cut("in the middle of a sentence", text) if len(words) > 2 and not row else None
    if not text[-1].isalnum() or not words:
        return None
    return _no_end(text, prose, words, asked)


def _cut(where: str, text: str) -> Fault:
    return Fault("cut", f"{where}: '{tail(text)}'", f"The answer breaks off {where} (“{tail(text)}”).")


def _no_end(text: str, prose: str, words: list[str], asked: str) -> Fault | None:
    last = words[-1]
    if re.search(r"\banswer(?: is)?$", text):
        return _cut("just before it says what the answer is", text)
    if last.lower() in _DANGLING and (len(last) > 1 or last == "a") and len(words) > 3:
        return _cut(f"on “{last}”", text)
    if _lone_letter(last, words, asked) and not _FORMULA.search(prose):
        return _cut(f"inside a word (“{last}”)", text)
    if whole := _begun(last, words, asked):
        return _cut(f"inside a word (“{last}” for “{whole}”)", text)
    if _misses_its_end(prose):
        return _cut("in a sentence that has no end", text)
    return None


def _lone_letter(last: str, words: list[str], asked: str) -> bool:
    """Whether the last word is a single letter that names nothing in text or task."""
    known = (*words[:-1], *_WORD.findall(asked))
    return len(last) == 1 and last.islower() and last != "a" and len(words) > 3 and last not in known


def _begun(last: str, words: list[str], asked: str) -> str:
    """A word of text or task that the last word is only the beginning of."""
    low = last.lower()
    if len(words) < 4 or len(low) < 3 or not low.isalpha():
        return ""
    known = {w.lower() for w in (*_WORD.findall(asked), *words[:-1])}
    if low in known:
        return ""
    longer = (w for w in sorted(known) if w.startswith(low) and w.isalpha() and len(w) - len(low) >= 2)
    return next((w for w in longer if w[len(low) :] not in _INFLECTIONS), "")


def _misses_its_end(prose: str) -> bool:
    """Whether the last line misses a full stop that the rest of the text, or its own length, leads one to expect."""
    *before, last = [line.strip() for line in prose.split("\n") if line.strip()]
    if before and before[-1].endswith(":") and len(last.split()) <= 6:
        return False
    if last[-1].isdigit() or _FORMULA.search(last[-60:]) or _RESULT.search(last):
        return False
    if _ITEM.match(last):
        items = [line for line in before if _ITEM.match(line)]
        return len(items) > 1 and sum(line.endswith(_ENDS) for line in items) > 0.6 * len(items)
    if _SENTENCE_INSIDE.search(last):
        return True
    ended = sum(line.endswith(_ENDS) for line in before)
    if ended and 2 * ended >= len(before):
        return (
            len(last.split()) > 3
            or not last[0].isupper()
            or (ended == len(before) and ":" not in last and len(last.split()) > 1)
        )
    return not before and len(last.split()) >= 7 and last[0].isupper() and bool(_VERB.search(last))


def _is_code(prose: str) -> bool:
    """Whether most lines look like a program that stands outside a code block."""
    lines = [line for line in prose.split("\n") if line.strip()]
    return bool(_PROGRAM.search(prose)) or len(_CODE_LINE.findall(prose)) >= max(1, 0.3 * len(lines))
