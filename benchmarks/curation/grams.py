"""The n-grams everyone is given: those of the step `near_duplicates`, without its package, for the peers' environment.

`bench.py` checks on every row that the step has as many, and on every planted pair that it has as many in common.
"""

from __future__ import annotations

import re
import unicodedata

import regex

_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+", regex.VERSION1
)


_ASCII_WORD = re.compile(r"[0-9a-z]+")


def word_ngrams(text: str, n: int) -> frozenset[str]:
    if text.isascii():
        words = _ASCII_WORD.findall(text.lower())
    else:
        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if len(words) <= n:
        return frozenset([" ".join(words)]) if words else frozenset()
    return frozenset(map(" ".join, zip(*(words[k:] for k in range(n)), strict=False)))
