"""What a page of a run holds packed, read as its script reads it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from bezoar_data.reports.page import ENCODING
from bezoar_data.reports.run_page.packed import END, ONE, TWO


def unpacked(letters: str) -> bytes:
    raw = re.sub(b"=(.)", lambda found: bytes([found[1][0] - 64]), letters.encode(ENCODING))
    return zlib.decompress(raw)


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
    found = re.findall(r'<script type="text/plain" id="([a-z]+)[-0-9]*">([^<]*)</script>', page.read_text(ENCODING))
    words = next(letters for name, letters in found if name == "words")
    yield unpacked(words).decode()
    yield from (text_of(letters, words) for name, letters in found if name in ("rows", "stories"))
