"""Wrong files whose text marks every problem it should give: `§code§` stands right before the place."""

from __future__ import annotations

import re

MARK = re.compile(r"§([a-z0-9-]+)§")


def expected(marked: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The text without its marks, and the problems they stand for."""
    found = []
    plain = ""
    at = 0
    for mark in MARK.finditer(marked):
        plain += marked[at : mark.start()]
        at = mark.end()
        found.append((mark.group(1), plain.count("\n") + 1, len(plain.rpartition("\n")[2]) + 1))
    return plain + marked[at:], sorted(found)
