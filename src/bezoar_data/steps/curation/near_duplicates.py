"""`near_duplicates`: of rows that say nearly the same, only the first stays.

MinHash with locality-sensitive hashing (rensa) finds candidates in near-linear time; each candidate is then compared
exactly, so that a dropped row really is as similar as its reason says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field
from rensa import RMinHash, RMinHashLSH

from bezoar_data.measures.shingles import ngram_hashes
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Verdict
from bezoar_data.steps.curation.filter_step import GlobalFilterStep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEED = 42
_RECALL = 0.99
_ESTIMATE_SLACK = 5.0
"""Standard errors by which an estimate may fall short before the exact comparison is skipped."""


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
        found = self._find(*ngram_hashes(texts, self.ngram, signs=self.compare == "text"))
        for i, row in enumerate(rows):
            if i in found:
                first, similarity = found[i]
                yield self.drop(row, "near_duplicate", f"of {rows[first].id}, similarity {similarity:.2f}")
            else:
                yield self.keep(row)

    def _find(self, hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> dict[int, tuple[int, float]]:
        """The near-duplicates among rows of n-grams: for each the row that stays for it, and their similarity."""
        # Most rows share a band with no other and are done with. From here on rows are counted among the rest.
        count = bands(self.threshold, self.num_perm)
        sizes = np.diff(starts)
        flags = self._share_a_band(hashes, starts, count) & (sizes > 0)
        sharing = np.flatnonzero(flags).tolist()
        hashes, starts = hashes[np.repeat(flags, sizes)], np.cumsum([0, *sizes[flags]])
        sketches = self._sketches(hashes, starts)
        # Estimates err by about sqrt(s(1-s)/n); well below the threshold there is no need to compare exactly.
        slack = _ESTIMATE_SLACK * (self.threshold * (1 - self.threshold) / self.num_perm) ** 0.5
        least = (self.threshold - slack) * self.num_perm

        @lru_cache(maxsize=4096)
        def grams(k: int) -> frozenset[int]:
            return frozenset(hashes[starts[k] : starts[k + 1]].tolist())

        found: dict[int, tuple[int, float]] = {}
        # Of most bands only one row stays: a list for each would take longer than all the rest.
        first: dict[bytes, int] = {}
        more: dict[bytes, list[int]] = {}
        width = self.num_perm // count * sketches.itemsize
        for k, sketch in enumerate(sketches):
            in_bands = sketch.view(f"V{width}").tolist()
            seen = [band for band in in_bands if band in first]
            candidates = sorted({c for band in seen for c in (first[band], *more.get(band, ()))})
            if candidates:
                alike = (sketches[candidates] == sketch).sum(axis=1) >= least
                near = [c for c, close in zip(candidates, alike.tolist(), strict=True) if close]
                best, negated = max(((jaccard(grams(k), grams(c)), -c) for c in near), default=(0.0, 0))
                if best >= self.threshold:
                    found[sharing[k]] = sharing[-negated], best
                    continue
            for band in seen:
                more.setdefault(band, []).append(k)
            for band in in_bands:
                first.setdefault(band, k)
        return found

    def _share_a_band(self, hashes: NDArray[np.uint64], starts: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, starts.astype(np.uint64), self.num_perm, _SEED)
        index = RMinHashLSH(self.threshold, self.num_perm, count)
        return np.array(index.query_duplicate_flags_matrix_one_shot(matrix), dtype=bool)

    def _sketches(self, hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.uint32]:
        """The rows' MinHash values, `num_perm` of each."""
        sketches = np.empty((len(starts) - 1, self.num_perm), np.uint32)
        # A few at a time: rensa gives the values out as lists of Python's numbers, ten times their size.
        for a in range(0, len(sketches), 1000):
            offsets = starts[a : a + 1001].astype(np.uint64)
            part = hashes[offsets[0] : offsets[-1]]
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(part, offsets - offsets[0], self.num_perm, _SEED)
            sketches[a : a + 1000] = matrix.to_rows()
        return sketches


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
