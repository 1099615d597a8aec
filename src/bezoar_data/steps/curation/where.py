"""`where`: rows for which an expression is true."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field, field_validator

from bezoar_data.config.errors import InputError
from bezoar_data.config.where import Where
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, RowStep, Verdict


class WhereStep(RowStep):
    """Keep the rows for which an expression is true, drop the others as `not_chosen`.

    The language: comparisons (== != < <= > >=), and, or, not, in [...], length(column), contains(column, "text"), is
    null, is not null, parentheses. What is compared with a null is unknown, and a row of which the whole is unknown
    does not stay: say `column is null or ...` to keep it. A column that no step before provides is reported
    before the run; one that only some rows have is null in the others.
    """

    use: ClassVar[str] = "where"
    version: ClassVar[int] = 1
    example: ClassVar[str] = """\
- use: where
  with: {expression: 'judge_status == "Accept" and judge_rating >= 4'}
"""

    expression: str = Field(
        min_length=1, description="What must be true of a row that stays.", json_schema_extra={"where": True}
    )

    @field_validator("expression")
    @classmethod
    def _parses(cls, value: str) -> str:
        try:
            Where.parse(value)
        except InputError as error:
            said = error.problems[0]
            raise ValueError(f"{said.message}; {said.hint}" if said.hint else said.message) from None
        return value

    @cached_property
    def _where(self) -> Where:
        return Where.parse(self.expression)

    def run_row(self, row: Row) -> Verdict:
        value = self._where.value(row.columns)
        if value is True:
            return Kept(row.columns)
        return Dropped("not_chosen", f"{'unknown' if value is None else 'false'}: {self.expression[:200]}")
