"""A distilabel LLM that answers by a rule, for driving steps the way distilabel's own runner does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilabel.models.llms.base import LLM
from pydantic import PrivateAttr


class ScriptedLLM(LLM):
    """Answers each prompt with `answer(messages)`; None is a failed request. Counts the prompts it was given."""

    answer: Callable[[list[dict[str, str]]], str | None]
    structured_output: Any = None
    _asked: list[list[dict[str, str]]] = PrivateAttr(default_factory=list)

    @property
    def model_name(self) -> str:
        return "scripted"

    @property
    def asked(self) -> list[list[dict[str, str]]]:
        return self._asked

    def generate(self, inputs: list[Any], num_generations: int = 1) -> list[dict[str, Any]]:
        outputs = []
        for given in inputs:
            messages = given[0] if isinstance(given, tuple) else given
            self._asked.append(list(messages))
            text = self.answer(list(messages))
            outputs.append({"generations": [text] * num_generations, "statistics": {}})
        return outputs
