"""Which test items a text holds, by runs of n words they share (Tülu 3, arXiv 2411.15124, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """A test item found in a text: its number, the share of its words covered, and a run of words both have."""

    item: int
    coverage: float
    run: str


class ItemIndex:
    """Test items, ready to be looked for in texts.

    An item is found in a text if more than `coverage` of its words lie in runs of `n` words that the text has too. One
    with fewer than n words is found if the text holds all of it, word by word, one after the other; with fewer than
    `shortest`, only if the text is nothing else: "Why?" stands in many texts and comes from none.

    Time grows with the words of the texts and not with the number of items; memory with the words of the items.
    """

    def __init__(self, items: Iterable[Sequence[str]], n: int, coverage: float, shortest: int) -> None:
        self._n = n
        self._coverage = coverage
        self._lengths: list[int] = []
        self._ids: dict[str, int] = {}
        self._runs: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        self._short: dict[tuple[int, ...], list[int]] = {}
        self._whole: dict[tuple[int, ...], list[int]] = {}
        for number, words in enumerate(items):
            code = tuple(self._ids.setdefault(w, len(self._ids)) for w in words)
            self._lengths.append(len(code))
            if not code:
                continue
            if len(code) < n:
                (self._short if len(code) >= shortest else self._whole).setdefault(code, []).append(number)
                continue
            for at in range(len(code) - n + 1):
                self._runs.setdefault(code[at : at + n], []).append((number, at))
        self._short_lengths = sorted({len(code) for code in self._short})

    def find(self, words: Sequence[str]) -> list[Match]:
        """The items found in a text, those most covered first, then in their order."""
        ids = self._ids
        code = tuple(ids.get(w, -1) for w in words)
        found = [Match(number, 1.0, " ".join(words)) for number in self._whole.get(code, ())]
        covered: dict[int, set[int]] = {}
        first: dict[int, int] = {}
        n = self._n
        # A run cannot span a word that no item has: only stretches between such words are looked at.
        for start, end in _stretches(code):
            for length in self._short_lengths:
                for at in range(start, end - length + 1):
                    for number in self._short.get(code[at : at + length], ()):
                        covered.setdefault(number, set()).update(range(length))
                        first.setdefault(number, at)
            for at in range(start, end - n + 1):
                for number, place in self._runs.get(code[at : at + n], ()):
                    covered.setdefault(number, set()).update(range(place, place + n))
                    first.setdefault(number, at)
        for number, places in covered.items():
            share = len(places) / self._lengths[number]
            if share > self._coverage:
                length = min(n, self._lengths[number])
                found.append(Match(number, share, " ".join(words[first[number] : first[number] + length])))
        return sorted(found, key=lambda m: (-m.coverage, m.item))


def _stretches(code: Sequence[int]) -> Iterable[tuple[int, int]]:
    start = 0
    for i, word in enumerate(code):
        if word < 0:
            if i > start:
                yield start, i
            start = i + 1
    if len(code) > start:
        yield start, len(code)
