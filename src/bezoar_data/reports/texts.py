"""Texts of rows, prompts and answers in a terminal: made inert, cut where they are long, under their labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.text import Text

from bezoar_data.config.sanitize import clean_text, mask_keys
from bezoar_data.llms.redact import redact

Part = tuple[str, str]
"""A label and a text; either may be empty."""

SHOWN = 400
"""Characters shown of a long text."""


def as_text(value: Any) -> str:
    """A value of a row as text: text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):
        return repr(value)


def plain(text: str) -> str:
    """The text with nothing in it that steers a terminal or is a key."""
    return clean_text(mask_keys(redact(text)))


def safe(text: str, style: str = "") -> Text:
    """The same for rich, whose markup in it stays text."""
    return Text(plain(text), style=style)


def parts(said: Iterable[Part], most: int | None) -> Group:
    """Labels and texts, one under the other; a short text stands beside its label. `most` characters of a long text;
    None: all."""
    lines = []
    for label, text in said:
        beside = "\n" not in text and len(text) <= 60
        lines.append(Text.assemble((plain(label), "dim"), "  " if beside else "\n", cut(plain(text), most)))
    return Group(*lines)


def cut(text: str, most: int | None) -> str:
    """The text, of one that is longer by more than a few words its beginning and end."""
    text = text.rstrip()
    if most is None or len(text) <= most * 5 // 4:
        return text
    end = most * 2 // 5  # what a prompt is about often stands at its end
    return f"{text[: most - end].rstrip()} … ({len(text) - most:,} characters left out) … {text[-end:].lstrip()}"


def _plain(value: Any) -> Any:
    tolist = getattr(value, "tolist", None)
    return tolist() if tolist is not None else str(value)
