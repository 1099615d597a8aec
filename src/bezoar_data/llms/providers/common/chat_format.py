"""OpenAI's chat format, which most endpoints and libraries speak: reading its answers, and what it asks of a schema.

Every field is checked: anything odd is a failure of this one request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bezoar_data.llms.providers.base import Completion
from bezoar_data.llms.providers.common.error_body import ERRORS, blocked
from bezoar_data.llms.providers.common.http import failure_inside
from bezoar_data.llms.providers.common.usage import Sample, read_usage, reasoning_tokens, shares
from bezoar_data.llms.reading.answer import REASONING
from bezoar_data.llms.reading.finish_reasons import ending_of
from bezoar_data.llms.retry_policy import Refusal, Transient


def read_completions(value: dict[str, Any], wanted: int, headers: Mapping[str, str]) -> list[Completion]:
    """The completions of a response, at most `wanted`. Raises `Transient` for one that is none, and what an error
    reported inside it means."""
    choices = value.get("choices")
    if not choices and any(map(value.get, ERRORS)):
        raise failure_inside(orjson.dumps(value), headers)
    usage = read_usage(value.get("usage"))
    if not isinstance(choices, list) or not choices:
        if why := blocked(value):
            raise Refusal(200, f"the prompt is blocked: {why}", "content_filter")
        raise Transient("garbage", "an answer without choices", billed=usage)
    request_id = value.get("id")
    thought = reasoning_tokens(value.get("usage")) if len(choices) == 1 else 0
    made = [_said(choice, usage, thought) for choice in choices[:wanted]]
    name = request_id if isinstance(request_id, str) else headers.get("x-request-id", "")
    counted = shares(usage, [said.counted for said in made], value)
    return [
        Completion(said.text, said.finish_reason, prompt, answer, name, said.extra)
        for said, (prompt, answer) in zip(made, counted, strict=True)
    ]


@dataclass(slots=True)
class _Said:
    """What one choice holds."""

    text: str
    finish_reason: str
    extra: dict[str, Any]
    tokens: int | None

    @property
    def counted(self) -> Sample:
        return Sample(self.text + str(self.extra.get(REASONING, "")), self.tokens)


def _said(choice: Any, usage: tuple[int, int] | None, thought: int) -> _Said:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise Transient("garbage", "a choice without a message", billed=usage)
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) and reason else "unknown"
    text, thinking, refusal = _content(message)
    if refusal:
        text, reason = refusal, "refusal"
    elif text is None:
        if not thinking and not thought and ending_of(reason) not in ("length", "content_filter", "refusal", "failed"):
            raise Transient("garbage", f"a message without content, finish reason '{reason}'", billed=usage)
        text = ""
    extra: dict[str, Any] = {}
    logprobs = choice.get("logprobs")
    if logprobs:
        extra["logprobs"] = logprobs
    if thinking:
        extra[REASONING] = thinking
    elif thought and not text:
        extra["reasoning_tokens"] = thought
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    return _Said(text, reason, extra, len(tokens) if isinstance(tokens, list) and tokens else None)


def _content(message: Mapping[str, Any]) -> tuple[str | None, str, str]:
    """A message's answer (None where it has none), thinking and refusal, wherever they stand in it."""
    content = message.get("content")
    refusal = message.get("refusal")
    thinking = next((told for name in _THINKING if (told := _words(message.get(name)))), "")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        texts = [part["text"] for part in parts if _is_text(part) and isinstance(part.get("text"), str)]
        thinking = thinking or "".join(_words(part) for part in parts if not _is_text(part))
        refusal = refusal or next((part["refusal"] for part in parts if part.get("refusal")), None)
        content = "".join(texts) if texts else None
    return content if isinstance(content, str) else None, thinking, refusal if isinstance(refusal, str) else ""


_THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
"""Where servers put a model's thinking: DeepSeek and vLLM, Ollama and OpenRouter, others; as text, or in parts."""


def _is_text(part: Mapping[str, Any]) -> bool:
    return part.get("type", "text") in ("text", "output_text")


def _words(told: Any) -> str:
    """The text in thinking that comes as text, as a part or as several."""
    if isinstance(told, str):
        return told
    if isinstance(told, list):
        return "".join(map(_words, told))
    if isinstance(told, dict):
        named = (_words(told.get(name)) for name in ("text", "thinking", "summary", "reasoning"))
        return next(filter(None, named), "")
    return ""


def is_strict(schema: Any) -> bool:
    """Whether OpenAI takes a schema as strict: every object closed, all its properties required."""
    if isinstance(schema, Mapping):
        if "properties" in schema:
            closed = schema.get("additionalProperties") is False
            if not closed or set(schema.get("required", ())) != set(schema["properties"]):
                return False
        return all(map(is_strict, schema.values()))
    return all(map(is_strict, schema)) if isinstance(schema, list | tuple) else True
