"""Foreign text inside a card: shown, never obeyed.

A card holds words of sources, models and people. Each enters Markdown through one of these functions, so that a row
can draw no table, close no fence, load no picture, run no HTML and pass for none of the card's own sentences. Control
and bidirectional characters are shown as escapes, and what looks like a key is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from bezoar_data.config.sanitize import clean_text, mask_keys
from bezoar_data.measures.intervals import Estimate

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_LINE_START = re.compile(r"^(?:(?P<mark>[-+=#])|(?P<number>\d+)(?=[.)](?:\s|$)))")
_URL = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9._~:/?#@!&+,;=%-]*\Z")


class Markdown(str):
    """Text that is Markdown already and is put into a card as it is."""

    __slots__ = ()


def text(value: Any) -> str:
    """A value as one line of plain words: whatever would be markup is escaped."""
    line = " ".join(clean_text(mask_keys(_words(value))).split())
    line = _SPECIAL.sub(r"\\\1", line).translate(_ENTITIES)
    return _LINE_START.sub(lambda m: f"\\{m['mark']}" if m["mark"] else f"{m['number']}\\", line)


def code(value: Any) -> str:
    """A value as a code span, on one line, with a fence longer than any run of backticks in it."""
    line = clean_text(mask_keys(_words(value)).replace("\n", " "), one_line=True).strip()
    if not line:
        return "–"
    ticks = "`" * (_longest_run(line) + 1)
    edge = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{edge}{line}{edge}{ticks}"


def link(url: str | None) -> str:
    """A web address as a link, if it is a plain one; as a code span otherwise. Nothing for None."""
    if not url:
        return "–"
    return f"<{url}>" if _URL.match(url) else code(url)


def value(given: Any, shown: str) -> str:
    """A value of a row on one line, `shown` in its form as text."""
    if given is None:
        return "null"
    return "(empty)" if given == "" else code(shown)


def block(value: str, language: str = "text", indent: str = "") -> str:
    """A fenced block with a fence longer than any in the text. With `indent`, no line stands at the line's start."""
    lines = clean_text(mask_keys(value.replace("\r\n", "\n"))).split("\n")
    fence = "`" * max(3, _longest_run(value) + 1)
    return "\n".join(f"{indent}{line}".rstrip() for line in (f"{fence}{language}", *lines, fence))


def folded(summary: str, content: str) -> str:
    """Markdown behind a line of plain words that opens it, as the Hub and GitHub show it."""
    line = " ".join(clean_text(mask_keys(summary)).split()).translate(_ENTITIES)
    return f"<details>\n<summary>{line}</summary>\n\n{content}\n\n</details>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """A table of cells that are Markdown already. `align` holds a letter for each column: l or r."""
    marks = {"l": "---", "r": "---:"}
    rule = [marks[a] for a in align.ljust(len(head), "l")]
    lines = [head, rule, *([_cell(c) for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shorten(value: str, limit: int) -> str:
    """The text cut to about `limit` characters, saying so."""
    if len(value) <= limit:
        return value
    return f"{value[:limit].rstrip()} … (cut here: {len(value):,} characters in all)"


def number(value: int) -> str:
    return f"{value:,}"


def size(count: int) -> str:
    """So many bytes, in the unit that suits them."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count} bytes"


def share(part: int, whole: int) -> str:
    """A share as a percentage with one digit; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def percent(found: Estimate) -> str:
    """A share with its interval."""
    if found.value is None or found.low is None or found.high is None:
        return "an unknown share"
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f}–{100 * found.high:.1f})"


def estimate(found: Estimate) -> str:
    """A figure with its interval."""
    if found.value is None:
        return "not defined"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _words(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _cell(value: str) -> str:
    # In a table a bar ends the cell even inside a code span, and a backslash before it is taken away there.
    return re.sub(r"(?<!\\)\|", r"\\|", value)


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)
