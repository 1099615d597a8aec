"""What a page of a run holds packed, read as its script reads it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from bezoar_data.reports.run_page.packed import END, ONE, TWO

_AWAY = (0, 13, 60)


def unpacked(letters: str) -> bytes:
    bits = ""
    for letter in map(ord, letters):
        if letter < 128:
            bits += f"{letter:07b}"
        elif letter < 512:
            bits += f"{_AWAY[letter // 128 - 1]:07b}{letter % 128:07b}"
        else:
            bits += f"{_AWAY[letter % 128]:07b}"
    return zlib.decompress(int(bits[: len(bits) // 8 * 8], 2).to_bytes(len(bits) // 8))


def text_of(letters: str, words: str) -> str:
    listed = unpacked(words).decode().split(END)
    coded, said = iter(unpacked(letters)), []
    for byte in coded:
        if byte < ONE:
            place = byte
        elif byte < TWO:
            place = ONE + (byte - ONE) * 256 + next(coded)
        else:
            place = ONE + (TWO - ONE) * 256 + (byte - TWO) * 65536 + next(coded) * 256 + next(coded)
        said.append(listed[place])
    return "".join(said)


def packed_texts(page: Path) -> Iterator[str]:
    """Every text that the page holds packed, and its words."""
    found = re.findall(r'<script type="text/plain" id="([a-z]+)[-0-9]*">([^<]*)</script>', page.read_text("utf-8"))
    words = next(letters for name, letters in found if name == "words")
    yield unpacked(words).decode()
    yield from (text_of(letters, words) for name, letters in found if name in ("rows", "stories"))
