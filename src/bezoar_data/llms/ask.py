"""What a step asks of a model, and what comes back. Values only: steps know nothing of transport or journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bezoar_data.config.errors import BezoarError

Message = Mapping[str, str]
"""A chat message: `{"role": "system" | "user" | "assistant", "content": text}`."""

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def canonical_messages(messages: Sequence[Message]) -> bytes:
    """Messages as JSON with sorted keys and no spaces: what the journal's key is taken over and what it stores."""
    try:
        return orjson.dumps(messages, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # lone surrogates: orjson refuses them, and writes all other text as json does
        return _encode(messages).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the step's model.

    `n` answers are wanted. `attempt` counts re-askings of the same question: it is part of the journal's key, or
    asking again would return the same unusable answer for ever. `schema` is a JSON schema for structured output. `to`
    is the step's field that holds the model asked, for steps that ask more than one.
    """

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    n: int = 1
    attempt: int = 0
    to: str = "llm"


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: its text, why it ended (`stop`, `length`, `content_filter`...), and its key in the journal."""

    text: str
    finish_reason: str
    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The `n` samples a model gave to one `Ask`, in order. `demo` marks the embedded offline models."""

    samples: tuple[Sample, ...]
    model: str
    demo: bool = False

    @property
    def text(self) -> str:
        return self.samples[0].text

    @property
    def finish_reason(self) -> str:
        return self.samples[0].finish_reason

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(s.key for s in self.samples)


class Refused(BezoarError):
    """The provider refused this one request for good, or gave no usable answer to it after all retries. Thrown into the
    step's generator; uncaught, it drops the row with this reason. `lasting`: it would be refused again whatever is set
    otherwise, so it may be journalled."""

    def __init__(self, reason: str, detail: str, *, lasting: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.lasting = lasting
