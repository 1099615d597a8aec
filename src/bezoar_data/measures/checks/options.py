"""The options that a multiple-choice question offers, by letter or by text alone."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """`letter` is "A", or empty where the options stand behind dashes."""

    letter: str
    text: str

    def __str__(self) -> str:
        return f"({self.letter}) {self.text}" if self.letter else self.text


_HEADER = re.compile(
    r"^[ \t]*(?:OPTIONS?|Choices|Answer choices|Possible answers|Pick (?:one )?from|Choose (?:one )?from"
    r"|Available options|Options are)\b[^\n:]{0,30}:[ \t]*\n?",
    re.IGNORECASE | re.MULTILINE,
)
_LETTERED = re.compile(r"^[ \t]*(?:[-*•][ \t]*)?(?:\(([A-Za-z])\)|([A-Za-z])[).:])[ \t]*(\S[^\n]*)$", re.MULTILINE)
_DASHED = re.compile(r"^[ \t]*[-*•][ \t]*(\S[^\n]*)$", re.MULTILINE)
_INLINE = re.compile(r"\(([A-Z])\)\s*(.*?)(?=\s*[,;]?\s*\([A-Z]\)|\n\n|\Z)", re.DOTALL)


def options_in(text: str) -> tuple[Option, ...]:
    """The options, in order; none where the text offers none."""
    headers = [*_HEADER.finditer(text)]
    if headers:
        block = re.split(r"\n[ \t]*\n", text[headers[-1].end() :].lstrip("\n"), maxsplit=1)[0]
        found = _lettered(block) or _dashed(block) or _inline(block)
        if found:
            return found
    return _lettered(text) or _inline(text)


def _lettered(block: str) -> tuple[Option, ...]:
    found = [Option((m[1] or m[2]).upper(), m[3].strip(" ,;")) for m in _LETTERED.finditer(block)]
    return _counting(found)


def _inline(block: str) -> tuple[Option, ...]:
    found = [Option(m[1], " ".join(m[2].split()).strip(" ,;")) for m in _INLINE.finditer(block)]
    return _counting(found)


def _dashed(block: str) -> tuple[Option, ...]:
    found = [Option("", m[1].strip()) for m in _DASHED.finditer(block)]
    return tuple(found) if len(found) >= 2 else ()


def _counting(found: list[Option]) -> tuple[Option, ...]:
    """The options whose letters count up from A: other letters in brackets are none."""
    starts = [i for i, option in enumerate(found) if option.letter == "A"]
    if not starts:
        return ()
    run = [found[starts[-1]]]
    for option in itertools.islice(found, starts[-1] + 1, None):
        if ord(option.letter) != ord(run[-1].letter) + 1:
            break
        run.append(option)
    return tuple(run) if len(run) >= 2 else ()
