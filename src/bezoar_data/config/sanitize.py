"""What may be shown on a terminal: one place that makes foreign text harmless.

Text from files, rows and models can hold control sequences that repaint the screen, bidirectional marks that make a
line read as another, and keys. Everything that prints goes through here; nothing here changes what is stored.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bezoar_data.config.secret_patterns import FLAGS, WIDE, WIDE_HINTS, holds_hint

# Control characters (C0, DEL, C1), line separators, bidirectional marks, invisible characters and tags, surrogates.
# The zero-width joiner and non-joiner stay: Persian, Hindi and emoji need them.
_BEYOND_ASCII = (
    "\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[\x00-\x1f{_BEYOND_ASCII}]")
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_BEYOND_ASCII}]")

_USERINFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")

HIDDEN = "[hidden]"
"""What stands in the place of a secret."""


def clean_text(text: str, *, one_line: bool = False) -> str:
    """The text with every control, bidirectional and invisible character shown as an escape such as `\\x1b`.

    Newlines and tabs stay, unless `one_line` asks for a text that cannot leave its line.
    """
    return (_UNSAFE if one_line else _UNSAFE_IN_LINES).sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    code = ord(char)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def looks_like_key(text: str) -> bool:
    """Whether the text holds something shaped like an API key, a bearer token or a password in an address."""
    return bool((_may_hold_key(text) and re.search(WIDE, text, FLAGS)) or _USERINFO.search(text))


def mask_keys(text: str) -> str:
    """The text with everything shaped like a key replaced. The key's *name* stays, so that a message makes sense."""
    if _may_hold_key(text):
        text = re.sub(WIDE, HIDDEN, text, flags=FLAGS)
    return _USERINFO.sub(HIDDEN, text) if "://" in text else text


def _may_hold_key(text: str) -> bool:
    return holds_hint(text, WIDE_HINTS) or "bearer" in text.lower()


def json_line(value: Any) -> str:
    """A value as one line of JSON, letters as they are. What `clean_text` would show as an escape is one of JSON's own:
    no terminal is steered by it, no line ends early, and what UTF-8 cannot hold can be written."""
    return _UNSAFE.sub(lambda match: json.dumps(match.group())[1:-1], json.dumps(value, ensure_ascii=False))


def printable(value: str, limit: int = 60) -> str:
    """A value as a message may quote it: on one line, cleaned, keys masked, cut to `limit` characters."""
    text = clean_text(mask_keys(value), one_line=True)
    return text if len(text) <= limit else text[: limit - 1] + "…"
