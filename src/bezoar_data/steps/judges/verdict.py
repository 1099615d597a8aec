"""Reading a judge's verdict out of what it said: tolerant of its manners, never guessing its meaning.

Prose around the JSON, code fences and thinking blocks are passed over; a rating that is off the scale, given twice,
of another scale or in words is no verdict, and the judge is asked again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_STILL_THINKING = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_WHOLE = re.compile(r"\s*(\d{1,3})(?:\.0+)?\s*(?:/\s*(\d{1,3}))?\s*\Z", re.ASCII)
_STATUSES: dict[str, Literal["Accept", "Reject"]] = {
    "accept": "Accept",
    "accepted": "Accept",
    "reject": "Reject",
    "rejected": "Reject",
}
_MOST_BRACES = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    status: Literal["Accept", "Reject"]
    rating: int
    reason: str


class Unreadable(ValueError):
    """What a judge said is no verdict; the message says why, in words that a judge can act on."""


def read_verdict(text: str, ratings: Sequence[int]) -> Verdict:
    """The one verdict in `text`. `ratings` is the scale from worst to best. Raises `Unreadable`."""
    text = _THINKING.sub("", text)
    if _STILL_THINKING.search(text):
        raise Unreadable("the thinking never ended, so there is no verdict after it")
    found = [_verdict(value, ratings) for value in _objects(text)]
    if not found:
        raise Unreadable('there is no JSON object with "rating" and "status" in it')
    last = found[-1]
    if any((v.rating, v.status) != (last.rating, last.status) for v in found):
        raise Unreadable("there are several verdicts, and they differ")
    return last


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in the text that looks like a verdict, keys in lower case."""
    decoder = json.JSONDecoder(object_pairs_hook=_no_two_values, strict=False)
    at = text.find("{")
    for _ in range(_MOST_BRACES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except Unreadable:
            raise
        except (ValueError, RecursionError):
            end = at + 1
        else:
            keys = {k.strip().casefold(): v for k, v in value.items()}
            if "rating" in keys or "status" in keys:
                yield keys
            else:
                end = at + 1
        at = text.find("{", end)


def _no_two_values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        same = key.strip().casefold()
        if same in values and values[same] != value:
            raise Unreadable(f'"{same}" is given twice, with different values')
        values[same] = value
    return values


def _verdict(value: dict[str, Any], ratings: Sequence[int]) -> Verdict:
    rating = _rating(value.get("rating"), ratings)
    status = value.get("status")
    known = _STATUSES.get(status.strip(" .!").casefold()) if isinstance(status, str) else None
    if known is None:
        raise Unreadable('"status" must be "Accept" or "Reject"')
    reason = value.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Unreadable('"reason" must say why')
    if (known == "Accept" and rating == ratings[0]) or (known == "Reject" and rating == ratings[-1]):
        raise Unreadable(f'"status" {known} contradicts the rating {rating}')
    return Verdict(known, rating, reason.strip())


def _rating(value: object, ratings: Sequence[int]) -> int:
    scale = f"a whole number from {ratings[0]} to {ratings[-1]}"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Unreadable(f'"rating" must be {scale}')
    match = _WHOLE.match(str(value))
    if not match or (match[2] is not None and int(match[2]) != ratings[-1]) or int(match[1]) not in ratings:
        raise Unreadable(f'"rating" must be {scale}')
    return int(match[1])
