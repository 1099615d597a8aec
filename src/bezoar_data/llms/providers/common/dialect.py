"""How one endpoint wants to be asked, where endpoints of one kind differ: what it takes of a request, under which name.

What the models file says under `supports` is the beginning. Where an endpoint then says of a part of a request that it
does not take it, requests are made without it from then on: told once, and noted with each answer, as the journal's
key still names the values that were wanted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Message
from bezoar_data.llms.providers.base import Request
from bezoar_data.llms.retry_policy import Refusal

UNSUPPORTED = "unsupported_parameter"
SENT_WITHOUT = "sent_without"
"""Where it stands in an answer's `extra`, as the journal keeps it, what was wanted of a request and not sent."""
LIMITS = ("max_tokens", "max_completion_tokens")
SAMPLING = ("top_k", "repetition_penalty", "seed", "stop", "top_p", "temperature")
"""In the order in which they are given up where an endpoint names several."""

_NAMED = {
    "json_schema": r"response[_ ]?format|json[_ ]?schema|structured output|guided|grammar",
    "n": r"['\"`]n['\"`]|\bn ?(=|>|must|should)|n_cmpl|best_of|candidate ?count"
    r"|(multiple|one|single) (candidate|choice|completion)",
    "system": r"system[ _](role|message|prompt|instruction)|developer instruction|role.{0,20}system|'system'|roles must"
    r"|only user and assistant",
    "stop": r"['\"`]stop['\"`]",
}
_INSTEAD = re.compile(
    r"\b(expected|supported|allowed|valid|accepted) (one of|are|parameters|fields|values|names)", re.I
)
"""Behind these words stands what an endpoint does take."""
_FIELDS = {
    "json_schema": r"response_format|guided|json_schema|structured|tool",
    "n": r"n$|n_cmpl|best_of",
    "system": r"messages.{0,4}\.role|system",
    "repetition_penalty": r"(generation_config\.)?repetition_penalty$",
}
_WITHOUT = {
    "json_schema": "takes no JSON schema: answers are asked for without one and read from their text",
    "n": "gives one answer to a request: several are asked for one by one",
    "system": "takes no system message: its text goes into the first user message",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is not sent, by the names of `supports`, and the name under which the limit on tokens is."""

    without: frozenset[str] = frozenset()
    limit: str = LIMITS[0]

    @classmethod
    def of(cls, model: Model, *, official: bool = False) -> Dialect:
        """What the models file says. OpenAI itself (`official`) wants its own name for the limit."""
        said = model.supports
        named = official if said.max_completion_tokens is None else said.max_completion_tokens
        without = (name for name in (*_WITHOUT, *SAMPLING) if getattr(said, name) is False)
        return cls(frozenset(without), LIMITS[named])

    def after(self, refusal: Refusal, request: Request) -> Dialect | None:
        """How to ask instead of as in a request that was refused; None where the refusal speaks of something else, or
        of what the models file says is to be sent."""
        blamed = self._blamed(refusal, request)
        if not blamed:
            return None
        other = LIMITS[self.limit == LIMITS[0]]
        return Dialect(self.without | (blamed - {self.limit}), other if self.limit in blamed else self.limit)

    def with_(self, other: Dialect, was: Dialect) -> Dialect:
        """This one, with what made `other` out of `was`."""
        limit = other.limit if other.limit != was.limit else self.limit
        return Dialect(self.without | other.without, limit)

    def told(self, before: Dialect, why: str) -> str:
        """In words for people, what is other than before, and how to say so beforehand."""
        names = sorted(self.without - before.without)
        parts = [_WITHOUT.get(name, f"takes no {name}: it is not sent, so the model's own holds") for name in names]
        says = [f"{name}: false" for name in names]
        if self.limit != before.limit:
            parts.append(f"takes {self.limit}, not {before.limit}")
            says.append(f"max_completion_tokens: {str(self.limit == LIMITS[1]).lower()}")
        how = f"to say so beforehand: supports: {{{', '.join(says)}}}"
        return f"it {' and '.join(parts)} ({why[:160]}); {how}"

    def missing(self, request: Request) -> list[str]:
        """What was wanted of this request and is not sent."""
        values = request.sampling
        found = [name for name in SAMPLING if name in self.without and getattr(values, name) not in (None, ())]
        if "system" in self.without and has_system(request.messages):
            found.append("system")
        if "json_schema" in self.without and request.schema is not None:
            found.append("json_schema")
        return sorted(found)

    def _blamed(self, refusal: Refusal, request: Request) -> set[str]:
        sent = self._sent(request)
        if named := {name for name in sent if _names_field(refusal.fields, name)}:
            # A schema, several answers and a system message are the only ones of their kind: any complaint will do.
            return named if refusal.reason == UNSUPPORTED else named & {"json_schema", "n"}
        if refusal.reason != UNSUPPORTED:
            return set()
        said = _INSTEAD.split(refusal.detail, maxsplit=1)[0]
        words = (name for name in sent if re.search(_NAMED.get(name, rf"\b{name}\b"), said, re.IGNORECASE))
        return set(list(words)[:1])

    def _sent(self, request: Request) -> list[str]:
        """What of a request may be done without, and was sent."""
        values, said = request.sampling, request.model.supports
        wanted = {
            self.limit: values.max_tokens is not None and said.max_completion_tokens is None,
            **{name: getattr(values, name) not in (None, ()) for name in SAMPLING},
            "json_schema": request.schema is not None,
            "n": request.n > 1,
            "system": has_system(request.messages),
        }
        return [n for n, there in wanted.items() if there and n not in self.without and not getattr(said, n, None)]


def has_system(messages: Sequence[Message]) -> bool:
    return any(m["role"] == "system" for m in messages)


def folded(messages: Sequence[Message]) -> list[Mapping[str, Any]]:
    """Messages with the system's text at the head of the first user message."""
    texts = [m["content"] for m in messages if m["role"] == "system"]
    if not texts:
        return list(messages)
    rest = [m for m in messages if m["role"] != "system"]
    at = next((i for i, m in enumerate(rest) if m["role"] == "user"), None)
    if at is None:
        return [{"role": "user", "content": "\n\n".join(texts)}, *rest]
    first = {**rest[at], "content": "\n\n".join([*texts, rest[at]["content"]])}
    return [*rest[:at], first, *rest[at + 1 :]]


def _names_field(fields: Collection[str], name: str) -> bool:
    return any(re.match(_FIELDS.get(name, rf"{name}$"), field) for field in fields)
