"""`near_duplicates`: of rows that say nearly the same, only the first stays.

MinHash with locality-sensitive hashing (rensa) finds candidates in near-linear time; each candidate is then compared
exactly, so that a dropped row really is as similar as its reason says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, ClassVar

import regex  # type: ignore[import-untyped]
from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept, Verdict

# A word is a run of letters and digits; in scripts without spaces between words, each character counts as one.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}_]+", regex.VERSION1
)
# The same for plain text, for which Python's own engine is several times faster.
_ASCII_WORD = re.compile(r"[0-9a-z_]+")
_RECALL = 0.99
_ESTIMATE_SLACK = 5.0
"""Standard errors by which an estimate may fall short before the exact comparison is skipped."""


class NearDuplicates(GlobalRowStep):
    """Drop rows whose text is nearly that of an earlier row.

    Texts are compared as sets of word n-grams, whatever their case and punctuation; two are near-duplicates if the
    sets overlap (Jaccard similarity) by `threshold` or more. A pair exactly at the threshold is found with a
    probability of at least 0.99, a more similar one with a higher. Rows without any word are never duplicates.
    """

    use: ClassVar[str] = "near_duplicates"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    example: ClassVar[str] = "- use: near_duplicates\n  with: {column: explained_targets, threshold: 0.8}\n"

    column: str | Annotated[list[str], Field(min_length=1)] = Field(
        description="The column to compare, or a list of columns taken together."
    )
    threshold: float = Field(default=0.8, gt=0, le=1, description="Similarity from which a row is a duplicate.")
    ngram: int = Field(default=3, ge=1, le=20, description="Words in one piece of the comparison.")
    num_perm: int = Field(
        default=256, ge=16, le=1024, description="MinHash permutations: more find pairs near the threshold faster."
    )

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        import numpy as np
        from rensa import RMinHash, RMinHashLSH

        columns = self.inputs
        index = RMinHashLSH(self.threshold, self.num_perm, bands(self.threshold, self.num_perm))
        sketches = np.empty((len(rows), self.num_perm), dtype=np.uint32)
        # Estimates err by about sqrt(s(1-s)/n); well below the threshold there is no need to compare exactly.
        slack = _ESTIMATE_SLACK * (self.threshold * (1 - self.threshold) / self.num_perm) ** 0.5
        least = (self.threshold - slack) * self.num_perm

        @lru_cache(maxsize=4096)
        def kept_grams(i: int) -> frozenset[str]:
            return self._grams(rows[i], columns)

        for i, row in enumerate(rows):
            grams = self._grams(row, columns)
            if not grams:
                yield Kept(row.columns)
                continue
            sketch = RMinHash(num_perm=self.num_perm, seed=42)
            sketch.update(list(grams))
            sketches[i] = sketch.digest()
            candidates = index.query(sketch)
            if candidates:
                found = np.sort(np.array(candidates, dtype=np.int64))
                near = found[(sketches[found] == sketches[i]).sum(axis=1) >= least]
                best, negated = max(((jaccard(grams, kept_grams(k)), -k) for k in near.tolist()), default=(0.0, 0))
                if best >= self.threshold:
                    yield Dropped("near_duplicate", f"of {rows[-negated].id}, similarity {best:.2f}")
                    continue
            index.insert(i, sketch)
            yield Kept(row.columns)

    def _grams(self, row: Row, columns: Sequence[str]) -> frozenset[str]:
        text = "\n".join(str(row[c]) for c in columns if row.get(c) is not None)
        return word_ngrams(text, self.ngram)


def word_ngrams(text: str, n: int) -> frozenset[str]:
    """The text's runs of n words, case and punctuation aside; all its words as one run if it has fewer than n."""
    if text.isascii():
        words = _ASCII_WORD.findall(text.lower())
    else:
        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if len(words) <= n:
        return frozenset([" ".join(words)]) if words else frozenset()
    return frozenset(map(" ".join, zip(*(words[k:] for k in range(n)), strict=False)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
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
