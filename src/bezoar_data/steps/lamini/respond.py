"""`lamini.respond`: the teacher answers each instruction, as concisely as the instruction allows."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PrivateAttr

from bezoar_data.llms.ask import Ask, Message
from bezoar_data.runs.row import Row
from bezoar_data.steps.answering import AnsweringStep
from bezoar_data.steps.base import Dropped, Kept, StepGenerator
from bezoar_data.steps.lamini.prompts import load_prompts
from bezoar_data.steps.placeholders import Words, placeholder

_CONCISE = 45
"""Tokens of a typical answer that was to be concise. Our assumption."""


class LaminiRespond(AnsweringStep):
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

    system: str | None = Field(
        default=None,
        description="The system message in place of the shipped one.",
        examples=["Answer in one sentence."],
    )
    _system: str | None = PrivateAttr(default=None)

    def load(self) -> None:
        super().load()
        self._said()

    def run_row(self, row: Row) -> StepGenerator:
        instruction = row["instruction"]
        if not isinstance(instruction, str) or not instruction.strip():
            return Dropped("empty_instruction", "there is nothing to answer in `instruction`", failed=True)
        system = self._said()
        asked: Message = {"role": "user", "content": instruction}
        messages = ({"role": "system", "content": system}, asked) if system.strip() else (asked,)
        text = yield from self.usable(messages)
        return text if isinstance(text, Dropped) else Kept(row.with_columns(response=text))

    def placeholder(self, ask: Ask, words: Words) -> str:
        return placeholder(ask, words, tokens=_CONCISE)

    def _said(self) -> str:
        if self._system is None:
            self._system = load_prompts(None).respond.system if self.system is None else self.system
        return self._system
