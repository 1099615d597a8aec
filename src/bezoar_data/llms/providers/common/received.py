"""Completions as they come in from any provider, read for what they are before anyone gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bezoar_data.llms.providers.base import Completion
from bezoar_data.llms.reading.answer import read_answer
from bezoar_data.llms.reading.finish_reasons import ending_of
from bezoar_data.llms.retry_policy import Cause, Transient

_OVERLOAD = ("resource", "overload")
"""What stands in the finish reasons of an endpoint that has too much to do."""


def received(completions: Sequence[Completion]) -> Sequence[Completion]:
    """The completions with their thinking apart, marks cut off, finish reasons in our words, refusals marked as such.

    What the endpoint gave up midway is left out, its tokens counted with the others, and asked again as one that never
    came. Raises `Transient` where nothing else came.
    """
    whole = [_read(c) for c in completions if ending_of(c.finish_reason) != "failed"]
    if len(whole) == len(completions):
        return whole
    failed = [c for c in completions if ending_of(c.finish_reason) == "failed"]
    bill = _bill(failed)
    if whole:
        whole[0] = _with_bill(whole[0], bill)
        return whole
    said = failed[0].finish_reason
    cause: Cause = "unavailable" if any(word in said.lower() for word in _OVERLOAD) else "unfinished"
    raise Transient(cause, f"the answer broke off with finish reason '{said}'", billed=bill)


def _read(completion: Completion) -> Completion:
    found = read_answer(completion.text, completion.finish_reason, completion.extra)
    if found is None:
        return completion
    return replace(
        completion,
        text=found.text,
        finish_reason=found.finish_reason,
        extra=found.extra,
        error=found.error,
        detail=found.detail,
    )


def _bill(completions: Sequence[Completion]) -> tuple[int, int] | None:
    prompt = answer = 0
    for c in completions:
        if c.prompt_tokens is None or c.completion_tokens is None:
            return None
        prompt += c.prompt_tokens
        answer += c.completion_tokens
    return prompt, answer


def _with_bill(completion: Completion, bill: tuple[int, int] | None) -> Completion:
    if bill is None or completion.prompt_tokens is None or completion.completion_tokens is None:
        return completion
    prompt, answer = completion.prompt_tokens + bill[0], completion.completion_tokens + bill[1]
    return replace(completion, prompt_tokens=prompt, completion_tokens=answer)
