"""Texts as sets of word n-grams, each n-gram a 64-bit number, made without a Python object for each word.

Texts are laid out as bytes with zeros between the words. A word's number is a polynomial of its bytes, an n-gram's one
of its words' numbers, both modulo 2^64 and mixed (the finalizer of SplitMix64; Steele, Lea and Flood, 2014): computed
for thousands of texts at once, the same on each machine. Two different n-grams share a number about once in 2^64.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from bezoar_data.measures.words import words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BASE = 0x9E3779B97F4A7C15
_CHUNK = 1 << 17
"""Bytes taken at once: as many as leave the numbers made of them in the processor's cache."""
_ASCII_SIGN = re.compile(rb"[^0-9A-Za-z\s]")
_LAYOUT = bytes(ord(c.lower()) if (c := chr(i)).isascii() and c.isalnum() else 0 for i in range(256))
_WITH_SIGNS = bytes(0 if chr(i).isspace() else ord(chr(i).lower()) if i < 128 else i for i in range(256))


def ngram_hashes(texts: Iterable[str], n: int, *, signs: bool = False) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The n-grams of all texts one after the other, as they stand in the texts (so repeated ones come again), and
    where each text's begin, with the end last.

    A text with fewer than n words has all of them as its one n-gram; one without words has none. With `signs` every
    sign that is neither letter, digit nor white space is a word of its own.
    """
    import numpy as np

    hashes, counts = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
    for found, sizes in ngram_chunks(texts, n, signs=signs):
        hashes.append(found)
        counts.append(sizes)
    return np.concatenate(hashes), np.cumsum(np.concatenate(counts))


def ngram_chunks(
    texts: Iterable[str], n: int, *, signs: bool = False
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """The same for some texts after the other: their n-grams, and how many each has."""
    layout = _laid_out_with_signs if signs else _laid_out
    return (_hash_chunk(chunk, n) for chunk in _chunks(map(layout, texts)))


def _laid_out(text: str) -> bytes:
    if text.isascii():
        return text.encode("ascii").translate(_LAYOUT)
    return "\0".join(words_of(text)).encode("utf-8")


def _laid_out_with_signs(text: str) -> bytes:
    if text.isascii():
        return _ASCII_SIGN.sub(rb"\0\g<0>\0", text.encode("ascii")).translate(_WITH_SIGNS)
    return "\0".join(words_of(text, signs=True)).encode("utf-8")


def _chunks(parts: Iterable[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for part in parts:
        chunk.append(part)
        size += len(part) + 1
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _hash_chunk(parts: list[bytes], n: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The n-grams of texts laid out as bytes, and how many each has."""
    import numpy as np

    data = np.frombuffer(b"\0".join([b"", *parts, b""]), np.uint8)
    words, starts = _hash_words(data)
    borders = np.cumsum([0, *(len(p) + 1 for p in parts)])
    first = np.searchsorted(starts, borders)
    count = np.diff(first)
    # Texts too short for an n-gram are filled up with zeros, which are not a word's number.
    hashes = hash_runs([words[k:] for k in range(n)], len(words))
    wanted = np.repeat(first[1:], count) - np.arange(len(words)) >= n
    short = np.flatnonzero((count > 0) & (count < n))
    if len(short):
        at = first[short, None] + np.arange(n)
        filled = np.where(np.arange(n) < count[short, None], words[np.minimum(at, len(words) - 1)], np.uint64(0))
        hashes[first[short]] = hash_runs(list(filled.T), len(short))
        wanted[first[short]] = True
    return hashes[wanted], np.where(count >= n, count - n + 1, count > 0)


def _hash_words(data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The number of each word, and where it starts. The data starts and ends with a zero."""
    import numpy as np

    inside = data != 0
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    before, last = edges[0::2], edges[1::2]
    size = 1 << (len(data) - 1).bit_length()
    # A word's polynomial is what the sum over all bytes grew by, with the power of its place taken out again.
    sums = np.cumsum(data * _powers(_BASE, size)[: len(data)])
    return _mixed((sums[last] - sums[before]) * _powers(pow(_BASE, -1, 1 << 64), size)[before]), before + 1


@lru_cache(maxsize=4)
def _powers(base: int, size: int) -> NDArray[np.uint64]:
    import numpy as np

    return np.multiply.accumulate(np.full(size, base, np.uint64))


def hash_runs(columns: list[NDArray[np.uint64]], length: int) -> NDArray[np.uint64]:
    """One number for what stands side by side in the columns; those that are too short go on with zeros."""
    import numpy as np

    total = np.zeros(length, np.uint64)
    for column in columns:
        total *= np.uint64(_BASE)
        total[: len(column)] += column[:length]
    return _mixed(total)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
