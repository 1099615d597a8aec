"""`balance`: no value of a column with more rows than others may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

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
        groups = [group_of(row.get(self.column)) for row in rows]
        sizes = Counter(groups)
        most = self.most if self.most is not None else min(sizes.values(), default=0)
        taken: Counter[str] = Counter()
        kept: set[int] = set()
        for i in draw(rows, self.seed):
            if taken[groups[i]] < most:
                taken[groups[i]] += 1
                kept.add(i)
        for i, row in enumerate(rows):
            detail = f"{self.column} = {groups[i][:80]}: {most} of {sizes[groups[i]]} stay"
            yield Kept(row.columns) if i in kept else Dropped("over_represented", detail)
