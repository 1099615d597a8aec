"""One entry of the journal: the value that the gateway and reports see, and its form as a row of the file.

Each row carries a checksum over its own values, because SQLite has none: a flipped bit inside an answer's text leaves
the file valid, and the wrong text would silently become training data.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from bezoar_data.config.errors import BezoarError
from bezoar_data.config.value_class import value_class
from bezoar_data.llms.ask import Message, canonical_messages
from bezoar_data.llms.redact import redact

REDACTED = "redacted"
"""The `error` of an entry whose content was taken out on a person's behalf: nothing but its name and cost is left."""


class JournalError(BezoarError):
    """The journal cannot be written or read: disk full, damaged, locked for too long. The message says what to do."""


@value_class(frozen=True, slots=True)
class Entry:
    """One answer, or one refusal (`error` a reason code, `text` what was said all the same), and what it took.

    Times are seconds since the epoch; prices are US dollars per million tokens, `cost` is US dollars. `max_tokens`
    None means that no limit was sent. `extra` holds JSON values (log-probabilities...). `messages` are the rendered
    messages: `Journal.find` leaves them None, `Journal.get` brings them along.
    """

    key: str
    text: str | None
    finish_reason: str = ""
    error: str | None = None
    detail: str = ""
    provider: str = ""
    model: str = ""
    revision: str | None = None
    max_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    price_input: float | None = None
    price_output: float | None = None
    cost: float | None = None
    asked_at: float = 0.0
    answered_at: float = 0.0
    request_id: str | None = None
    step: str = ""
    messages: Sequence[Message] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The entry as a JSON object: what `journal export` writes."""
        value = {name: getattr(self, name) for name in self.__dataclass_fields__}
        value["messages"] = None if self.messages is None else [dict(m) for m in self.messages]
        value["extra"] = dict(self.extra)
        return value

    def without_messages(self) -> Entry:
        return self if self.messages is None else replace(self, messages=None)


COLUMNS = (
    "key", "request", "text", "finish_reason", "error", "detail", "provider", "model", "revision", "max_tokens",
    "prompt_tokens", "completion_tokens", "price_input", "price_output", "cost", "asked_at", "answered_at",
    "request_id", "step", "extra",
)  # fmt: skip
"""The stored columns in order; the last one of the table, `checksum`, is taken over them."""

STORED = ", ".join((*COLUMNS, "checksum"))

_TEXT = COLUMNS.index("text")

_FOREIGN = ("text", "finish_reason", "error", "detail", "provider", "model", "revision", "request_id", "step")
"""Fields whose words come from outside: an endpoint, a file."""

_encode_extra = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode

SMALL = 384
"""Messages shorter than this many bytes are not compressed: it would save some fifty bytes of an entry, for the time
that writing the rest of it takes."""


@value_class(frozen=True, slots=True)
class Packed:
    """An entry ready to be written: what stands in the file (`entry`), its row, its messages as bytes."""

    entry: Entry
    row: tuple[Any, ...]
    request: bytes | None
    messages: bytes | None


def pack(entry: Entry) -> Packed:
    """Clean an entry (secrets, characters no file can hold) and lay it out as a row with its checksum."""
    extra = ""
    changed: dict[str, Any] = {}
    for name in _FOREIGN:
        value = getattr(entry, name)
        if value and (clean := _clean(value)) is not value:
            changed[name] = clean
    if entry.extra:
        said = _encode_extra(entry.extra)
        if (extra := redact(said)) is not said:
            changed["extra"] = json.loads(extra)
    if changed:
        entry = replace(entry, **changed)
    request = messages = None
    if entry.messages is not None:
        messages = _redacted(canonical_messages(entry.messages))
        request = request_hash(messages)
    row = (
        key_bytes(entry.key), request, entry.text, entry.finish_reason, entry.error, entry.detail, entry.provider,
        entry.model, entry.revision, entry.max_tokens, entry.prompt_tokens, entry.completion_tokens,
        _real(entry.price_input), _real(entry.price_output), _real(entry.cost), _real(entry.asked_at),
        _real(entry.answered_at), entry.request_id, entry.step, extra,
    )  # fmt: skip
    return Packed(entry, (*row, checksum(row)), request, messages)


def unpack(row: Sequence[Any]) -> Entry | None:
    """The entry a stored row (`COLUMNS` and `checksum`) holds, without its messages; None when the row is damaged."""
    if checksum(tuple(row[:-1])) != row[-1]:
        return None
    (key, _, text, finish_reason, error, detail, provider, model, revision, max_tokens, prompt_tokens,
     completion_tokens, price_input, price_output, cost, asked_at, answered_at, request_id, step, extra,
     _) = row  # fmt: skip
    return Entry(
        key.hex(), text, finish_reason, error, detail, provider, model, revision, max_tokens, prompt_tokens,
        completion_tokens, price_input, price_output, cost, asked_at, answered_at, request_id, step, None,
        json.loads(extra) if extra else {},
    )  # fmt: skip


def checksum(row: tuple[Any, ...]) -> int:
    """CRC-32 over the row's values and their types; the long text by its bytes, which is what costs."""
    text = row[_TEXT]
    start = 0 if text is None else zlib.crc32(text.encode("utf-8", "surrogatepass"), 1)
    return zlib.crc32(repr((row[:_TEXT], row[_TEXT + 1 :])).encode("utf-8", "surrogatepass"), start)


def request_hash(messages: bytes) -> bytes:
    """The name under which all samples and attempts share one copy of their messages."""
    return hashlib.blake2b(messages, digest_size=16).digest()


def compress(messages: bytes) -> bytes:
    """Messages as stored. JSON starts with `[`, a zlib stream never does: by that the two forms are told apart."""
    return messages if len(messages) < SMALL else zlib.compress(messages, 1)


def expand(stored: bytes, request: bytes) -> list[Message] | None:
    """The messages of a stored blob, or None when it is damaged."""
    try:
        raw = stored if stored[:1] == b"[" else zlib.decompress(stored)
    except zlib.error:
        return None
    if request_hash(raw) != request:
        return None
    value: list[Message] = json.loads(raw.decode("utf-8", "surrogatepass"))
    return value


def tombstone(row: Sequence[Any], when: str) -> tuple[Any, ...]:
    """What stays of a stored row once its content is redacted: whose answer it was, what it cost, and that it is gone.
    The key stays too, so that the same question is neither asked nor paid again without anyone noticing."""
    kept = dict(zip(COLUMNS, row, strict=False))
    kept |= {"request": None, "text": None, "error": REDACTED, "detail": f"content taken out on {when}",
             "request_id": None, "extra": ""}  # fmt: skip
    values = tuple(kept[name] for name in COLUMNS)
    return (*values, checksum(values))


def key_bytes(key: str) -> bytes:
    """The 32 bytes a key's 64 hex digits stand for."""
    raw = bytes.fromhex(key)
    if len(raw) != 32:
        raise ValueError(f"a journal key is 64 hex digits, not {key!r}")
    return raw


def _real(value: float | None) -> float | None:
    """A float as SQLite gives it back: a NaN becomes NULL, minus zero loses its sign."""
    if value is None or value != value:
        return None
    return float(value) + 0.0


def _redacted(raw: bytes) -> bytes:
    text = raw.decode("utf-8", "surrogatepass")
    clean = redact(text)
    return raw if clean is text else clean.encode("utf-8", "surrogatepass")


def _clean(text: str) -> str:
    """The text without secrets and without lone surrogates, which no UTF-8 file can hold: the same object if clean."""
    text = redact(text)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
