"""Which test items a text holds, by runs of n words they share (Tülu 3, arXiv 2411.15124, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_Code = tuple[int | None, ...]
"""Words by number; None is a word that no item has."""


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
        self._runs: dict[_Code, list[tuple[int, int]]] = {}  # an item shorter than a run is one by itself
        self._whole: dict[_Code, list[int]] = {}
        for number, words in enumerate(items):
            code = tuple(self._ids.setdefault(w, len(self._ids)) for w in words)
            self._lengths.append(len(code))
            if not code:
                continue
            if len(code) < min(n, shortest):
                self._whole.setdefault(code, []).append(number)
                continue
            for at in range(max(1, len(code) - n + 1)):
                self._runs.setdefault(code[at : at + n], []).append((number, at))
        self._begin = min(map(len, self._runs), default=n)
        self._beginnings: dict[_Code, set[int]] = {}
        for run in self._runs:
            self._beginnings.setdefault(run[: self._begin], set()).add(len(run))

    def find(self, words: Sequence[str]) -> list[Match]:
        """The items found in a text, those most covered first, then in their order."""
        code = tuple(map(self._ids.get, words))
        covered: dict[int, set[int]] = {}
        first: dict[int, int] = {}
        for at, length in self._places(code):
            for number, place in self._runs.get(code[at : at + length], ()):
                covered.setdefault(number, set()).update(range(place, place + length))
                first.setdefault(number, at)
        found = self.whole(words)
        for number, places in covered.items():
            share = len(places) / self._lengths[number]
            if share > self._coverage:
                length = min(self._n, self._lengths[number])
                found.append(Match(number, share, " ".join(words[first[number] : first[number] + length])))
        return sorted(found, key=lambda m: (-m.coverage, m.item))

    def whole(self, words: Sequence[str]) -> list[Match]:
        """The items with fewer than `shortest` words that the text is, and nothing else."""
        numbers = self._whole.get(tuple(map(self._ids.get, words)), ()) if self._whole else ()
        return [Match(number, 1.0, " ".join(words)) for number in numbers]

    def _places(self, code: _Code) -> Iterator[tuple[int, int]]:
        """Where in a text a run may begin, and how many words it has, by its first words."""
        begin, beginnings, none = self._begin, self._beginnings, set[int]()
        known = 0
        for end, word in enumerate(code, 1):
            # Nothing of an item spans a word that no item has.
            known = known + 1 if word is not None else 0
            if known >= begin:
                at = end - begin
                for length in beginnings.get(code[at:end], none):
                    if at + length <= len(code):
                        yield at, length
