"""`orca.explain`: the teacher answers a question under its system message, and explains."""

from __future__ import annotations

from typing import ClassVar

from bezoar_data.llms.ask import Message
from bezoar_data.runs.row import Row
from bezoar_data.steps.answering import AnsweringStep
from bezoar_data.steps.base import Dropped, Kept, StepGenerator


class OrcaExplain(AnsweringStep):
    """Ask the teacher for an explained answer to each FLAN question.

    The question is `inputs`, asked under `system_message` (none if it is empty). An answer that is empty, was cut by
    the token limit or was stopped by the provider's content filter is asked for again; a row that never gets a usable
    one is dropped as `empty_answer`, `truncated_answer` or `filtered_answer`, with what the model said.
    """

    use: ClassVar[str] = "orca.explain"
    version: ClassVar[int] = 1
    spelled: ClassVar[dict[str, str]] = {"llm": "model"}
    reads: ClassVar[tuple[str, ...]] = ("inputs", "system_message")
    writes: ClassVar[tuple[str, ...]] = ("explained_targets",)
    example: ClassVar[str] = "- use: orca.explain\n  with: {model: teacher}\n"

    def run_row(self, row: Row) -> StepGenerator:
        question = row["inputs"]
        if not isinstance(question, str) or not question.strip():
            return Dropped("empty_question", "there is nothing to answer in `inputs`", failed=True)
        messages = _messages(row["system_message"], question)
        text = yield from self.usable(messages)
        return text if isinstance(text, Dropped) else Kept(row.with_columns(explained_targets=text))


def _messages(system: str | None, question: str) -> tuple[Message, ...]:
    asked = {"role": "user", "content": question}
    return ({"role": "system", "content": system}, asked) if system and system.strip() else (asked,)
