"""`balance`: no value of a column with more rows than others may have."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from bezoar_data.runs.row import Row, group_of
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept, Verdict
from bezoar_data.steps.curation.sample import draw


class Balance(GlobalRowStep):
    """Keep at most so many rows of each value of a column.

    Without `most` every value gets as many rows as the rarest one has. Which rows stay is drawn at random by seed and
    row id, whatever the rows' order; the rest is dropped as `over_represented`. Rows without a value form a group of
    their own.
    """

    use: ClassVar[str] = "balance"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    example: ClassVar[str] = "- use: balance\n  with: {column: task_source, most: 500}\n"

    column: str = Field(min_length=1, description="The column whose values are balanced.")
    most: PositiveInt | None = Field(
        default=None, description="The most rows of each value; the rarest value's number if not given."
    )

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        numbers: dict[str, int] = {}
        groups = array("l", (numbers.setdefault(self._group(row), len(numbers)) for row in rows))
        sizes = Counter(groups)
        most = self.most if self.most is not None else min(sizes.values(), default=0)
        taken: Counter[int] = Counter()
        kept = np.zeros(len(rows), np.bool_)
        for i in draw(rows, self.seed):
            if taken[groups[i]] < most:
                taken[groups[i]] += 1
                kept[i] = True
        for i, row in enumerate(rows):
            detail = f"{self.column} = {self._group(row)[:80]}: {most} of {sizes[groups[i]]} stay"
            yield Kept(row.columns) if kept[i] else Dropped("over_represented", detail)

    def _group(self, row: Row) -> str:
        return group_of(row.get(self.column))
