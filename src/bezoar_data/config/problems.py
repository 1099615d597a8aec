"""A mistake as data: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file. Lines and columns count from 1; `None` means the file as a whole."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: a stable `code`, a sentence for people, where it is, and the remedy.

    `secret` says that what stands at the place may be a key: it is never shown, not even as the line of the file.
    """

    code: str
    message: str
    place: Place | None = None
    hint: str = ""
    level: Literal["error", "warning"] = "error"
    secret: bool = False

    def in_a_line(self) -> str:
        """Message and remedy, where there is no room for the place."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def as_json(self) -> dict[str, object]:
        place = self.place
        return {
            "code": self.code,
            "level": self.level,
            "message": self.message,
            "hint": self.hint,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }


def source_line(place: Place) -> str | None:
    """The text of the line a place points at, or None when it cannot be read."""
    if place.line is None:
        return None
    try:
        text = Path(place.file).read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return None
    # Not splitlines: YAML counts neither form feeds nor Unicode's separators as line ends.
    lines = re.split(r"\r\n|\r|\n", text)
    return lines[place.line - 1] if 0 < place.line <= len(lines) else None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint naming the nearest known word, or all known words (the first twenty) when none is near."""
    near = difflib.get_close_matches(word[:100], known[:1000], n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(sorted(known)[:20])}{', …' if len(known) > 20 else ''}" if known else ""
