"""Where a models file sends requests, and with which headers: what is wrong with them.

The file may be a stranger's: an address must not carry a password, a header neither a key nor what ends the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import looks_like_key, printable
from bezoar_data.config.yaml.document import Document, YamlPath

_TAKEN_HEADERS = re.compile(
    r"host|content-length|transfer-encoding|content-encoding|connection|keep-alive|upgrade|expect|te|trailer|proxy-.*",
    re.IGNORECASE,
)
"""Headers that say where a request goes and where it ends: the connection's own."""
_KEY_HEADERS = re.compile(r"authoriz|cookie|api-?key|token|secret", re.IGNORECASE)


def address_problems(document: Document, at: YamlPath, model: dict[str, Any]) -> Iterator[Problem]:
    url = model.get("base_url")
    if isinstance(url, str):
        wrong = _url_problem(url)
        if wrong:
            place = document.place((*at, "base_url"))
            hint = "write http://host:port/v1 or https://host/v1"
            yield Problem("bad-url", f"'base_url' {wrong}", place, hint, secret="@" in url or looks_like_key(url))


def header_problems(document: Document, at: YamlPath, model: dict[str, Any]) -> Iterator[Problem]:
    headers = model.get("extra_headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        path = (*at, "extra_headers", name)
        if isinstance(name, str) and _KEY_HEADERS.search(name):
            message = f"the header '{printable(name)}' would hold a key in the file"
            hint = "name the key's variable in 'api_key_env'"
            yield Problem("key-in-file", message, document.place(path), hint, secret=True)
        elif wrong := _header_problem(str(name), value):
            yield document.problem("bad-header", wrong, path, hint="leave it out")


def _header_problem(name: str, value: Any) -> str:
    """What is wrong with a header. A line end in one would begin another, or another request."""
    shown = f"the header '{printable(name)}'"
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        return f"{shown} is no name of a header"
    if _TAKEN_HEADERS.fullmatch(name):
        return f"{shown} is the connection's own"
    if isinstance(value, str) and not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value):
        return f"{shown} holds a line end, or a character that no header can hold"
    return ""


def _url_problem(url: str) -> str:
    """What is wrong with an endpoint's address, without its text: it may hold a password."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return "is not an address"
    if parts.scheme not in ("http", "https"):
        return "should start with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return "holds a name or password"
    if not parts.hostname or re.search(r"\s", url):
        return "is not an address"
    return "has a '?' or '#'" if parts.query or parts.fragment else ""
