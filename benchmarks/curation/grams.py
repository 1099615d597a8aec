"""The n-grams everyone is given: those of the step `near_duplicates`, without its package, for the peers' environment.

`bench.py` checks on every row that they are the same as the step's.
"""

from __future__ import annotations

import unicodedata

import regex

_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}_]+", regex.VERSION1
)


def word_ngrams(text: str, n: int) -> frozenset[str]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if not words:
        return frozenset()
    return frozenset(" ".join(words[i : i + n]) for i in range(max(1, len(words) - n + 1)))
