"""A step of our own: answers no longer than a number of words."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, RowStep, Verdict


class ShortEnough(RowStep):
    """Drop rows whose answer has more words than allowed."""

    reads: ClassVar[tuple[str, ...]] = ("{column}",)

    column: str = Field(default="response", description="The column to measure.")
    words: int = Field(default=60, gt=0, description="The most words an answer may have.")

    def run_row(self, row: Row) -> Verdict:
        count = len(row[self.column].split())
        if count > self.words:
            return Dropped("too_long", f"{count} words")
        return Kept(row.columns)
