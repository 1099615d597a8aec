"""Keys that stand in a project's file: what looks like one, and the values of this machine's environment themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from bezoar_data.config.environment import environment_keys
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import looks_like_key
from bezoar_data.config.yaml.document import Document, YamlPath

_HINT = "put it into an environment variable and write its name in 'api_key_env'; then change the key"


def keys_in(document: Document, *, shapes: bool) -> Iterator[Problem]:
    """A problem for each value that holds a key. With `shapes` it is enough that it looks like one: in a file where
    nothing else does."""
    return _keys(document, document.value, (), environment_keys(), shapes)


def _keys(document: Document, value: Any, at: YamlPath, known: Collection[str], shapes: bool) -> Iterator[Problem]:
    if isinstance(value, dict | list):
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _keys(document, inner, (*at, part), known, shapes)
    elif isinstance(value, str):
        if any(key in value for key in known):
            message = "this is the value of a key in your environment"
            yield Problem("key-in-file", message, document.place(at), _HINT, secret=True)
        elif shapes and looks_like_key(value):
            yield Problem("key-in-file", "this looks like a key itself", document.place(at), _HINT, secret=True)
