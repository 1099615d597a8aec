"""OpenAI's chat format, which most endpoints and libraries speak: reading its answers, and what it asks of a schema.

Every field is checked: anything odd is a failure of this one request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bezoar_data.llms.providers.base import Completion
from bezoar_data.llms.providers.common.http import failure_inside
from bezoar_data.llms.retry_policy import Transient


def read_completions(value: dict[str, Any], wanted: int, headers: Mapping[str, str]) -> list[Completion]:
    """The completions of a response, at most `wanted`. Raises `Transient` for one that is none, and what an error
    reported inside it means."""
    choices = value.get("choices")
    if not choices and value.get("error"):
        raise failure_inside(orjson.dumps(value), headers)
    usage = _usage(value.get("usage"))
    if not isinstance(choices, list) or not choices:
        raise Transient("garbage", "an answer without choices", billed=usage)
    request_id = value.get("id")
    made = [_completion(choice, usage) for choice in choices[:wanted]]
    name = request_id if isinstance(request_id, str) else headers.get("x-request-id", "")
    counted = split_bill(usage, len(made))
    return [
        Completion(text, reason, prompt, answer, name, extra)
        for (text, reason, extra), (prompt, answer) in zip(made, counted, strict=True)
    ]


def _completion(choice: Any, usage: tuple[int, int] | None) -> tuple[str, str, dict[str, Any]]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise Transient("garbage", "a choice without a message", billed=usage)
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) and reason else "unknown"
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    if not isinstance(content, str):
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            content, reason = refusal, "refusal"
        elif reason in ("length", "content_filter"):
            content = ""  # a whole answer of its kind: all tokens went into thinking, or nothing may be said
        else:
            raise Transient("garbage", "a message without content", billed=usage)
    extra: dict[str, Any] = {}
    if choice.get("logprobs"):
        extra["logprobs"] = choice["logprobs"]
    thinking = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thinking, str):
        extra["reasoning"] = thinking
    return content, reason, extra


def _usage(value: Any) -> tuple[int, int] | None:
    """(prompt, completion) tokens billed, if the endpoint tells both."""
    if not isinstance(value, dict):
        return None
    prompt, answer = value.get("prompt_tokens"), value.get("completion_tokens")
    if type(prompt) is not int or type(answer) is not int or prompt < 0 or answer < 0:
        return None
    return prompt, answer


def split_bill(usage: tuple[int, int] | None, n: int) -> list[tuple[int | None, int | None]]:
    """A bill split over its samples: the prompt to the first, the answers' tokens evenly. The sum stays the bill."""
    if usage is None:
        return [(None, None)] * n
    prompt, answer = usage
    each, rest = divmod(answer, n)
    return [(prompt if i == 0 else 0, each + (i < rest)) for i in range(n)]


def is_strict(schema: Any) -> bool:
    """Whether OpenAI takes a schema as strict: every object closed, all its properties required."""
    if isinstance(schema, Mapping):
        if "properties" in schema:
            closed = schema.get("additionalProperties") is False
            if not closed or set(schema.get("required", ())) != set(schema["properties"]):
                return False
        return all(map(is_strict, schema.values()))
    return all(map(is_strict, schema)) if isinstance(schema, list | tuple) else True
