"""Problems as text for a terminal: the place, what is wrong, the line itself with a caret, and the remedy.

pipelines/orca.yaml:7:11: unknown key 'modle'
    7 |     with: {modle: teacher}
      |            ^
  hint: did you mean 'model'?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from bezoar_data.config.problems import Place, Problem, source_line
from bezoar_data.config.sanitize import HIDDEN, clean_text, mask_keys

MOST = 100
"""Problems shown; of the others only their number."""

WIDTH = 100
"""Columns of a source line shown; of a longer one, the part around the caret."""


def render_problems(problems: Iterable[Problem]) -> str:
    """All problems, sorted by place, each as a few lines of plain text. Nothing in it can steer a terminal."""
    ordered = in_order(problems)
    blocks = [_render(problem) for problem in ordered[:MOST]]
    if len(ordered) > MOST:
        blocks.append(f"… and {len(ordered) - MOST} more")
    return "\n".join(blocks)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems sorted by place, each once."""
    return tuple(sorted(dict.fromkeys(problems), key=_order))


def _order(problem: Problem) -> tuple[int, str, int, int]:
    place = problem.place
    # What has no place (the command line, the surroundings) comes first.
    if place is None:
        return (0, "", 0, 0)
    return (1, place.file, place.line or 0, place.column or 0)


def _render(problem: Problem) -> str:
    level = "warning: " if problem.level == "warning" else ""
    message = _safe(problem.message)
    if problem.place is None:
        lines = [f"{level}{message}"]
    else:
        lines = [f"{_safe(str(problem.place))}: {level}{message}", *_quote(problem.place, problem.secret)]
    if problem.hint:
        lines.append(f"  hint: {_safe(problem.hint)}")
    return "\n".join(lines)


def _quote(place: Place, secret: bool) -> list[str]:
    """The line a place points at and a caret under its column."""
    line = source_line(place)
    if line is None or place.line is None:
        return []
    column = min(place.column or 0, len(line) + 1)
    if secret:
        if not column:
            return []
        line = line[: column - 1] + HIDDEN
    start = max(0, column - 1 - WIDTH // 2) if len(line) > WIDTH else 0
    before, after = line[start : max(column - 1, 0)], line[max(column - 1, start) : start + WIDTH]
    # The parts are cleaned apart, so that the caret stands right whatever cleaning makes of them.
    shown_before = ("…" if start else "") + _safe(before).replace("\\t", " ")
    shown_after = _safe(after).replace("\\t", " ") + ("…" if start + WIDTH < len(line) else "")
    margin = f"{place.line:>5} | "
    quoted = [margin + shown_before + shown_after]
    if column:
        quoted.append(" " * 6 + "| " + " " * _width(shown_before) + "^")
    return [text.rstrip() for text in quoted]


def _safe(text: str) -> str:
    return clean_text(mask_keys(text), one_line=True)


def _width(text: str) -> int:
    """Columns a terminal gives a text: two for wide East Asian characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(c) or c in "\u200c\u200d" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
