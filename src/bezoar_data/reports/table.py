"""Tables of figures, for the terminal or as Markdown."""

from __future__ import annotations

import re
from typing import Protocol

Table = list[list[str]]
"""Rows of cells; the first is the head."""

_FIGURE = re.compile(r"[-+<]?\d|-$|none$|nothing$")


class _Apart(Protocol):
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def apart(found: _Apart) -> str:
    """A difference with its interval: `+0.031 (-0.010 to +0.072)`."""
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def rendered(table: Table, markdown: bool) -> list[str]:
    """The lines. Columns of figures stand at the right, so that digits are below each other."""
    columns = [column[1:] for column in zip(*table, strict=True)]
    right = [bool(column) and all(_FIGURE.match(cell) for cell in column) for column in columns]
    if markdown:
        head, *rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
        return [head, "|" + "|".join("---:" if one else "---" for one in right) + "|", *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in table
    ]
