"""`lamini.respond`: the teacher answers each instruction, as concisely as the instruction allows."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, NonNegativeInt, PrivateAttr

from bezoar_data.llms.ask import Answer, Ask, Message
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, ModelStep, Turns
from bezoar_data.steps.lamini.prompts import load_prompts


class LaminiRespond(ModelStep):
    """Ask the teacher for a concise response to each instruction.

    The system message asks for an answer in as few words as the request allows (`system: ""` sends none). A response
    that is empty, was cut by the token limit or was stopped by the provider's content filter is asked for again; a row
    that never gets a usable one is dropped as `empty_answer`, `truncated_answer` or `filtered_answer`.
    """

    use: ClassVar[str] = "lamini.respond"
    version: ClassVar[int] = 1
    spelled: ClassVar[dict[str, str]] = {"llm": "model"}
    reads: ClassVar[tuple[str, ...]] = ("instruction",)
    writes: ClassVar[tuple[str, ...]] = ("response",)
    example: ClassVar[str] = "- use: lamini.respond\n  with: {model: teacher}\n"

    system: str | None = Field(default=None, description="The system message in place of the shipped one.")
    retries: NonNegativeInt = Field(default=2, description="How often an unusable response is asked for again.")
    keep_truncated: bool = Field(
        default=False, description="Keep a response cut by the token limit instead of asking again."
    )

    _system: str | None = PrivateAttr(default=None)

    def load(self) -> None:
        super().load()
        self._said()

    def run_row(self, row: Row) -> Turns:
        instruction = row["instruction"]
        if not isinstance(instruction, str) or not instruction.strip():
            return Dropped("empty_instruction", "there is nothing to answer in `instruction`", failed=True)
        system = self._said()
        asked: Message = {"role": "user", "content": instruction}
        messages = ({"role": "system", "content": system}, asked) if system.strip() else (asked,)
        fault = text = ""
        for attempt in range(self.retries + 1):
            answer = yield Ask(messages, attempt=attempt)
            text = answer.text.strip()
            fault = self._fault(answer)
            if not fault:
                return Kept(row.with_columns(response=text))
        return Dropped(fault, f"asked {self.retries + 1} times", raw=text or None, failed=True)

    def _fault(self, answer: Answer) -> str:
        if answer.finish_reason == "content_filter":
            return "filtered_answer"
        if not answer.text.strip():
            return "empty_answer"
        if answer.finish_reason == "length" and not self.keep_truncated:
            return "truncated_answer"
        return ""

    def _said(self) -> str:
        if self._system is None:
            self._system = load_prompts(None).respond.system if self.system is None else self.system
        return self._system
