"""Where a models file sends requests, and with which headers: what is wrong with them.

The file may be a stranger's: an address must not carry a password, a header neither a key nor what ends the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home, normalized
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import looks_like_key, printable
from bezoar_data.config.yaml.document import Document, YamlPath

_TAKEN_HEADERS = re.compile(
    r"host|content-length|transfer-encoding|content-encoding|connection|keep-alive|upgrade|expect|te|trailer|proxy-.*",
    re.IGNORECASE,
)
"""Headers that say where a request goes and where it ends: the connection's own."""
_KEY_HEADERS = re.compile(r"authoriz|cookie|api-?key|token|secret", re.IGNORECASE)


_WRITE = "write http://host:port/v1 or https://host/v1"


def address_problems(document: Document, at: YamlPath, model: dict[str, Any]) -> Iterator[Problem]:
    several = model.get("endpoints")
    urls: dict[YamlPath, Any] = {("base_url",): model.get("base_url")}
    urls |= {("endpoints", i): url for i, url in enumerate(several if isinstance(several, list) else ())}
    for where, url in urls.items():
        if isinstance(url, str) and (wrong := _url_problem(url)):
            secret = "@" in url or looks_like_key(url)
            place = document.place((*at, *where))
            yield Problem("bad-url", f"'{where[0]}' {wrong}", place, _WRITE, secret=secret)
    if several is not None and model.get("base_url") is not None:
        message = "'base_url' is one address, 'endpoints' several: a model has one of the two"
        yield document.problem("two-addresses", message, (*at, "endpoints"), hint="leave base_url out")
    if several is not None and model.get("mode") == "batch":
        message = "batches go to one address: 'endpoints' and mode: batch cannot be had together"
        yield document.problem("two-addresses", message, (*at, "endpoints"), hint="name base_url")
    if isinstance(several, str):
        try:
            at_endpoints(several)
        except InputError as error:
            in_line = [problem for problem in error.problems if problem.place and problem.place.line]
            yield from in_line or (replace(p, place=document.place((*at, "endpoints"))) for p in error.problems)


def place_endpoints(models: Iterable[dict[str, Any]], folder: Path) -> None:
    """Name the files of endpoints that stand in models files from the working directory instead of their `folder`."""
    for model in models:
        if isinstance(name := model.get("endpoints"), str):
            model["endpoints"] = str(normalized(folder / expand_home(name)))


def at_endpoints(endpoints: Sequence[str] | str) -> tuple[str, ...]:
    """The addresses of a list, or of the file of this name, each once. Raises `InputError`."""
    return endpoints_of(Path(endpoints)) if isinstance(endpoints, str) else tuple(dict.fromkeys(endpoints))


def endpoints_of(path: Path) -> tuple[str, ...]:
    """The addresses in a file: one in each line, each once; `#` begins a remark. Raises `InputError`."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        hint = "a list of addresses, or a file with one in each line"
        raise InputError(Problem("no-endpoints", f"cannot read {path.name}: {said}", Place(str(path)), hint)) from None
    found: dict[str, None] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        url = line.partition("#")[0].strip()
        if url and (wrong := _url_problem(url)):
            secret = "@" in url or looks_like_key(url)
            place = Place(str(path), number)
            problems.append(Problem("bad-url", f"the address {wrong}", place, _WRITE, secret=secret))
        elif url:
            found[url] = None
    if not found and not problems:
        problems.append(Problem("no-endpoints", f"no address in {path.name}", Place(str(path)), _WRITE))
    if problems:
        raise InputError(problems)
    return tuple(found)


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
        return f"{shown} is not a name of a header"
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
