"""`template_marks`: answers without the marks of prompt templates."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bezoar_data.measures.checks.marks import template_marks
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep, joined


class TemplateMarks(FilterStep):
    """Drop answers in which marks of a prompt template were left.

    Tokens such as <|im_start|> and [INST], headings such as "### Response:", speakers such as "Human:", places left to
    fill such as {{name}}: an answer that holds one was cut out of a prompt in the wrong place, or went on to speak for
    both sides. The reason is `template_mark`. A mark that the instruction has too is not a fault. To take tokens
    out and keep the row, use `clean`.
    """

    use: ClassVar[str] = "template_marks"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}", "{instruction}")
    example: ClassVar[str] = "- use: template_marks\n  with: {column: explained_targets, instruction: inputs}\n"

    mark: str = Field(default="template_mark", description="The column that `action: mark` writes; null if none.")
    instruction: str = Field(
        default="", description='The column that holds what was asked: marks in it are not a fault; "" for none.'
    )

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        fault = template_marks(text, joined(row, [self.instruction]) if self.instruction else "")
        return (fault.code, fault.detail) if fault else None
