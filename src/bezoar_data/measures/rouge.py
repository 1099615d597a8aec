"""ROUGE-L against a growing pool of texts, exact and fast: has anything nearly like this been said before?

ROUGE-L of two texts of m and n words is the F-measure of their longest common subsequence, 2·LCS/(m+n) (Lin, 2004).
To find the most similar text of a pool at or above a threshold t without computing it for every pair:

1. LCS is at most the overlap of the texts as bags of words, so 2·overlap ≥ t·(m+n) is needed; and since overlap is at
   most min(m, n), lengths outside [t/(2-t)·m, (2-t)/t·m] are out.
2. With words ordered from rare to common, a text that shares the needed overlap o with m words shares at least one of
   the m-o+1 rarest of them, and at least s+1 of the m-o+1+s rarest. Only the lists of those words in an inverted index
   are read, and texts found less often than s+1 times in them are out. The lists of the commonest words, which hold
   nearly everything, are never read.
3. The rest are compared exactly, by bit-parallel LCS (Hyyrö, 2004; rapidfuzz), 64 words in one machine operation.

Every step is an upper bound, so the result is that of comparing all pairs. The work still grows with the square of
the pool, since lists grow with it, but with a constant some thousands of times smaller.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import LCSseq

_EXTRA = 3
"""Words read beyond the least number (s above): a few more lists, and far fewer pairs to compare."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar text of the pool: its number in the order of adding, and the similarity."""

    index: int
    similarity: float


class RougePool:
    """Texts added so far. `frequencies` counts in how many texts each word stands: the better the guess, the faster;
    the result does not depend on it."""

    def __init__(self, threshold: float, frequencies: Mapping[str, int]) -> None:
        if not 0 < threshold <= 1:
            raise ValueError("the threshold must be above 0 and at most 1")
        self._threshold = threshold
        ordered = sorted(frequencies, key=lambda w: (frequencies[w], w))
        self._rank = {word: i for i, word in enumerate(ordered)}
        self._postings: dict[int, array[int]] = {}
        self._lengths = array("i")
        self._texts: list[str | list[int]] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, words: Sequence[str]) -> int:
        """Add a text and give its number."""
        number, new = len(self._texts), dict[str, int]()
        numbers = self._numbers(words, new)
        self._rank |= new
        for element in _elements(numbers):
            postings = self._postings.get(element)
            if postings is None:
                postings = self._postings[element] = array("i")
            postings.append(number)
        self._lengths.append(len(words))
        self._texts.append(_code(numbers))
        return number

    def nearest(self, words: Sequence[str]) -> Nearest | None:
        """The most similar text at or above the threshold, the earliest of equally similar ones; None if none is."""
        import numpy as np

        m = len(words)
        if not m or not self._texts:
            return None
        t = self._threshold
        shortest, longest = math.ceil(t / (2 - t) * m - _SLACK), math.floor((2 - t) / t * m + _SLACK)
        # The least overlap any text can do with is that of the shortest one.
        least = math.ceil(t / 2 * (m + shortest) - _SLACK)
        prefix = min(m, m - least + 1 + _EXTRA)
        needed = prefix - (m - least)
        numbers = self._numbers(words, {})
        lists = [p for e in _elements(numbers)[:prefix] if (p := self._postings.get(e)) is not None]
        if len(lists) < needed:
            return None
        counts = np.bincount(np.frombuffer(b"".join(lists), np.int32))
        found = np.flatnonzero(counts >= needed)
        if not len(found):
            return None
        lengths = np.frombuffer(self._lengths, dtype=np.int32)[found]
        # Of each text's own length more is known than of the shortest's: the overlap it needs is larger.
        overlap = np.ceil(t / 2 * (m + lengths) - _SLACK)
        fits = (lengths >= shortest) & (lengths <= longest) & (counts[found] >= overlap - (m - prefix))
        best: Nearest | None = None
        code = _code(numbers)
        for index, n in zip(found[fits].tolist(), lengths[fits].tolist(), strict=True):
            wanted = math.ceil((best.similarity if best else t) / 2 * (m + n) - _SLACK)
            common = LCSseq.similarity(code, self._texts[index], score_cutoff=wanted)
            similarity = 2 * common / (m + n)
            if similarity >= t - _SLACK and (best is None or similarity > best.similarity):
                best = Nearest(index, similarity)
        return best

    def _numbers(self, words: Sequence[str], new: dict[str, int]) -> list[int]:
        """The words' ranks from rare to common. Those that were not counted get numbers below all, as `new`: they are
        the rarest."""
        numbers: list[Any] = list(map(self._rank.get, words))
        if None in numbers:
            below = -1 - len(self._rank)
            for at, word in enumerate(words):
                if numbers[at] is None:
                    numbers[at] = new.setdefault(word, below - len(new))
        return numbers


def _elements(numbers: Iterable[int]) -> list[int]:
    """The bag as a set, from rare to common: each word by its rank, the k-th time it stands as an element of its
    own."""
    elements, last, k = [], None, 0
    for number in sorted(numbers):
        k = k + 1 if number == last else 0
        last = number
        elements.append((number << 32) + k)
    return elements


def _code(numbers: Sequence[int]) -> str | list[int]:
    """The words as characters, one each: rapidfuzz compares texts fastest. It takes numbers for the characters of that
    code, which serve when there are more words than Unicode has places."""
    code = [2 * n if n >= 0 else -2 * n - 1 for n in numbers]
    return "".join(map(chr, code)) if max(code, default=0) <= 0x10FFFF else code


def count_words(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """In how many of the texts each word stands."""
    frequencies: Counter[str] = Counter()
    for words in texts:
        frequencies.update(set(words))
    return frequencies
