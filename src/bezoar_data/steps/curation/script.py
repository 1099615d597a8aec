"""`script`: answers in the script of their instruction."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bezoar_data.measures.checks.script import other_script
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep, joined


class Script(FilterStep):
    """Drop answers written in another script than their instruction, such as Cyrillic or Han.

    Models that know several languages slip into another one. The reason is `other_script`, with the script.
    Instructions that speak of languages, translation or signs are left alone. For languages of one script, use
    `language`.
    """

    use: ClassVar[str] = "script"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}", "{instruction}")
    example: ClassVar[str] = "- use: script\n  with: {column: explained_targets, instruction: inputs}\n"

    mark: str = Field(default="other_script", description="The column that `action: mark` writes; null if it fits.")
    instruction: str = Field(min_length=1, description="The column that holds what was asked.", examples=["inputs"])
    share: float = Field(
        default=0.3, ge=0, lt=1, description="Share of the answer's letters that may be of other scripts."
    )

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        fault = other_script(text, joined(row, [self.instruction]), self.share)
        return (fault.code, fault.detail) if fault else None
