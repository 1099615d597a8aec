"""Telling multiple-choice questions from open ones, and listing their options.

FLAN rows do not say whether their template offered options, and the Orca scheme explains the two kinds differently.
Options are recognised by their form alone: a header ("OPTIONS:") followed by a list, or labels that count up from A.
"""

from __future__ import annotations

import re

_HEADER = re.compile(
    r"(?im)^[ \t>*#]*(?:(?:the|answer|possible|available|given)[ \t]+){0,2}"
    r"(?:options?|choices?|answers)[ \t*]*:[ \t*]*(?P<rest>.*)$"
)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s*)?(?:[(\[]?(?P<label>[A-Za-z]|\d{1,2})[)\].:]\s+)?(?P<text>\S.*)$")
_MARKED = re.compile(r"^\s*(?:[-*•–]\s+|[-*•–]?\s*[(\[]?(?:[A-Za-z]|\d{1,2})[)\].:]\s+)\S")
_LETTERED_LINE = re.compile(r"^\s*(?:[-*•–]\s*)?[(\[]?(?P<label>[A-Za-z])[)\].:]\s+(?P<text>\S.*)$")
_INLINE = re.compile(r"(?<![\w(\[])(?:[(\[](?P<a>[A-Z])[)\]]|(?P<b>[A-Z])\))\s*")
_LONGEST_BARE_OPTION = 12


def has_options(text: str) -> bool:
    """Whether the text offers options to choose from."""
    return bool(options(text))


def options(text: str) -> tuple[str, ...]:
    """The options a question offers, in order, without their labels; empty for an open question."""
    for header in _HEADER.finditer(text):
        found = _after_header(header["rest"].strip(), text[header.end() :])
        if found:
            return found
    return _lettered_lines(text) or _inline(text)


def _after_header(rest: str, following: str) -> tuple[str, ...]:
    if rest:
        return _inline(rest) or _separated(rest)
    block: list[str] = []
    for line in following.lstrip("\n").splitlines():
        if not line.strip():
            break
        block.append(line)
    marked = [line for line in block if _MARKED.match(line)]
    if len(marked) < 2:
        # Some templates list their options bare, one to a line; long lines are prose, not options.
        if len(block) < 2 or any(len(line.split()) > _LONGEST_BARE_OPTION for line in block):
            return ()
        marked = block
    return tuple(m["text"].strip() for line in marked if (m := _BULLET.match(line)))


def _separated(rest: str) -> tuple[str, ...]:
    for separator in (";", "|", " / ", ","):
        parts = tuple(p.strip(" .-") for p in rest.split(separator))
        if len(parts) > 1 and all(parts):
            return parts if all(len(p.split()) <= _LONGEST_BARE_OPTION for p in parts) else ()
    return ()


def _lettered_lines(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for line in text.splitlines():
        match = _LETTERED_LINE.match(line)
        if match and ord(match["label"].upper()) - ord("A") == len(found):
            found.append(match["text"].strip())
        elif match and match["label"].upper() == "A":
            found = [match["text"].strip()]
    return tuple(found) if len(found) > 1 else ()


def _inline(text: str) -> tuple[str, ...]:
    if ")" not in text and "]" not in text:
        return ()
    marks: list[re.Match[str]] = []
    for match in _INLINE.finditer(text):
        if ord(match["a"] or match["b"]) - ord("A") == len(marks):
            marks.append(match)
    if len(marks) < 2:
        return ()
    ends = [m.start() for m in marks[1:]] + [len(text)]
    found = tuple(text[m.end() : end].split("\n")[0].strip(" ,;.-") for m, end in zip(marks, ends, strict=True))
    return found if all(found) else ()
