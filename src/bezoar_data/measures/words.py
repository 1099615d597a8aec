"""Words of a text as measures count them: the same for overlap, near-duplicates, novelty and contamination."""

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
# The same for plain text, for which Python's own engine is several times faster.
_ASCII_WORD = re.compile("[0-9a-z]+")


def words_of(text: str) -> list[str]:
    """The text's words in order, whatever their case; punctuation falls away."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return found


def text_of(value: Any) -> str:
    """The text of a column's value: itself, or all texts inside a list or record (the turns of a conversation)."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(t for t in map(text_of, value.values()) if t)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "\n".join(t for t in map(text_of, value) if t)
    return "" if value is None else str(value)
