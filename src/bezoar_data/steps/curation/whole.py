"""`whole`: answers that are there and do not break off."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bezoar_data.measures.checks.ending import breaks_off, missing
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep, joined


class Whole(FilterStep):
    """Drop answers that are empty or break off.

    Reasons are `empty` and `cut`, with where: inside a word, a code block or a bracket, on "and the", or in a last
    sentence without an end where the others have one. Numbers, formulas, items of lists, titles, short answers and code
    end as they like. A cut that falls on the end of a sentence leaves a shorter text, and nothing in it shows.
    """

    use: ClassVar[str] = "whole"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}", "{instruction}")
    example: ClassVar[str] = "- use: whole\n  with: {column: explained_targets, instruction: inputs}\n"

    mark: str = Field(default="broken", description="The column that `action: mark` writes; null if all is well.")
    instruction: str = Field(
        default="", description='The column that holds what was asked, whose words tell half a word; "" for none.'
    )

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        asked = joined(row, [self.instruction]) if self.instruction else ""
        fault = missing(text, asked) or breaks_off(text, asked)
        return (fault.code, fault.detail) if fault else None
