"""`reference`: answers that come to what the reference says."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bezoar_data.measures.checks.reference import compare
from bezoar_data.measures.words import text_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep


class Reference(FilterStep):
    """Drop answers whose number, option, yes or no, date or few words are not those of the reference.

    It reads what the answer settles on: "The answer is (B).", "#### 18", its last claim, else its beginning or its
    conclusion. References are as public data has them: FLAN's `targets`, GSM8K's worked answers with `####`, options by
    letter or by text. 1,000 and 1000, 1/2 and 0.5, 50% and 0.5, six and 6 are equal; units are not compared. The
    reasons are `other_answer`, and `no_answer` where none is stated. A reference of more than four words is a text of
    its own: such rows stay.
    """

    use: ClassVar[str] = "reference"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}", "{reference}", "{instruction}")
    example: ClassVar[str] = (
        "- use: reference\n  with: {column: explained_targets, reference: targets, instruction: inputs}\n"
    )

    column: str = Field(description="The column that holds the answer.")
    mark: str = Field(default="other_answer", description="The column that `action: mark` writes; null if it agrees.")
    reference: str = Field(default="targets", min_length=1, description="The column of reference answers.")
    instruction: str = Field(
        default="inputs", description='The column that holds what was asked, with its options; "" for none.'
    )
    unstated: Literal["drop", "keep"] = Field(
        default="drop", description="What becomes of an answer in which no number, option, or yes or no is stated."
    )

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        reference, asked = (text_of(row.get(column)) if column else "" for column in (self.reference, self.instruction))
        if not reference.strip():
            return None
        compared = compare(text, reference, asked)
        if compared.outcome == "differs":
            return "other_answer", f"'{compared.found[:80]}', not '{compared.wanted[:80]}'"
        if compared.outcome == "unstated" and self.unstated == "drop":
            return "no_answer", f"not '{compared.wanted[:80]}'"
        return None
