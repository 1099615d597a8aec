"""Asking until an answer is usable: what steps share whose column is a model's plain answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pydantic import Field, NonNegativeInt

from bezoar_data.llms.ask import Answer, Ask, Message, Sample
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, ModelStep, StepGenerator


class AnsweringStep(ModelStep):
    """A model step that wants plain text. An answer that is empty, was cut by the token limit or was stopped by the
    provider's content filter is asked for again, and in the end drops the row with what the model said."""

    retries: NonNegativeInt = Field(default=2, description="How often an unusable answer is asked for again.")
    keep_truncated: bool = Field(
        default=False, description="Keep an answer cut by the token limit instead of asking again."
    )

    def answer(self, row: Row, asked: str, system: str | None, *, into: str, empty: str) -> StepGenerator:
        """What becomes of the row: the answer to the text in `asked`, under a system message where there is one, goes
        into the column `into`. A row without such a text is dropped as `empty`."""
        text = row[asked]
        if not isinstance(text, str) or not text.strip():
            return Dropped(empty, f"there is nothing to answer in `{asked}`", failed=True)
        question: Message = {"role": "user", "content": text}
        messages = ({"role": "system", "content": system}, question) if system and system.strip() else (question,)
        answer = yield from self.usable(messages)
        return answer if isinstance(answer, Dropped) else Kept(row.with_columns(**{into: answer}))

    def usable(self, messages: Sequence[Message]) -> Generator[Ask, Answer, str | Dropped]:
        """The answer's text, or the verdict `empty_answer`, `truncated_answer` or `filtered_answer`."""
        reason = text = ""
        for attempt in range(self.retries + 1):
            before = text
            answer = yield Ask(messages, attempt=attempt)
            text = answer.text.strip()
            reason = self.unusable_reason(answer.samples[0])
            if not reason:
                return text
            if text and text == before:
                break  # it says the same again; a third time would be paid for nothing
        return Dropped(reason, f"asked {attempt + 1} times", raw=text or None, failed=True)

    def unusable_reason(self, sample: Sample) -> str:
        """Why one answer cannot be used: `filtered_answer`, `empty_answer`, `truncated_answer`; empty if it can."""
        if sample.finish_reason == "content_filter":
            return "filtered_answer"
        if not sample.text.strip():
            return "empty_answer"
        if sample.finish_reason == "length" and not self.keep_truncated:
            return "truncated_answer"
        return ""
