"""Which of many texts may be alike at all, found with little memory: what is left is then compared for good.

Of two sets of n-grams with a Jaccard similarity of t or more, the smaller shares so many with the larger that, with all
n-grams in one order, the first |x| - ceil(t|x|) + 1 of each have one in common (prefix filter; Chaudhuri, Ganti and
Kaushik, 2006; Bayardo, Ma and Srikant, 2007). With rare ones first, most texts have none there that another has.
Nothing alike is lost; n-grams and their prefixes lie on disk, the latter in parts that are joined one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bezoar_data.measures.shingles import ngram_chunks
from bezoar_data.steps.curation.disk_array import DiskArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TABLE = 24
"""Bits of an n-gram by which it is counted: how rare it is is known roughly, in 64 MB."""
_MOST = (1 << 16) - 1
_PARTS = 32
_SLACK = 1e-9
BLOCK = 1 << 18
"""N-grams taken at once."""


class Grams:
    """The n-grams of texts, on disk, text after text. A text with fewer words than `n` has all as its one n-gram."""

    def __init__(self, texts: Iterable[str], n: int, *, signs: bool, folder: Path | None) -> None:
        self._folder = folder
        self._hashes = DiskArray(np.uint64, folder)
        self._seen = np.zeros(1 << _TABLE, np.uint32)
        sizes = [np.zeros(1, np.int64)]
        for hashes, counts in ngram_chunks(texts, n, signs=signs):
            self._hashes.extend(hashes)
            np.add.at(self._seen, hashes >> np.uint64(64 - _TABLE), np.uint32(1))
            sizes.append(counts)
        self.starts: NDArray[np.int64] = np.cumsum(np.concatenate(sizes))
        """Where each text's n-grams begin, with the end last."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, text: int) -> NDArray[np.uint64]:
        """The n-grams of one text."""
        return self._hashes.read(int(self.starts[text]), int(self.starts[text + 1]))

    def blocks(self) -> Iterator[tuple[int, int, NDArray[np.uint64]]]:
        """Texts from one number to another, with their n-grams, as many as are taken at once."""
        begin = 0
        while begin < len(self):
            end = max(begin + 1, int(np.searchsorted(self.starts, self.starts[begin] + BLOCK, "right")) - 1)
            yield begin, end, self._hashes.read(int(self.starts[begin]), int(self.starts[end]))
            begin = end

    def perhaps_alike(self, threshold: float) -> NDArray[np.bool_]:
        """Whether there may be another text of this similarity: never False where there is one."""
        parts = [DiskArray(_PREFIX, self._folder) for _ in range(_PARTS)]
        for begin, end, hashes in self.blocks():
            found = self._prefixes(begin, end, hashes, threshold)
            place = found["gram"] % np.uint64(_PARTS)
            for number in np.unique(place).tolist():
                parts[number].extend(found[place == number])
        flags = np.zeros(len(self), np.bool_)
        for part in parts:
            _join(part.read(0, len(part)), threshold, flags)
            part.close()
        return flags

    def _prefixes(self, begin: int, end: int, hashes: NDArray[np.uint64], threshold: float) -> NDArray[np.void]:
        """The rarest n-grams of each text, as many as the filter needs, without those that stand in no other."""
        sizes = np.diff(self.starts[begin : end + 1])
        text = np.repeat(np.arange(begin, end, dtype=np.uint32), sizes)
        times = np.minimum(self._seen[hashes >> np.uint64(64 - _TABLE)], _MOST)
        # One number that is the n-gram and its place in the order: the commoner the higher.
        gram = (times.astype(np.uint64) << np.uint64(48)) | (hashes & np.uint64((1 << 48) - 1))
        order = np.lexsort((gram, text))
        gram, text, times = gram[order], text[order], times[order]
        first = np.ones(len(gram), np.bool_)
        first[1:] = (gram[1:] != gram[:-1]) | (text[1:] != text[:-1])
        gram, text, times = gram[first], text[first], times[first]
        count = np.bincount(text - np.uint32(begin), minlength=end - begin)
        needed = count - np.ceil(threshold * count - _SLACK).astype(np.int64) + 1
        place = np.arange(len(gram)) - np.repeat(np.cumsum(count) - count, count)
        wanted = (place < np.repeat(needed, count)) & (times > 1)
        out = np.empty(int(wanted.sum()), _PREFIX)
        out["gram"], out["text"], out["size"] = gram[wanted], text[wanted], np.repeat(count, count)[wanted]
        return out


_PREFIX = np.dtype([("gram", np.uint64), ("text", np.uint32), ("size", np.uint32)])


def _join(prefixes: NDArray[np.void], threshold: float, flags: NDArray[np.bool_]) -> None:
    """Flag the texts that have an n-gram in common with another whose size lets them be alike. Of those with the same
    n-gram the nearest in size stand beside each other."""
    order = np.lexsort((prefixes["size"], prefixes["gram"]))
    gram, text, size = prefixes["gram"][order], prefixes["text"][order], prefixes["size"][order]
    both = (gram[1:] == gram[:-1]) & (size[:-1] >= threshold * size[1:] - _SLACK)
    flags[text[:-1][both]] = flags[text[1:][both]] = True
