"""The material a judge sees, each piece between its own tags, so that data cannot pass for a tag or an order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.conversations.turns import Unread, read_turns
from bezoar_data.runs.conversations.turns import as_text as turns_as_text

TAGS = ("system_message", "instruction", "response", "first_response", "second_response", "reference")
"""In the order in which they are shown."""

_ALWAYS = frozenset(TAGS) - {"system_message", "reference"}
_TAG = re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(TAGS)})\b)", re.IGNORECASE)


def blocks(pieces: Mapping[str, Any]) -> str:
    """The pieces, by tag, between their tags. A system message or a reference that is empty is left out."""
    texts = {tag: as_text(pieces[tag]) for tag in TAGS if tag in pieces}
    return "\n\n".join(
        f"<{tag}>\n{escaped(text)}\n</{tag}>" for tag, text in texts.items() if text.strip() or tag in _ALWAYS
    )


def as_text(value: Any) -> str:
    """A column's value for a judge to read: text as it is, a conversation turn by turn, nothing as an empty text."""
    if value is None:
        return ""
    turns = [] if isinstance(value, str) else read_turns(value, "user")
    return turns_as_text(turns) if turns and not isinstance(turns, Unread) else str(value)


def escaped(text: str) -> str:
    """The text with our own tags in it defused; all other markup stays as it is."""
    return _TAG.sub("&lt;", text)
