"""Words of a text as measures count them: the same for overlap, near-duplicates, novelty and contamination."""

# ruff: noqa: SIM905 - a block of words is easier to read than a list of strings

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import regex  # type: ignore[import-untyped]

# A word is a run of letters and digits; in scripts without spaces between words, each character counts as one. On
# English text these are the tokens of the `rouge_score` package without its stemmer.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+", regex.VERSION1
)
_WORD_OR_SIGN = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+|[^\s\p{C}]",
    regex.VERSION1,
)
# The same for plain text, for which Python's own engine is several times faster.
_ASCII_WORD = re.compile("[0-9a-z]+")

FUNCTION_WORDS = frozenset(
    """
    a about after all also an and any are as at be because been before being between both but by can could did do does
    doing down during each few for from further had has have having he her here hers him his how i if in into is it its
    just me more most my no nor not of off on once only or other our out over own same she should so some such than that
    the their them then there these they this those through to too under until up very was we were what when where which
    while who whom why will with would you your
    """.split()
)
"""English words that carry grammar, and no subject."""


# What a person sees of a text: neither white space, nor control characters, nor what is drawn as nothing.
_VISIBLE = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]", regex.VERSION1)


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: empty, white space, zero-width characters alone."""
    return not "!" <= text[:1] <= "~" and _VISIBLE.search(text) is None


def words_of(text: str, *, signs: bool = False) -> list[str]:
    """The text's words in order, whatever their case; punctuation falls away, or with `signs` each sign is a word."""
    if text.isascii() and not signs:
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = (_WORD_OR_SIGN if signs else _WORD).findall(unicodedata.normalize("NFKC", text).casefold())
    return found


def bare(word: str) -> str:
    """The word without the "s" of plurals and third persons: a rough common form."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def text_of(value: Any) -> str:
    """The text of a column's value: itself, or all texts inside a list or record (the turns of a conversation)."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(t for t in map(text_of, value.values()) if t)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "\n".join(t for t in map(text_of, value) if t)
    return "" if value is None else str(value)
