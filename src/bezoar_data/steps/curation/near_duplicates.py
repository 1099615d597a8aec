"""`near_duplicates`: of rows that say nearly the same, only the first stays.

Rows that can be like no other are left alone (`alike`). Of the rest, MinHash with locality-sensitive hashing (rensa)
finds candidates in near-linear time; each is then compared exactly, so that a dropped row really is as similar as its
reason says. What is noted of each row lies on disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field
from rensa import RMinHash

from bezoar_data.measures.shingles import hash_runs
from bezoar_data.runs.row import Row
from bezoar_data.runs.waiting import WaitingRows
from bezoar_data.steps.base import Verdict
from bezoar_data.steps.curation.alike import Grams
from bezoar_data.steps.curation.disk_array import mapped
from bezoar_data.steps.curation.filter_step import GlobalFilterStep

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEED = 42
_RECALL = 0.99
_ESTIMATE_SLACK = 5.0
"""Standard errors by which an estimate may fall short before the exact comparison is skipped."""
_AT_ONCE = 4096
_HELD = 256
"""Rows whose n-grams are held for the next comparison."""


class NearDuplicates(GlobalFilterStep):
    """Drop rows whose text is nearly that of an earlier row.

    Texts are compared as sets of word n-grams, whatever their case; each sign counts as a word, so that `12 + 7` is
    not `12 - 7` and C is not C++, or none does (`compare: words`). Two are near-duplicates if the
    sets overlap (Jaccard similarity) by `threshold` or more. A pair exactly at the threshold is found with a
    probability of at least 0.99, a more similar one with a higher. Rows without any word or sign are never duplicates.
    """

    use: ClassVar[str] = "near_duplicates"
    version: ClassVar[int] = 3
    example: ClassVar[str] = "- use: near_duplicates\n  with: {column: explained_targets, threshold: 0.8}\n"

    mark: str = Field(default="near_duplicate", description="The column that `action: mark` writes; null if it stays.")
    threshold: float = Field(default=0.8, gt=0, le=1, description="Similarity from which a row is a duplicate.")
    ngram: int = Field(default=3, ge=1, le=20, description="Words in one piece of the comparison.")
    compare: Literal["text", "words"] = Field(
        default="text", description="text: signs count as words. words: signs and punctuation fall away."
    )
    num_perm: int = Field(
        default=256, ge=16, le=1024, description="MinHash permutations: more find pairs near the threshold faster."
    )

    def keep_rate(self) -> tuple[float, float]:
        return (0.7, 1.0) if self.action == "drop" else (1.0, 1.0)

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        columns = self.inputs
        texts = ("\n".join([str(v) for c in columns if (v := row.get(c)) is not None]) for row in rows)
        folder = rows.folder if isinstance(rows, WaitingRows) else None
        grams = Grams(texts, self.ngram, signs=self.compare == "text", folder=folder)
        first, similarity = self._find(grams, folder)
        yield from self.keep_firsts(rows, first, "near_duplicate", lambda i: f", similarity {similarity[i]:.2f}")

    def _find(self, grams: Grams, folder: Path | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """For each row the earlier one that stays for it, -1 where it stays itself, and their similarity."""
        first, similarity = np.full(len(grams), -1, np.int64), np.zeros(len(grams))
        # Most rows can be like no other and are done with. From here on rows are counted among the rest.
        flags = grams.perhaps_alike(self.threshold)
        rest = np.flatnonzero(flags)
        sketches = self._sketches(grams, flags, folder)
        groups, count = _groups(sketches, bands(self.threshold, self.num_perm), folder)
        # Estimates err by about sqrt(s(1-s)/n); well below the threshold there is no need to compare exactly.
        slack = _ESTIMATE_SLACK * (self.threshold * (1 - self.threshold) / self.num_perm) ** 0.5
        least = (self.threshold - slack) * self.num_perm

        @lru_cache(maxsize=_HELD)
        def grams_of(k: int) -> frozenset[int]:
            return frozenset(grams.of(int(rest[k])).tolist())

        # Of most groups only one row stays: a list for each would take longer than all the rest.
        one = array("i", [-1]) * count
        more: dict[int, array[int]] = {}
        for k, own in _in_groups(groups):
            seen = [group for group in own if one[group] >= 0]
            candidates = sorted({c for group in seen for c in (one[group], *more.get(group, ()))})
            if candidates:
                alike = (sketches[candidates] == sketches[k]).sum(axis=1) >= least
                near = [c for c, close in zip(candidates, alike.tolist(), strict=True) if close]
                best, negated = max(((jaccard(grams_of(k), grams_of(c)), -c) for c in near), default=(0.0, 0))
                if best >= self.threshold:
                    first[rest[k]], similarity[rest[k]] = rest[-negated], best
                    continue
            for group in own:
                if one[group] < 0:
                    one[group] = k
                else:
                    more.setdefault(group, array("i")).append(k)
        return first, similarity

    def _sketches(self, grams: Grams, flags: NDArray[np.bool_], folder: Path | None) -> NDArray[np.uint32]:
        """The MinHash values of the rows that are flagged, `num_perm` of each."""
        sketches = mapped(np.uint32, (int(flags.sum()), self.num_perm), folder)
        done = 0
        for begin, end, hashes in grams.blocks():
            sizes = np.diff(grams.starts[begin : end + 1])
            wanted = flags[begin:end]
            hashes, starts = hashes[np.repeat(wanted, sizes)], np.cumsum([0, *sizes[wanted]]).astype(np.uint64)
            # A few at a time: rensa gives the values out as lists of Python's numbers, ten times their size.
            for a in range(0, len(starts) - 1, 1000):
                offsets = starts[a : a + 1001]
                part = hashes[offsets[0] : offsets[-1]]
                matrix = RMinHash.digest_matrix_from_flat_token_hashes(part, offsets - offsets[0], self.num_perm, _SEED)
                rows = matrix.to_rows()
                sketches[done : done + len(rows)] = rows
                done += len(rows)
        return sketches


def _groups(sketches: NDArray[np.uint32], count: int, folder: Path | None) -> tuple[NDArray[np.int64], int]:
    """For each band and row the number of the group of rows that have the same values there, -1 for a row alone; and
    how many groups there are."""
    rows, values = sketches.shape
    keys, width = mapped(np.uint64, (count, rows), folder), values // count
    for a in range(0, rows, _AT_ONCE):
        part = sketches[a : a + _AT_ONCE].T.astype(np.uint64)
        for band in range(count):
            keys[band, a : a + _AT_ONCE] = hash_runs(list(part[band * width : (band + 1) * width]), part.shape[1])
    groups, found = keys.view(np.int64), 0
    for band in range(count):
        _, place, times = np.unique(keys[band], return_inverse=True, return_counts=True)
        shared = times > 1
        groups[band] = np.where(shared, found + np.cumsum(shared) - 1, -1)[place]
        found += int(shared.sum())
    return groups, found


def _in_groups(groups: NDArray[np.int64]) -> Iterator[tuple[int, list[int]]]:
    """Each row that is in a group, with its groups in the bands' order."""
    for a in range(0, groups.shape[1], _AT_ONCE):
        part = np.ascontiguousarray(groups[:, a : a + _AT_ONCE].T)
        for k in np.flatnonzero((part >= 0).any(axis=1)).tolist():
            own = part[k]
            yield a + k, own[own >= 0].tolist()


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def bands(threshold: float, num_perm: int) -> int:
    """The fewest bands that still find a pair at the threshold with a probability of `_RECALL`.

    A pair of similarity s shares at least one of b bands of r = n/b values with probability 1 - (1 - s^r)^b.
    """
    for count in range(1, num_perm + 1):
        if num_perm % count == 0 and 1 - (1 - threshold ** (num_perm // count)) ** count >= _RECALL:
            return count
    return num_perm
