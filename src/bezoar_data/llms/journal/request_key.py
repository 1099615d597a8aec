"""The journal's key: the name of one answer, equal when and only when the same question is asked the same way.

What changes an answer is in the key: provider kind, model and revision, rendered messages, schema, tools and every
other `extra_body` value, sampling values, seed, the sample's number and the attempt. What only changes how or at
what price it is fetched is not: base_url, time-outs, headers, role name, concurrency, prices, and `max_tokens`, which
the journal's look-up judges by itself (`lookup`).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask, canonical_messages

LENGTH_LIMITS = frozenset(
    {
        "max_tokens",
        "max_completion_tokens",
        "max_new_tokens",
        "max_output_tokens",
        "max_length",
        "n_predict",
        "num_predict",
    }
)
"""Names under which endpoints take `max_tokens`."""

DELIVERY = frozenset({"stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier"})
"""Body values that steer delivery and bookkeeping, never what a model says."""

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class KeyMaker:
    """Makes the keys of one model's answers. The model's part is prepared once: the hot path is one dump, one hash."""

    __slots__ = ("_tail",)

    def __init__(self, model: Model) -> None:
        self._tail = f'}},"model":{_encode(model_part(model))},"sample":'.encode("utf-8", "surrogatepass")

    def key(self, ask: Ask, sample: int) -> str:
        """The key of this question's `sample`-th answer (counted from 0): 64 hex digits."""
        return _digest(self._head(ask), sample)

    def keys(self, ask: Ask) -> list[str]:
        """The keys of all `ask.n` answers, in order, for the price of little more than one."""
        head = self._head(ask)
        return [_digest(head, sample) for sample in range(ask.n)]

    def _head(self, ask: Ask) -> bytes:
        """The JSON object whose hash is a key, up to the sample's number. Its names stand in sorted order."""
        schema = b""
        if ask.schema is not None:
            schema = b',"schema":' + _encode(ask.schema).encode("utf-8", "surrogatepass")
        return b'{"ask":{"attempt":%d,"messages":%b%b%b' % (
            ask.attempt, canonical_messages(ask.messages), schema, self._tail
        )  # fmt: skip


def _digest(head: bytes, sample: int) -> str:
    return hashlib.sha256(b"%b%d}" % (head, sample)).hexdigest()


def model_part(model: Model) -> dict[str, Any]:
    """What of a model's entry changes its answers. Defaults are left out, so that a sampling value this project
    learns of later does not change the keys of answers already paid for."""
    part: dict[str, Any] = {"provider": model.provider, "id": model.model}
    if model.revision is not None:
        part["revision"] = model.revision
    sampling = model.sampling.model_dump(mode="json", exclude={"max_tokens"}, exclude_defaults=True)
    if sampling:
        part["sampling"] = sampling
    body = {k: v for k, v in model.extra_body.items() if k not in LENGTH_LIMITS and k not in DELIVERY}
    options = body.get("options")
    if isinstance(options, dict):
        # Ollama takes its sampling values one level down.
        body["options"] = {k: v for k, v in options.items() if k not in LENGTH_LIMITS}
        if not body["options"]:
            del body["options"]
    if body:
        part["body"] = body
    return part
