"""What models wrap round a text that was to stand alone: code fences, quotation marks, bold type."""

from __future__ import annotations

import re

_PLAIN = r"(?:json|xml|html|text|txt|markdown|md|plaintext)?"
_FENCED = re.compile(rf"\A```[ \t]*{_PLAIN}[ \t]*\n(.*?)\n?[ \t]*```\Z", re.DOTALL | re.IGNORECASE)
_FENCE_OPENED = re.compile(rf"\A```[ \t]*{_PLAIN}[ \t]*\n", re.IGNORECASE)
_BOLD = re.compile(r"\A(\*\*|__)(.+)\1\Z", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}


def unfenced(text: str) -> str:
    """A text that stands in one fence as a whole, without it, closed or not. Code in a language keeps its fence."""
    text = text.strip()
    if fenced := _FENCED.match(text):
        return fenced[1] if "```" not in fenced[1] else text
    return _FENCE_OPENED.sub("", text) if text.count("```") == 1 else text


def unbold(text: str) -> str:
    """A text that is in bold type as a whole, in plain."""
    bold = _BOLD.match(text)
    return bold[2].strip() if bold and bold[1] not in bold[2] else text


def unquoted(text: str) -> str:
    """A text that is quoted as a whole, without its quotation marks."""
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and not any(q in text[1:-1] for q in (text[0], text[-1])):
        return text[1:-1].strip()
    return text
