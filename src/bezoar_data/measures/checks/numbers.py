"""Numbers as people write them: 1,000 and 1000, 1/2 and 0.5, 22 1/2, 50%, -3, ½, six."""

# ruff: noqa: SIM905 - words are easier to read in a line than in a list of strings

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SPELLED = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:[ -](?P<digit>{'|'.join(_UNITS[1:10])}))?"
    # "One of them" is not a number.
    rf"|(?P<unit>{'|'.join(sorted((w for w in _UNITS if w != 'one'), key=len, reverse=True))}|one(?=\W*(?:\Z|[.!;])))"
    r"|(?:a|one) (?P<hundred>hundred))\b(?!-)",
    re.IGNORECASE,
)
_GLYPHS = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅕": "1/5", "⅛": "1/8"}

_NO_NUMBER = re.compile(r"\b\d{1,4}([-/.])\d{1,2}\1\d{2,4}\b|\b\d{1,2}:\d{2}(?!\d|/)")
"""Dates and times."""

_PLAIN = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d{1,300}(?:\.\d{1,300})?|\.\d{1,300}"
_NUMBER = re.compile(
    rf"(?P<sign>[-−–]|\bminus )?(?:[$€£¥]\s?|\b(?:Rs\.?|USD|EUR)\s?)?(?P<minus>(?<=[$€£¥])[-−])?"
    rf"(?<![\w.])(?:(?P<whole>\d{{1,300}})[ -](?=\d+/\d))?(?P<value>{_PLAIN})"
    rf"(?:\s?/\s?(?P<under>\d{{1,300}}(?:\.\d{{1,300}})?))?(?P<percent>\s?%|\s?per ?cent\b)?(?!\.?\d)",
)
_AFTER_A_TERM = re.compile(r"(?:[\d)\]%]|\b[a-z])\s*\Z")
"""A minus is one where no term stands before it: "16 - 3" is a sum."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: its value as written, whether it is in percent, how many decimals it shows, and where."""

    value: Fraction
    percent: bool
    decimals: int
    start: int
    end: int
    written: str

    def equals(self, other: Number) -> bool:
        """Equal in value, a percentage also with its fraction or without its sign; or equal as far as the one with
        fewer decimals says, if it has two or more."""
        mine = {self.value, self.value / 100} if self.percent and not other.percent else {self.value}
        theirs = {other.value, other.value / 100} if other.percent and not self.percent else {other.value}
        if mine & theirs:
            return True
        places = min(self.decimals, other.decimals)
        return places >= 2 and any(abs(a - b) <= Fraction(6, 10 ** (places + 1)) for a in mine for b in theirs)


_ENDLESS = 50
"""Decimals of a fraction: it is as exact as can be."""


def numbers_in(text: str) -> list[Number]:
    """All numbers of a text, in order. Dates, times and pieces of names (`A4`, `1.2.3`) are none."""
    if not text.isascii():
        for glyph, plain in _GLYPHS.items():
            text = re.sub(rf"(\d?){glyph}", lambda m, p=plain: f"{m[1]} {p}" if m[1] else p, text)  # type: ignore[misc]
    text = _NO_NUMBER.sub(lambda match: " " * len(match[0]), text)
    found = [number for match in _NUMBER.finditer(text) if (number := _number(match)) is not None]
    found += [
        Number(Fraction(_spelled(match)), False, 0, match.start(), match.end(), match[0])
        for match in _SPELLED.finditer(text)
    ]
    return sorted(found, key=lambda number: number.start)


def _number(match: re.Match[str]) -> Number | None:
    value = Fraction(match["value"].replace(",", ""))
    decimals = len(match["value"].partition(".")[2])
    if match["under"]:
        under = Fraction(match["under"])
        if not under:
            return None
        value, decimals = value / under, _ENDLESS
    if match["whole"]:
        value += int(match["whole"])
    sign = match["sign"] and (match["sign"] == "minus " or not _AFTER_A_TERM.search(match.string[: match.start()]))
    if sign or match["minus"]:
        value = -value
    return Number(value, bool(match["percent"]), decimals, match.start(), match.end(), match[0].strip())


def _spelled(match: re.Match[str]) -> int:
    if match["hundred"]:
        return 100
    if match["unit"]:
        return _UNITS.index(match["unit"].lower())
    return _TENS[match["tens"].lower()] + (_UNITS.index(match["digit"].lower()) if match["digit"] else 0)
