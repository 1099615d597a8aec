"""What a judge's words say: as FastChat reads them, for comparability, and strictly.

FastChat takes the first match of its patterns, so a citation "[1]" before a rating without brackets is a rating of 1,
and of two ratings the first counts; it knows no range. Strictly read, the last `[[...]]` must hold a number from 1 to
10 and nothing else, or of a comparison one letter.
"""

from __future__ import annotations

import ast
import re
from typing import Literal

from bezoar_data.measures.preferences import TURNED, Choice

Reading = Literal["published", "strict"]
READINGS: tuple[Reading, ...] = ("published", "strict")

_RATING, _FALLBACK = re.compile(r"\[\[(\d+\.?\d*)\]\]"), re.compile(r"\[(\d+\.?\d*)\]")
_LAST = re.compile(r"\[\[([^\[\]]*)\]\]")
_NUMBER = re.compile(r"\s*(\d{1,2}(?:\.\d+)?)\s*", re.ASCII)
_LETTERS: tuple[tuple[str, Choice], ...] = (("A", "a"), ("B", "b"), ("C", "tie"))


def rating(text: str, reading: Reading) -> float | None:
    """The rating in a judge's answer; None where it cannot be read."""
    if reading == "strict":
        said = _NUMBER.fullmatch(last[-1]) if (last := _LAST.findall(text)) else None
        value = float(said[1]) if said else 0.0
        return value if 1 <= value <= 10 else None
    found = _RATING.search(text) or _FALLBACK.search(text)
    try:
        # As FastChat takes the number: one that Python does not write so, such as 05, ends its run.
        return float(ast.literal_eval(found[1])) if found else None
    except (SyntaxError, ValueError):
        return None


def winner(text: str, reading: Reading) -> Choice | None:
    """Which of two answers, by the place it was shown in, a judge finds better; None where it cannot be read."""
    if reading == "strict":
        last = _LAST.findall(text)
        return dict(_LETTERS).get(last[-1].strip()) if last else None
    return next((who for letter, who in _LETTERS if f"[[{letter}]]" in text), None)


def both_orders(first: Choice | None, second: Choice | None) -> Choice | None:
    """The verdict of a comparison that was asked in both orders: `first` with a shown first, `second` with b shown
    first. One side wins only where both say so; None where either cannot be read."""
    if first is None or second is None:
        return None
    return first if first == TURNED[second] else "tie"
