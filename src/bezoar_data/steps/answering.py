"""Asking until an answer is usable: what steps share whose column is a model's plain answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pydantic import Field, NonNegativeInt

from bezoar_data.llms.ask import Answer, Ask, Message, Sample
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, ModelStep, StepGenerator

TRUNCATED = "truncated"
"""Reason of a row whose answer was cut by the token limit; the flag of one that was kept all the same."""
CUT = "cut by the token limit"


class AnsweringStep(ModelStep):
    """A model step that wants plain text. An answer that is empty or was cut by the token limit is asked for again, and
    in the end drops the row with what the model said."""

    retries: NonNegativeInt = Field(default=2, description="How often an unusable answer is asked for again.")
    keep_truncated: bool = Field(
        default=False,
        description="Keep an answer cut by the token limit, flagged as `truncated`, instead of asking again.",
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
        if isinstance(answer, Dropped):
            return answer
        return Kept(row.with_columns(**{into: answer.text.strip()}), flag=cut_flag(answer))

    def usable(self, messages: Sequence[Message]) -> Generator[Ask, Answer, Sample | Dropped]:
        """The answer's first sample, or the verdict `empty_answer` or `truncated`."""
        reason = text = ""
        for attempt in range(self.retries + 1):
            before = text
            answer = yield Ask(messages, attempt=attempt)
            text = answer.text.strip()
            reason = self.unusable_reason(answer.samples[0])
            if not reason:
                return answer.samples[0]
            if text and text == before:
                break  # it says the same again; a third time would be paid for nothing
        return Dropped(reason, f"asked {attempt + 1} times", raw=text or None, failed=True)

    def unusable_reason(self, sample: Sample) -> str:
        """Why one answer cannot be used: `empty_answer`, `truncated` or its refusal; empty if it can."""
        if sample.refusal:
            return sample.refusal
        if not sample.text.strip():
            return "empty_answer"
        return TRUNCATED if sample.finish_reason == "length" and not self.keep_truncated else ""


def cut_flag(*samples: Sample) -> Dropped | None:
    """The flag of a row that goes on with an answer which was cut, if one of these was."""
    return Dropped(TRUNCATED, CUT) if any(sample.finish_reason == "length" for sample in samples) else None
