"""A step of our own: answers no longer than a number of words."""

from __future__ import annotations

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.curation import FilterStep


class ShortEnough(FilterStep):
    """Drop rows whose answer has more words than allowed."""

    words: int = Field(default=60, gt=0, description="The most words an answer may have.")

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        count = len(text.split())
        return ("too_long", f"{count} words") if count > self.words else None
