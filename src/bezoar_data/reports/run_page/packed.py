"""The rows of a page: packed in blocks.

A page of 100,000 rows opens at once because nothing of them is read before it is drawn: they lie in blocks, and a block
is unpacked when one of its rows is looked at, or searched. The marks between rows and fields are control characters,
which `plain_text` leaves in no text.

Texts are numbers of words first, the most frequent words in one byte, and these are deflated: English takes a quarter
less, as what repeats in it is words.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bezoar_data.reports.charts.letters import packed

ROW, FIELD, NOTHING = "\x1e", "\x1f", "\x1d"
"""What stands between rows, between the fields of a row, and in the place of a field that a row has not."""
END = "\0"
"""What stands behind each word of the page's list. It is in no text either."""
BLOCK_ROWS, BLOCK_LETTERS = 1_000, 500_000
"""A block ends with the first row that reaches either."""

_WORD = re.compile(" ?[A-Za-z\u00aa-\u1fff]{1,24}|.", re.DOTALL)
"""Letters of alphabets, and the signs among them: a test for these two ranges costs half of that for any letter."""
ONE, TWO = 160, 248
"""A byte below `ONE` is a word, one below `TWO` begins a word's two bytes, any other its three."""
_TWO_FROM, _THREE_FROM = ONE, ONE + (TWO - ONE) * 256
_MOST_WORDS = _THREE_FROM + (256 - TWO) * 65_536
_MOST_REPEATED = _MOST_WORDS - 200_000  # room for single letters: there are 160,000 in Unicode


class _Numbers(dict[str, int]):
    """Words by number, in the order in which they were first looked for."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class Texts:
    """Texts of one page, which share their words. Once the last is added, each can be packed, and the words."""

    def __init__(self) -> None:
        self._known = _Numbers()
        self._texts: list[array[int]] = []

    def add(self, text: str) -> int:
        """Its number."""
        self._texts.append(array("I", list(map(self._known.__getitem__, _WORD.findall(text)))))
        return len(self._texts) - 1

    def packed(self) -> tuple[str, list[str]]:
        """The words, and the texts by their numbers."""
        counts = self._counts(self._texts)
        rare = counts < 2
        rare[np.argsort(-counts, kind="stable")[_MOST_REPEATED:]] = True
        texts = self._spelled(rare)
        counts = self._counts(texts)
        order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
        places = np.zeros(len(counts), np.int64)
        places[order] = np.arange(len(order))
        words = list(self._known)
        listed = "".join(f"{words[number]}{END}" for number in order)
        return packed(listed), [packed(_in_bytes(places[text])) for text in texts]

    def _counts(self, texts: Sequence[Any]) -> Any:
        counts = np.zeros(len(self._known), np.int64)
        for text in texts:
            counts += np.bincount(np.array(text, np.uint32), minlength=len(counts))
        return counts

    def _spelled(self, rare: Any) -> list[Any]:
        """The texts, in which a rare word is the numbers of its letters: a list of all words would be as long as the
        texts where these are of numbers or names."""
        words, known, spelled = list(self._known), self._known, []
        for text in self._texts:
            numbers = np.array(text, np.uint32)
            at = np.flatnonzero(rare[numbers])
            said = [words[number] for number in numbers[at]]
            lengths = np.ones(len(numbers), np.intp)
            lengths[at] = [len(word) for word in said]
            into = np.repeat(numbers, lengths)
            into[np.repeat(rare[numbers], lengths)] = list(map(known.__getitem__, "".join(said)))
            spelled.append(into)
        return spelled


def _in_bytes(places: Any) -> bytes:
    """Places in the list of words as one, two or three bytes, the high one first."""
    lengths = 1 + (places >= _TWO_FROM) + (places >= _THREE_FROM)
    at = np.cumsum(lengths) - lengths
    made = np.zeros(int(lengths.sum()), np.uint8)
    for length, least, first in ((1, 0, 0), (2, _TWO_FROM, ONE), (3, _THREE_FROM, TWO)):
        here = lengths == length
        left = places[here] - least
        for byte in range(length):
            digit = left >> 8 * (length - 1 - byte)
            made[at[here] + byte] = digit + first if byte == 0 else digit & 255
    return made.tobytes()


class RowBlock:
    """Rows of a block while it fills. A row is its fields by name; a block says its names once."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._names: dict[str, None] = {}
        self._letters = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= BLOCK_ROWS or self._letters >= BLOCK_LETTERS

    @property
    def names(self) -> list[str]:
        return list(self._names)

    def add(self, fields: dict[str, str]) -> None:
        self._names.update(dict.fromkeys(fields))
        self._letters += sum(map(len, fields.values()))
        self._rows.append(fields)

    def text(self) -> str:
        lines = [FIELD.join(self._names)]
        lines += [FIELD.join([row.get(name, NOTHING) for name in self._names]) for row in self._rows]
        return ROW.join(lines)


LEAST_SHARED = 24
"""Letters of a column's value from which a text refers to it, and does not repeat it."""


def referring(text: str, values: Sequence[tuple[int, str]]) -> str | list[str | int]:
    """The text, in which a column's value is the place of the column: what a model was asked and what it answered are
    mostly made of them. `values` are (place, value), the longest first."""
    parts: list[str | int] = [text]
    for place, value in values:
        if value in text:
            parts = [piece for part in parts for piece in _split(part, place, value)]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def _split(part: str | int, place: int, value: str) -> Iterator[str | int]:
    if isinstance(part, int):
        yield part
        return
    for number, piece in enumerate(part.split(value)):
        if number:
            yield place
        if piece:
            yield piece
