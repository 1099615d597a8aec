"""What stands in a page for a script of it to read: compressed, as letters that are no markup and that no browser runs.

Browsers inflate, and know nothing that packs closer. The bytes stand in the page seven bits to a letter, as UTF-8 gives
such letters one byte; base64 would put six there.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from array import array
from typing import Any

import numpy as np

_AWAY = "\0\r<"
"""Letters that do not come out of a page as they went in, or might end the data."""


def letters(raw: bytes) -> str:
    """Bytes as letters of seven bits each, the high bits first. One of `_AWAY` and the seven bits behind it are a
    letter of two bytes together."""
    bits = np.unpackbits(np.frombuffer(raw, np.uint8))
    sevens = np.packbits(
        np.resize(np.append(bits, np.zeros(-len(bits) % 7, np.uint8)), (-(-len(bits) // 7), 7)), axis=1
    )
    return re.sub(f"[{_AWAY}](.?)", _in_two_bytes, (sevens >> 1).tobytes().decode("ascii"), flags=re.DOTALL)


def _in_two_bytes(found: re.Match[str]) -> str:
    away, following = _AWAY.index(found[0][0]), found[1]
    return chr((away + 1) * 128 + ord(following)) if following else chr(len(_AWAY) * 128 + 128 + away)


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
    """JSON that may stand inside a `script` element: nothing in it ends that element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
