"""Endpoints that speak OpenAI's plain completions: base models behind vLLM, llama.cpp and others.

Where a server has no chat template for a model, or not the right one, the prompt is made here: by the template in
`extra_body.chat_template` (Jinja), else by a plain one. What is sent and read is otherwise as for chat completions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.providers.common.chat_format import read_completions
from bezoar_data.llms.providers.common.prompt_template import PLAIN, PLAIN_STOP, PromptTemplate
from bezoar_data.llms.providers.openai import OpenAI

TEMPLATE = "chat_template"
"""Where in `extra_body` the template stands. vLLM's chat endpoint takes it under the same name; here it is not sent."""


class OpenAICompletions(OpenAI):
    """Plain completions at `base_url`."""

    kind = "openai-completions"
    path = "completions"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._templates: dict[str, PromptTemplate] = {}

    def problems(self) -> list[Problem]:
        found = super().problems()
        who, body = f"extra_body of model '{self.model.model}'", self.model.extra_body
        for name in sorted({"prompt", "echo"} & set(body)):
            found.append(Problem("extra-body-taken", f"{who} may not set '{name}'", hint="leave it out"))
        try:
            self._template(self.model)
        except (ValueError, TypeError) as error:
            hint = "it is a Jinja template over `messages`, as in a tokenizer's tokenizer_config.json"
            found.append(Problem("bad-template", f"chat_template in {who} cannot be read: {error}", hint=hint))
        return found

    def _read(self, value: dict[str, Any], request: Request, headers: Mapping[str, str]) -> Sequence[Completion]:
        return read_completions(_as_chat(value), request.n, headers)

    async def _made_body(self, request: Request) -> dict[str, Any]:
        if self._template(request.model).is_foreign:
            # It may take its time, in which Ctrl-C and everything else must be heard.
            return await asyncio.to_thread(self._body, request)
        return self._body(request)

    def _body(self, request: Request) -> dict[str, Any]:
        body = super()._body(request)
        del body["messages"]
        template = body.pop(TEMPLATE, PLAIN)
        if template is PLAIN:
            body.setdefault("stop", list(PLAIN_STOP))
        return {**body, "prompt": self._template(request.model).render(request.messages)}

    def _template(self, model: Model) -> PromptTemplate:
        text = model.extra_body.get(TEMPLATE, PLAIN)
        if not isinstance(text, str):
            raise TypeError("it is not a text")
        known = self._templates.get(text)
        if known is None:
            known = self._templates[text] = PromptTemplate(text)
        return known


def _as_chat(value: dict[str, Any]) -> dict[str, Any]:
    """The answer as chat completions would give it. The blank after the prompt's last colon is not the answer's."""
    choices = value.get("choices")
    if not isinstance(choices, list):
        return value
    made = []
    for choice in choices:
        text = choice.get("text") if isinstance(choice, dict) else None
        if isinstance(text, str):
            choice = {**choice, "message": {"content": text.removeprefix(" ")}}
        made.append(choice)
    return {**value, "choices": made}
