"""Tables of figures, for the terminal or as Markdown."""

from __future__ import annotations

Table = list[list[str]]
"""Rows of cells; the first is the head."""


def rendered(table: Table, markdown: bool) -> list[str]:
    if markdown:
        head, *rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
        return [head, "|" + "---|" * len(table[0]), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
