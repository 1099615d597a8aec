"""Anthropic's Messages API, and hosts that speak it.

Connection, key handling and the meaning of HTTP errors are the OpenAI provider's; what differs is here: system texts
stand beside the messages, a limit on tokens is required, a request brings one answer, and a JSON schema is asked for
as the input of a tool that the model must call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import orjson

from bezoar_data.config.files.models import Model, Sampling
from bezoar_data.config.problems import Problem
from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.providers.common.dialect import folded
from bezoar_data.llms.providers.common.error_body import ERRORS
from bezoar_data.llms.providers.common.http import endpoint_url, failure_inside
from bezoar_data.llms.providers.openai import OpenAI
from bezoar_data.llms.reading.answer import REASONING
from bezoar_data.llms.retry_policy import Transient

ANTHROPIC = "https://api.anthropic.com/v1"
VERSION = "2023-06-01"
"""The protocol's version. `extra_headers` may name another."""
MAX_TOKENS = 4096
"""Sent when the models file sets no `max_tokens`: the API wants one, and every model takes this."""
TOOL = "answer"


class Anthropic(OpenAI):
    """Messages at `base_url`, Anthropic's own by default."""

    kind = "anthropic"
    home: ClassVar[str] = ANTHROPIC
    path: ClassVar[str] = "messages"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._at_first = self.dialect = replace(self.dialect, without=self.dialect.without | {"n"})
        self._url = endpoint_url(_with_version(model.base_url or ANTHROPIC), self.path)

    def problems(self) -> list[Problem]:
        if self.model.base_url is None and self.model.api_key_env is None:
            message = f"model '{self.model.model}' names no api_key_env"
            return [Problem("no-key-variable", message, hint="for Anthropic itself: api_key_env: ANTHROPIC_API_KEY")]
        return [*super().problems(), *_value_problems(self.model)]

    def _headers(self) -> dict[str, str]:
        headers = super()._headers()
        if not any(name.lower() == "anthropic-version" for name in headers):
            headers["anthropic-version"] = VERSION
        return headers

    def _read(self, value: dict[str, Any], request: Request, headers: Mapping[str, str]) -> Sequence[Completion]:
        """One completion, for the first sample: several would be several requests, each within the limits."""
        if value.get("type") == "error" or ("content" not in value and any(map(value.get, ERRORS))):
            raise failure_inside(orjson.dumps(value), headers)
        return [_completion(value, request.schema, headers)]

    def _key_headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key}

    def _body(self, request: Request) -> dict[str, Any]:
        body = dict(self._values(request))
        without = self.dialect.without
        messages = folded(request.messages) if "system" in without else request.messages
        body["messages"] = [dict(m) for m in messages if m["role"] != "system"]
        if system := "\n\n".join(m["content"] for m in messages if m["role"] == "system"):
            body["system"] = system
        body.update(request.model.extra_body)
        if request.schema is not None and "json_schema" not in without:
            _ask_for_json(body, request.schema)
        return body

    def _fixed_values(self, model: Model, values: Sampling) -> dict[str, Any]:
        return {
            "model": model.model,
            "max_tokens": values.max_tokens or MAX_TOKENS,
            "temperature": values.temperature,
            "top_p": values.top_p,
            "top_k": values.top_k if values.top_k and values.top_k > 0 else None,
            "stop_sequences": list(values.stop) or None,
        }


def _with_version(base: str) -> str:
    """The address with the API's version: Anthropic's documentation and client write it without."""
    parts = urlsplit(base)
    return base if parts.path.strip("/") else urlunsplit(parts._replace(path="/v1"))


def _ask_for_json(body: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Ask for the schema's value as the input of a tool. A tool's input is an object: anything else is put into one."""
    form = schema if _is_object(schema) else _boxed(schema)
    tool = {"name": TOOL, "description": "Give your answer with this tool.", "input_schema": form}
    body["tools"] = [*body.get("tools", ()), tool]
    thinks = isinstance(thinking := body.get("thinking"), dict) and thinking.get("type") != "disabled"
    # A model that thinks cannot be made to call a tool, only allowed to.
    body["tool_choice"] = {"type": "auto"} if thinks else {"type": "tool", "name": TOOL}


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object"


def _boxed(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"value": {k: v for k, v in schema.items() if k not in ("$defs", "$schema")}},
        "required": ["value"],
        # References in a schema start at its root.
        **({"$defs": schema["$defs"]} if "$defs" in schema else {}),
    }


def _completion(value: dict[str, Any], schema: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Completion:
    prompt, answer, cached = _usage(value.get("usage"))
    billed = None if prompt is None or answer is None else (prompt, answer)
    blocks = value.get("content")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Transient("garbage", "an answer without content", billed=billed)
    reason = value.get("stop_reason")
    reason = reason if isinstance(reason, str) and reason else "unknown"
    extra: dict[str, Any] = {"usage": cached} if cached else {}
    if thoughts := _joined(blocks, "thinking"):
        extra[REASONING] = thoughts
    text = _joined(blocks, "text")
    if schema is not None and (given := _given(blocks, schema)) is not None:
        text = given
    name = value.get("id")
    request_id = name if isinstance(name, str) else headers.get("request-id", "")
    return Completion(text, reason, prompt, answer, request_id, extra)


def _joined(blocks: Sequence[Mapping[str, Any]], kind: str) -> str:
    found = (block.get(kind) for block in blocks if block.get("type") == kind)
    return "".join(text for text in found if isinstance(text, str))


def _given(blocks: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> str | None:
    """What the model gave the tool, as JSON text; None when it did not call it, or was cut before it said anything."""
    for block in blocks:
        if block.get("type") == "tool_use" and block.get("name") == TOOL:
            given = block.get("input")
            if not _is_object(schema):
                given = given.get("value") if isinstance(given, dict) else None
            return None if given is None else orjson.dumps(given).decode()
    return None


def _usage(value: Any) -> tuple[int | None, int | None, dict[str, int]]:
    """(prompt tokens, answer tokens, what of the prompt went through Anthropic's cache).

    Tokens written to and read from the cache are prompt tokens, told apart from the rest. They have prices of their
    own, which a models file does not know: the cost booked for them is the plain price's.
    """
    if not isinstance(value, dict):
        return None, None, {}

    def count(name: str) -> int | None:
        found = value.get(name)
        return found if type(found) is int and found >= 0 else None

    cached = {
        name: tokens for name in ("cache_creation_input_tokens", "cache_read_input_tokens") if (tokens := count(name))
    }
    prompt = count("input_tokens")
    return None if prompt is None else prompt + sum(cached.values()), count("output_tokens"), cached


def _value_problems(model: Model) -> list[Problem]:
    values, who = model.sampling, f"model '{model.model}'"
    found = []
    if values.temperature is not None and values.temperature > 1:
        message = f"{who} has a temperature of {values.temperature:g}; Anthropic's models take 0 to 1"
        found.append(Problem("bad-temperature", message, hint="set sampling.temperature to at most 1"))
    if values.repetition_penalty is not None:
        message = f"{who} has a repetition_penalty, which Anthropic's API does not support"
        found.append(Problem("no-repetition-penalty", message, hint="leave it out"))
    if "system" in model.extra_body:
        message = f"extra_body of {who} may not set 'system'"
        found.append(Problem("extra-body-taken", message, hint="system texts are the steps'"))
    return found
