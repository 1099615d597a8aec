"""`orca.explain`: the teacher answers a question under its system message, and explains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.answering import AnsweringStep
from bezoar_data.steps.base import StepGenerator
from bezoar_data.steps.distilabel_task import AskOnceTask


class OrcaExplain(AnsweringStep, AskOnceTask):
    """Ask the teacher for an explained answer to each FLAN question.

    The question is asked under `system_message` (none if it is empty). An answer that is empty or was cut by the token
    limit is asked for again; a row that never gets a usable one is dropped as `empty_answer` or `truncated`, with what
    the model said. A refused one (`content_filter`, `refused`, `only_thinking`) is dropped at once.
    """

    use: ClassVar[str] = "orca.explain"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "system_message")
    writes: ClassVar[tuple[str, ...]] = ("explained_targets",)
    types: ClassVar[Mapping[str, str]] = {"explained_targets": "text"}
    example: ClassVar[str] = "- use: orca.explain\n  with: {model: teacher}\n"

    instruction: str = Field(default="inputs", min_length=1, description="The column that holds the question.")

    def run_row(self, row: Row) -> StepGenerator:
        return self.answer(
            row, self.instruction, row["system_message"], into="explained_targets", empty="empty_question"
        )
