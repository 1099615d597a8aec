"""What a script of a page reads: compressed, as letters that are not markup and that no browser runs.

Browsers inflate, and know nothing that packs closer. The bytes stand in the page as they are, eight bits to a letter,
where base64 would put six: a page's file is Latin-1 (`page.ENCODING`), and its other letters are all ASCII.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from array import array
from typing import Any

_AWAY, _MARK, _SHIFT = rb"[\0\r<=]", b"=", 64
"""Bytes that do not come out of a page as they went in, or might end the data, and `_MARK`, which stands before each of
them once it is raised by `_SHIFT`. The form is yEnc's."""


def letters(raw: bytes) -> str:
    """Bytes as the letters that Latin-1 has for them."""
    return re.sub(_AWAY, lambda found: _MARK + bytes([found[0][0] + _SHIFT]), raw).decode("latin-1")


def packed(data: str | bytes) -> str:
    """As letters of zlib's format, which browsers know as `deflate`."""
    return letters(zlib.compress(data.encode() if isinstance(data, str) else data, 9))


def packed_numbers(numbers: array[int]) -> str:
    """Little-endian, as browsers have them on all that is sold today."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return packed(numbers.tobytes())


def json_text(value: Any) -> str:
    """JSON that may stand inside a `script` element: nothing in it ends that element, and all of it is ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
