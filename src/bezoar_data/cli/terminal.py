"""The terminal that rows and previews are printed on."""

from __future__ import annotations

from rich.console import Console

PIPED = 120
"""Columns of what goes into a file or another program."""


def console() -> Console:
    found = Console()
    if not found.is_terminal:
        found.width = PIPED
    return found
