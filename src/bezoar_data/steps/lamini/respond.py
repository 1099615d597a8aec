"""`lamini.respond`: the teacher answers each instruction, as concisely as the instruction allows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from pydantic import Field

from bezoar_data.llms.ask import Ask
from bezoar_data.runs.row import Row
from bezoar_data.steps.answering import AnsweringStep
from bezoar_data.steps.base import StepGenerator
from bezoar_data.steps.distilabel_task import AskOnceTask
from bezoar_data.steps.lamini.prompts import load_prompts
from bezoar_data.steps.placeholders import Words, placeholder

_CONCISE = 45
"""Tokens of a typical answer that was to be concise. Our assumption."""


class LaminiRespond(AnsweringStep, AskOnceTask):
    """Ask the teacher for a concise response to each instruction.

    The system message asks for an answer in as few words as the request allows (`system: ""` sends none). A response
    that is empty or was cut by the token limit is asked for again; a row that never gets a usable one is dropped as
    `empty_answer` or `truncated`. A refused one (`content_filter`, `refused`, `only_thinking`) is dropped at once.
    """

    use: ClassVar[str] = "lamini.respond"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("instruction",)
    writes: ClassVar[tuple[str, ...]] = ("response",)
    types: ClassVar[Mapping[str, str]] = {"response": "text"}
    example: ClassVar[str] = "- use: lamini.respond\n  with: {model: teacher}\n"

    system: str | None = Field(
        default=None,
        description="The system message in place of the shipped one.",
        examples=["Answer in one sentence."],
    )

    def load(self) -> None:
        super().load()
        _ = self._message

    def run_row(self, row: Row) -> StepGenerator:
        return self.answer(row, "instruction", self._message, into="response", empty="empty_instruction")

    def placeholder(self, ask: Ask, words: Words) -> str:
        return placeholder(ask, words, tokens=_CONCISE)

    def said_to_models(self) -> dict[str, str]:
        return {"system message": self._message} if self._message.strip() else {}

    @cached_property
    def _message(self) -> str:
        return load_prompts(None).respond.system if self.system is None else self.system
