"""The values that rows hold: JSON's kinds, exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem

PLAIN = frozenset((str, int, float, bool, type(None)))


def plain(name: str, value: Any) -> Any:
    """A column's value as JSON's kinds of values: dates, times, durations and decimals as their text, arrays as lists.
    Raises `InputError` for what is none of these."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {str(key): plain(name, inner) for key, inner in value.items()}
    if kind is list or isinstance(value, tuple | set | frozenset):
        return [plain(name, inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    for method in ("tolist", "item"):  # numpy's arrays and numbers
        if callable(of := getattr(value, method, None)):
            return plain(name, of())
    for base in (str, bool, int, float):
        if isinstance(value, base):
            return base(value)
    hint = "leave the column out, or make it text: rows hold text, numbers, lists and mappings of these"
    raise InputError(Problem("unfit-value", f"'{name}' cannot be in a row: it is {kind.__name__}", hint=hint))


def as_json_text(value: Any) -> Any:
    """A value as JSON text; texts and nulls as they are."""
    if value is None or type(value) is str:
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a value, also those inside lists and records."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)
