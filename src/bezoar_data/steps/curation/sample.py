"""`sample`: some of the rows, drawn at random, the same ones whatever their order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from bezoar_data.runs.row import Row, digest
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept, Verdict


class Sample(GlobalRowStep):
    """Keep a random sample: a number of rows or a share of them.

    A row's place in the draw depends on the seed and its id alone, so the order of rows makes no difference, and a
    larger sample holds the smaller ones. Rows not drawn are dropped as `not_sampled`.
    """

    use: ClassVar[str] = "sample"
    version: ClassVar[int] = 1
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("rows", "fraction"),)
    example: ClassVar[str] = "- use: sample\n  with: {rows: 1000}\n"

    rows: PositiveInt | None = Field(default=None, description="How many rows to keep.")
    fraction: float | None = Field(
        default=None, gt=0, le=1, description="The share of rows to keep, rounded to rows.", examples=[0.1]
    )

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        wanted = self.rows if self.rows is not None else round((self.fraction or 1.0) * len(rows))
        drawn = np.zeros(len(rows), np.bool_)
        drawn[draw(rows, self.seed)[:wanted]] = True
        for i, row in enumerate(rows):
            yield Kept(row.columns) if drawn[i] else Dropped("not_sampled", f"{wanted} of {len(rows)} were drawn")


def draw(rows: Iterable[Row], seed: int) -> list[int]:
    """The rows' positions in a random order that depends on the seed and their ids only."""
    drawn = array("Q")
    for row in rows:
        number = digest("sample", seed, row.id)
        drawn.extend((int(number[:16], 16), int(number[16:], 16)))
    parts = np.frombuffer(drawn, np.uint64).reshape(-1, 2)
    order: list[int] = np.lexsort((parts[:, 1], parts[:, 0])).tolist()
    return order
