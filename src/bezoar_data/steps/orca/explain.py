"""`orca.explain`: the teacher answers a question under its system message, and explains."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, NonNegativeInt

from bezoar_data.llms.ask import Answer, Ask, Message
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, ModelStep, Turns


class OrcaExplain(ModelStep):
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

    retries: NonNegativeInt = Field(default=2, description="How often an unusable answer is asked for again.")
    keep_truncated: bool = Field(
        default=False, description="Keep an answer cut by the token limit instead of asking again."
    )

    def run_row(self, row: Row) -> Turns:
        question = row["inputs"]
        if not isinstance(question, str) or not question.strip():
            return Dropped("empty_question", "there is nothing to answer in `inputs`", failed=True)
        messages = _messages(row["system_message"], question)
        fault = text = ""
        for attempt in range(self.retries + 1):
            answer = yield Ask(messages, attempt=attempt)
            text = answer.text.strip()
            fault = self._fault(answer)
            if not fault:
                return Kept(row.with_columns(explained_targets=text))
        return Dropped(fault, f"asked {self.retries + 1} times", raw=text or None, failed=True)

    def _fault(self, answer: Answer) -> str:
        if answer.finish_reason == "content_filter":
            return "filtered_answer"
        if not answer.text.strip():
            return "empty_answer"
        if answer.finish_reason == "length" and not self.keep_truncated:
            return "truncated_answer"
        return ""


def _messages(system: str | None, question: str) -> tuple[Message, ...]:
    asked = {"role": "user", "content": question}
    return ({"role": "system", "content": system}, asked) if system and system.strip() else (asked,)
