"""Splits grouped by seed: a row and what was made from the same seeds never stand on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bezoar_data.runs.row import digest

TRAIN = "train"


class SplitPlan:
    """Which split each group of rows belongs to.

    Rows that share a seed, directly or through others, form one group. Groups are drawn in an order hashed from
    (seed, group) and fill each split until it holds its fraction of the rows; the rest is `train`. The result depends
    on the rows alone, not on the order in which they were finished.
    """

    def __init__(self, seed_ids: Iterable[tuple[str, ...]], fractions: Mapping[str, float], seed: int) -> None:
        self._parent: dict[str, str] = {}
        sizes: dict[str, int] = {}
        firsts: list[str] = []
        for ids in seed_ids:
            for other in ids[1:]:
                self._union(ids[0], other)
            self._parent.setdefault(ids[0], ids[0])
            firsts.append(ids[0])
        for first in firsts:
            root = self._find(first)
            sizes[root] = sizes.get(root, 0) + 1
        self._split: dict[str, str] = {}
        remaining = sorted(sizes, key=lambda root: digest("split", seed, root))
        position = 0
        for name, fraction in fractions.items():
            wanted = round(fraction * len(firsts))
            taken = 0
            while position < len(remaining) and taken + sizes[remaining[position]] / 2 <= wanted:
                taken += sizes[remaining[position]]
                self._split[remaining[position]] = name
                position += 1
        self.names = (TRAIN, *fractions)

    def split_of(self, seed_ids: tuple[str, ...]) -> str:
        return self._split.get(self._find(seed_ids[0]), TRAIN)

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
