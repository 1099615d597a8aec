"""The form in which entries leave the journal and come back: a line of JSON for each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

import orjson

from bezoar_data.config.sanitize import json_line
from bezoar_data.llms.journal.entry import Entry

_Types = tuple[type, ...]
_NUMBER: _Types = (float, int)
_NONE = type(None)

FIELDS: dict[str, _Types] = {
    "key": (str,),
    "text": (str, _NONE),
    "finish_reason": (str,),
    "error": (str, _NONE),
    "detail": (str,),
    "provider": (str,),
    "model": (str,),
    "revision": (str, _NONE),
    "max_tokens": (int, _NONE),
    "prompt_tokens": (int, _NONE),
    "completion_tokens": (int, _NONE),
    "price_input": (*_NUMBER, _NONE),
    "price_output": (*_NUMBER, _NONE),
    "cost": (*_NUMBER, _NONE),
    "asked_at": _NUMBER,
    "answered_at": _NUMBER,
    "request_id": (str, _NONE),
    "step": (str,),
    "messages": (list, _NONE),
    "extra": (dict,),
}
"""The fields of an entry's line with the types of their values. Only `key` and `text` or `error` must be there."""

_NAMES = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a mapping", _NONE: "null"}


def write_entries(entries: Iterable[Entry], to: IO[str]) -> int:
    """Write each entry as a line; return how many."""
    count = 0
    for entry in entries:
        to.write(json_line(entry.as_json()) + "\n")
        count += 1
    return count


def entry_of_line(line: bytes) -> Entry:
    """The entry of one line. Raises `ValueError` that says what is wrong with it."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _lenient(line)  # lone surrogates, which messages may hold: orjson refuses them
    if not isinstance(value, dict):
        raise ValueError("an entry is a mapping")
    for name, found in value.items():
        wanted = FIELDS.get(name)
        if wanted is None:
            raise ValueError(f"an entry has no field '{str(name)[:60]}'")
        if not isinstance(found, wanted) or isinstance(found, bool):
            names = " or ".join(_NAMES[kind] for kind in wanted if kind is not int or float not in wanted)
            raise ValueError(f"'{name}' should be {names}")
    _check(value)
    return Entry(**{**value, "key": value["key"].lower(), "text": value.get("text")})


def _check(value: dict[str, Any]) -> None:
    key = value.get("key", "")
    if len(key) != 64 or not set(key.lower()) <= set("0123456789abcdef"):
        raise ValueError("'key' should be 64 hex digits")
    if value.get("text") is None and value.get("error") is None:
        raise ValueError("an entry has a 'text' or an 'error'")
    for message in value.get("messages") or ():
        if not isinstance(message, dict) or not all(isinstance(part, str) for part in message.values()):
            raise ValueError("'messages' should be a list of messages with 'role' and 'content'")


def _lenient(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("this is not a line of JSON") from None
