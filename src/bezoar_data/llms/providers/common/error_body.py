"""The body of an error, in any shape that endpoints give it: its words, its codes, the fields it names, its wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bezoar_data.llms.error_signs import STATUSES
from bezoar_data.llms.redact import redact

DETAIL = 600
"""Characters of an error that are worth keeping."""
_DEEP = 6
_CODES = ("code", "type", "status", "reason", "error_code", "status_code")
_REPEATED = frozenset({"input", "ctx", "flagged_input", "messages", "prompt", "failed_generation"})
"""What an error repeats of the request."""
ERRORS = ("error", "errors", "detail", "message", "msg", "base_resp")
"""What a body without an answer says why under."""
_WAITS = ("retryDelay", "retry_after", "retry_after_seconds")
_WORDS = ("error", "detail", "message", "msg", "errors", "metadata", "raw", "base_resp", "status_msg")
_LATER = re.compile(r"(?:again|retry|wait)[\w ]{0,20} (?:in|after|for) (\d[\w.]*(?: ?m?s)?)", re.IGNORECASE)
_TIMES = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error's body says, without secrets. `status` is the HTTP status that it names itself; `spoken`: it is an
    API's own, not the page of a portal or a proxy."""

    text: str
    codes: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    wait: float | None = None
    status: int | None = None
    spoken: bool = True


def read_error(raw: bytes) -> ErrorBody:
    """What the body of an error says."""
    try:
        value = orjson.loads(raw[: 2**20])
    except orjson.JSONDecodeError:
        # Redact before cutting: half a key is not recognised as one.
        text = redact(raw[: 2**20].decode("utf-8", "replace"))[: 4 * DETAIL]
        page = text.lstrip().startswith("<")
        return ErrorBody(_short(_title(text) if page else text), wait=_said(text), spoken=not page)
    levels = list(_levels(value, 0))
    codes = [str(level[n]) for level in levels for n in _CODES if isinstance(level.get(n), str | int)]
    if any("flagged_input" in level or isinstance(level.get("reasons"), list) for level in levels):
        codes.append("flagged_input")
    text = _short("; ".join(dict.fromkeys(_words(value, 0))) or orjson.dumps(value).decode())
    waits = [seconds(level[n]) for level in levels for n in _WAITS if n in level]
    return ErrorBody(
        text,
        frozenset(code.lower() for code in codes),
        tuple(_fields(levels)),
        next((wait for wait in waits if wait is not None), None) or _said(text),
        _status(codes),
    )


def blocked(value: Any) -> str:
    """Why a filter stopped the prompt, where an answer without choices says so: Gemini's `blockReason`, Azure's
    `filtered`. Empty where it does not."""
    for level in _levels(value, 0):
        for name, inner in level.items():
            if name in ("blockReason", "block_reason") and isinstance(inner, str) and inner:
                return redact(inner)[:DETAIL]
            if isinstance(inner, dict) and inner.get("filtered") is True:
                return redact(name)[:DETAIL]
    return ""


def seconds(value: Any) -> float | None:
    """A duration as endpoints write it (`2`, "2.5s", "1m30s", "20ms"), in seconds; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return max(0.0, float(value))
    if not isinstance(value, str) or not re.fullmatch(r"(\d+(\.\d+)?(ms|h|m|s|) ?)+", value.strip()):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _TIMES.findall(value))


def _levels(value: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Every object of an error, the outermost first, but not what it repeats of the request."""
    value = _opened(value, depth)
    if depth > _DEEP:
        return
    if isinstance(value, dict):
        yield value
        for name, inner in value.items():
            if name not in _REPEATED:
                yield from _levels(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _levels(inner, depth + 1)


def _words(value: Any, depth: int) -> Iterator[str]:
    """The sentences of an error, after the place that they are about."""
    value = _opened(value, depth)
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value[:5]:
            yield from _words(inner, depth + 1)
    elif isinstance(value, dict) and depth <= _DEEP:
        place = _place(value)
        for name in _WORDS:
            for text in _words(value.get(name), depth + 1):
                yield f"{place}: {text}" if place else text


def _opened(value: Any, depth: int) -> Any:
    """A router hands on what its host said as a text: what that text holds."""
    if depth and isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            pass
    return value


def _place(value: Mapping[str, Any]) -> str:
    place = value.get("loc")
    return ".".join(map(str, place)) if isinstance(place, list) else ""


def _fields(levels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for level in levels:
        if isinstance(param := level.get("param"), str) and param:
            yield param
        if place := _place(level):
            yield place.removeprefix("body.")


def _status(codes: Sequence[str]) -> int | None:
    for code in codes:
        if code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
    return next((STATUSES[code.lower()] for code in codes if code.lower() in STATUSES), None)


def _said(text: str) -> float | None:
    found = _LATER.search(text)
    return seconds(found[1].rstrip(".").replace(" ", "")) if found else None


def _title(page: str) -> str:
    """What a page of HTML says of itself."""
    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    return f"a web page: {title[1].strip()}" if title else f"a web page: {page}"


def _short(text: str) -> str:
    # Redact before cutting: half a key is not recognised as one.
    return " ".join(redact(text).split())[:DETAIL] or "no explanation"
