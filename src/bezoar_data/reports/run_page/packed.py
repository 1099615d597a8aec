"""Data inside a page: compressed, as text that is no markup and that no browser runs.

A page of 100,000 rows opens at once because nothing of them is read before it is drawn: they lie in blocks, and a block
is unpacked when one of its rows is looked at, or searched. The marks between rows and fields are control characters,
which `plain_text` leaves in no text.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

ROW, FIELD, NOTHING = "\x1e", "\x1f", "\x1d"
"""What stands between rows, between the fields of a row, and in the place of a field that a row has not."""
BLOCK_ROWS, BLOCK_LETTERS = 1_000, 500_000
"""A block ends with the first row that reaches either."""


def packed(data: str | bytes) -> str:
    """As base64 of zlib's format, which browsers know as `deflate`."""
    raw = data.encode() if isinstance(data, str) else data
    return base64.b64encode(zlib.compress(raw, 6)).decode()


def packed_numbers(numbers: array[int]) -> str:
    """Little-endian, as browsers have them on all that is sold today."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return packed(numbers.tobytes())


def json_text(value: Any) -> str:
    """JSON that may stand inside a `script` element: nothing in it ends that element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


class RowBlock:
    """Rows of a block while it fills. A row is its fields by name; a block says its names once."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._names: dict[str, None] = {}
        self._letters = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= BLOCK_ROWS or self._letters >= BLOCK_LETTERS

    @property
    def names(self) -> list[str]:
        return list(self._names)

    def add(self, fields: dict[str, str]) -> None:
        self._names.update(dict.fromkeys(fields))
        self._letters += sum(map(len, fields.values()))
        self._rows.append(fields)

    def text(self) -> str:
        lines = [FIELD.join(self._names)]
        lines += [FIELD.join([row.get(name, NOTHING) for name in self._names]) for row in self._rows]
        return ROW.join(lines)


LEAST_SHARED = 24
"""Letters of a column's value from which a text refers to it, and does not repeat it."""


def referring(text: str, values: Sequence[tuple[int, str]]) -> str | list[str | int]:
    """The text, in which a column's value is the place of the column: what a model was asked and what it answered are
    mostly made of them. `values` are (place, value), the longest first."""
    parts: list[str | int] = [text]
    for place, value in values:
        if value in text:
            parts = [piece for part in parts for piece in _split(part, place, value)]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def _split(part: str | int, place: int, value: str) -> Iterator[str | int]:
    if isinstance(part, int):
        yield part
        return
    for number, piece in enumerate(part.split(value)):
        if number:
            yield place
        if piece:
            yield piece
