"""The material a judge sees, each piece between its own tags, so that data cannot pass for a tag or an order."""

from __future__ import annotations

import re

TAGS = ("system_message", "instruction", "response", "reference")

_TAG = re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(TAGS)})\b)", re.IGNORECASE)


def blocks(instruction: str, response: str, system_message: str | None = None, reference: str | None = None) -> str:
    """The pieces between tags; a piece that is empty is left out, save the two that are judged."""
    pieces = (system_message, instruction, response, reference)
    return "\n\n".join(
        f"<{tag}>\n{escaped(text or '')}\n</{tag}>"
        for tag, text in zip(TAGS, pieces, strict=True)
        if (text and text.strip()) or tag in ("instruction", "response")
    )


def escaped(text: str) -> str:
    """The text with our own tags in it defused; all other markup stays as it is."""
    return _TAG.sub("&lt;", text)
