"""Keeps API keys out of everything that is written or shown.

Providers echo keys in error bodies, users paste them into prompts, exceptions carry headers. Every text passes here
before it is journalled, logged, dropped or shown. Two nets: the exact values registered in this process, in the
encodings they travel in, and the shapes of well-known keys, for those nobody registered.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from bezoar_data.config.environment import environment_keys
from bezoar_data.config.secret_patterns import FLAGS, NARROW, NARROW_HINTS, holds_hint

MARK = "[redacted]"

SHORTEST_SECRET = 8
"""Shorter values are placeholders (`EMPTY`, `none`): replacing them would damage ordinary text."""


class Redactor:
    """Replaces these secrets, in the encodings they travel in, and anything shaped like a key."""

    __slots__ = ("_forms", "_pattern")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            forms.update(encodings(secret))
        # The longest first: an escaped form must go as a whole, not leave its ends behind.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._pattern = re.compile("|".join(map(re.escape, self._forms))) if forms else None

    def __call__(self, text: str) -> str:
        """The text without secrets: itself, not a copy, when it holds none."""
        for form in self._forms:
            if form in text:
                assert self._pattern is not None  # noqa: S101  (forms and pattern are made together)
                text = self._pattern.sub(MARK, text)
                break
        return re.sub(NARROW, MARK, text, flags=FLAGS) if holds_hint(text, NARROW_HINTS) else text


def encodings(secret: str) -> set[str]:
    """The forms under which a secret shows up in bodies, addresses and headers; empty for a placeholder."""
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        return set()
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms = {secret, *escaped, *(e.replace("/", "\\/") for e in escaped), repr(secret)[1:-1], html.escape(secret)}
    forms |= {json.dumps(e)[1:-1] for e in escaped}
    try:
        raw = secret.encode()
        quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
        forms |= quoted | {re.sub("%..", lambda m: m.group().lower(), form) for form in quoted}
        # Inside `user:key` the key starts at any of three places of base64's four-letter groups, and what follows it
        # changes the last letter of those that are not whole.
        for shift in (0, 1, 2):
            whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
            inner = whole[shift + bool(shift) : (shift + len(raw)) * 4 // 3]
            forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    except UnicodeEncodeError:
        pass  # a lone surrogate can stand in no header and no address
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


_lock = threading.Lock()
_secrets: frozenset[str] = frozenset()
_current = Redactor()


def register_secret(value: str | None) -> None:
    """From now on `redact` replaces this value in this process. Whoever reads a key from the environment calls it."""
    global _secrets, _current
    if not value or value in _secrets:
        return
    with _lock:
        _secrets = _secrets | {value}
        _current = Redactor(_secrets)


def register_environment() -> None:
    """From now on `redact` replaces the keys of the environment."""
    global _secrets, _current
    if (found := environment_keys()) <= _secrets:
        return
    with _lock:
        _secrets = _secrets | found
        _current = Redactor(_secrets)


def redact(text: str) -> str:
    """The text without any registered secret or key-shaped word. Cheap when there is none."""
    return _current(text)
