"""Splits grouped by seed: a row and what was made from the same seeds never stand on both sides."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice

from bezoar_data.runs.row import digest

TRAIN = "train"
_AT_ONCE = 10_000


class SplitPlan:
    """Which split each group of rows belongs to.

    Rows that share a seed, directly or through others, form one group. Groups are drawn in an order hashed from
    (seed, group) and fill each split until it holds its fraction of the rows; the rest is `train`. The result depends
    on the rows alone, not on the order in which they were finished.
    """

    def __init__(self, seed_ids: Iterable[tuple[str, ...]], fractions: Mapping[str, float], seed: int) -> None:
        self._parent: dict[str, str] = {}
        """Of seeds that have rows with others together; most have none, and are not in it."""
        self._split: dict[str, str] = {}
        self.names = (TRAIN, *fractions)
        groups = _Groups(map(self._first, seed_ids))
        if self._parent:
            groups.gather(lambda name: self._find(name) if name in self._parent else None)
        drawn = groups.drawn(seed)
        group = next(drawn, None)
        for split, fraction in fractions.items():
            wanted, taken = round(fraction * groups.rows), 0
            while group is not None and taken + group[1] / 2 <= wanted:
                taken += group[1]
                self._split[group[0]] = split
                group = next(drawn, None)

    def split_of(self, seed_ids: tuple[str, ...]) -> str:
        first = seed_ids[0]
        return self._split.get(self._find(first) if first in self._parent else first, TRAIN)

    def _first(self, ids: tuple[str, ...]) -> str:
        for other in ids[1:]:
            self._union(ids[0], other)
        return ids[0]

    def _find(self, item: str) -> str:
        parent = self._parent
        root = item
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while parent[item] != root:
            parent[item], item = root, parent[item]
        return root

    def _union(self, a: str, b: str) -> None:
        # The smaller id becomes the root, so that a group's name does not depend on the order of its rows.
        a, b = self._find(a), self._find(b)
        if a != b:
            low, high = min(a, b), max(a, b)
            self._parent[high] = low


class _Groups:
    """Names of groups and how many rows each has, without a Python object for each."""

    def __init__(self, names: Iterator[str]) -> None:
        import pyarrow as pa

        parts = []
        while chunk := list(islice(names, _AT_ONCE)):
            parts.append(pa.array(chunk, pa.string()))
        counted = pa.chunked_array(parts, pa.string()).value_counts()
        self._names, self._sizes = (
            counted.field("values"),
            counted.field("counts").to_numpy(zero_copy_only=False).copy(),
        )
        self._more: Counter[str] = Counter()
        self.rows = int(self._sizes.sum())

    def gather(self, group_of: Callable[[str], str | None]) -> None:
        """Put the rows of those that are in a group of another name, or may be, under that name."""
        for i, name in enumerate(self._names):
            if (group := group_of(name.as_py())) is not None:
                self._more[group] += int(self._sizes[i])
                self._sizes[i] = 0

    def drawn(self, seed: int) -> Iterator[tuple[str, int]]:
        """Each group with its rows, in the order drawn."""
        import numpy as np

        more = list(self._more)
        numbers = array("Q")
        for name in chain((name.as_py() for name in self._names), more):
            drawn = digest("split", seed, name)
            numbers.extend((int(drawn[:16], 16), int(drawn[16:], 16)))
        parts = np.frombuffer(numbers, np.uint64).reshape(-1, 2)
        for i in np.lexsort((parts[:, 1], parts[:, 0])):
            if i >= len(self._names):
                name = more[i - len(self._names)]
                yield name, self._more[name]
            elif self._sizes[i]:
                yield self._names[i].as_py(), int(self._sizes[i])
