"""What a step asks of a model, and what comes back. Values only: steps know nothing of transport or journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from bezoar_data.config.errors import BezoarError
from bezoar_data.config.value_class import value_class

Message = Mapping[str, str]
"""A chat message: `{"role": "system" | "user" | "assistant", "content": text}`."""

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def canonical_messages(messages: Sequence[Message]) -> bytes:
    """Messages as JSON with sorted keys and no spaces: what the journal's key is taken over and what it stores."""
    try:
        return orjson.dumps(messages, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # lone surrogates: orjson refuses them, and writes all other text as json does
        return _encode(messages).encode("utf-8", "surrogatepass")


@value_class(frozen=True, slots=True)
class Ask:
    """One question to the step's model.

    `n` answers are wanted. `attempt` counts re-askings of the same question: it is part of the journal's key, or
    asking again would return the same unusable answer for ever. `schema` is a JSON schema for structured output. `to`
    is the step's field that holds the model asked, for steps that ask more than one.

    `narrower` is a schema to send in place of `schema` where a server follows any: with a bound on a text's length, or
    the only words that are an answer. What fits it is an answer to the question all the same, so it is not part of the
    journal's key, and answers from before there was a bound still count.
    """

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    n: int = 1
    attempt: int = 0
    to: str = "llm"
    narrower: Mapping[str, Any] | None = None


@value_class(frozen=True, slots=True)
class Sample:
    """One answer: its text, why it ended (`stop`, `length`...), and its key in the journal.

    `refusal` is the reason code of a sample that is none, where others of the same question are; its text is empty.
    """

    text: str
    finish_reason: str
    key: str
    refusal: str = ""


@value_class(frozen=True, slots=True)
class Answer:
    """The `n` samples a model gave to one `Ask`, in order. `demo` marks models that only show the flow."""

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
    def is_cut(self) -> bool:
        """Whether the token limit ended any of its samples."""
        return any(sample.finish_reason == "length" for sample in self.samples)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(s.key for s in self.samples)


class Refused(BezoarError):
    """This one question gets no answer, for good: `llms.refusals` tells the causes. Thrown into the step's generator;
    uncaught, it drops the row with this reason. `text` is what the model said all the same, if it said anything;
    `keys` name what was journalled of it and paid for, as `model`'s. `lasting`: it would be refused again whatever is
    set otherwise, so it may be journalled."""

    def __init__(
        self,
        reason: str,
        detail: str,
        text: str | None = None,
        *,
        lasting: bool = True,
        keys: tuple[str, ...] = (),
        model: str = "",
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.text = text
        self.keys = keys
        self.model = model
        self.lasting = lasting
