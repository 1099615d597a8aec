"""The formats: each module here is one, known by its name.

A module has `convert(row, example)`, which gives a row's JSON object from its columns or from the row as training text,
and `NEEDS_VIEW`: whether it wants the training text, which is read by a view of the card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean

Convert = Callable[[Mapping[str, Any], Any], dict[str, Any]]

FORMATS = tuple(module.name for module in iter_modules(__path__))


def load_format(name: str) -> tuple[Convert, bool]:
    """The format's `convert`, and whether it needs a view. Raises `InputError`."""
    if name not in FORMATS:
        raise InputError(Problem("unknown-format", f"there is no format '{name}'", hint=did_you_mean(name, FORMATS)))
    module = import_module(f"{__name__}.{name}")
    return module.convert, module.NEEDS_VIEW
