"""Finding the one object a judge was asked for in what it said: tolerant of its manners, never guessing its meaning.

Prose around the JSON and code fences are passed over; thinking was told apart where the answer came in. What could put
a score in the wrong place makes the whole answer unreadable, and the judge is asked again: two objects that differ, an
object that breaks off or is broken, one that stands in the material or among the examples the judge was shown, one
inside some other object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_LIKE_AN_OBJECT = re.compile(r"\{\s*[\"'“‘]?[\w -]{0,60}[\"'”’]?\s*(?::|\Z)")
_WHOLE = re.compile(r"\s*(\d{1,3})(?:\.0+)?\s*(?:/\s*(\d{1,3}))?\s*\Z", re.ASCII)
_WRAPPERS = frozenset(("answer", "evaluation", "final", "judgement", "judgment", "output", "result", "verdict"))
_MOST_BRACES = 1000
REPEATED = "it repeats what stood in the material or in an example, instead of judging"
_TELLING = 30
"""Characters from which a reason that stands in the material word for word is not a reason of the judge's own."""

Values = dict[str, Any]


class Unreadable(ValueError):
    """What a judge said cannot be used; the message says why, so that a judge can correct it."""


class Parroted(Unreadable):
    """A verdict in the words that the judge was shown."""


def read_object(text: str, keys: Collection[str], read: Callable[[Values], tuple[Any, T]], shown: str = "") -> T:
    """The one object in `text` that has any of `keys`, as `read` understands it.

    `read` gives what the object says, by which two are distinguished, and its value; it raises `Unreadable`. Its keys
    come in lower case. `shown` is all that the judge was shown. Raises `Unreadable`.
    """
    found = [read(value) for value in _objects(text, frozenset(keys), " ".join(shown.split()))]
    if not found:
        raise Unreadable(f"there is no JSON object with {_listed(sorted(keys))} in it")
    said, value = found[-1]
    if any(other != said for other, _ in found):
        raise Unreadable("there are several verdicts, and they differ")
    return value


def whole_number(value: object, scale: Sequence[int], name: str) -> int:
    """A number of the scale: `4`, `4.0`, `"4"`, or `"4/5"` where 5 is the scale's best. Raises `Unreadable`."""
    wanted = f'"{name}" must be a whole number from {scale[0]} to {scale[-1]}'
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Unreadable(wanted)
    match = _WHOLE.match(str(value)[:100])
    if not match or (match[2] is not None and int(match[2]) != scale[-1]) or int(match[1]) not in scale:
        raise Unreadable(wanted)
    return int(match[1])


def one_of(value: object, words: Mapping[str, T], name: str, allowed: str) -> T:
    """What the word stands for, whatever its case and the punctuation around it. Raises `Unreadable`."""
    known = words.get(" ".join(value.strip(" .!\n\t").casefold().split())) if isinstance(value, str) else None
    if known is None:
        raise Unreadable(f'"{name}" must be {allowed}')
    return known


def reason_in(value: Values) -> str:
    reason = value.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Unreadable('"reason" must say why')
    return reason.strip()


def _objects(text: str, keys: frozenset[str], shown: str) -> list[Values]:
    """Every JSON object in the text that has one of the keys, in order."""
    decoder = json.JSONDecoder(object_pairs_hook=_no_two_values, strict=False)
    found: list[Values] = []
    at = text.find("{")
    for _ in range(_MOST_BRACES):
        if at < 0:
            return found
        try:
            value, end = decoder.raw_decode(text, at)
            inside = _with_keys(value, keys)
        except Unreadable:
            raise
        except (ValueError, RecursionError):
            if _LIKE_AN_OBJECT.match(text, at):
                raise Unreadable("a JSON object in it is broken or breaks off") from None
            end = at + 1
        else:
            if inside and shown:
                _check_own(text[at:end], inside, shown)
            found += inside
        at = text.find("{", end)
    raise Unreadable("there are too many braces in it")


def _with_keys(value: object, keys: frozenset[str]) -> list[Values]:
    """The object itself, or what it plainly wraps."""
    if isinstance(value, list):
        return [one for inner in value for one in _with_keys(inner, keys)]
    if not isinstance(value, dict):
        return []
    if keys & value.keys():
        return [value]
    wrapped = [inner for key, inner in value.items() if len(value) == 1 or key in _WRAPPERS]
    return [one for inner in wrapped for one in _with_keys(inner, keys)]


def _check_own(raw: str, values: Sequence[Values], shown: str) -> None:
    reasons = (" ".join(str(value.get("reason", "")).split()) for value in values)
    if " ".join(raw.split()) in shown or any(len(r) >= _TELLING and r in shown for r in reasons):
        raise Parroted(REPEATED)


def _no_two_values(pairs: list[tuple[str, Any]]) -> Values:
    values: Values = {}
    for key, value in pairs:
        same = key.strip().casefold()
        if same in values and values[same] != value:
            raise Unreadable(f'"{same}" is given twice, with different values')
        values[same] = value
    return values


def _listed(keys: Sequence[str]) -> str:
    return " and ".join(f'"{key}"' for key in keys) if len(keys) < 3 else f'"{keys[0]}", "{keys[1]}"...'
