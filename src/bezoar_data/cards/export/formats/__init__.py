"""The formats: each module here is one, known by its name (`llama_factory` is called `llama-factory`).

A module has `convert(row, example)`, which gives a row's JSON object from its columns or from the row as training text,
and raises `CannotHold` where the format has no place for it. It may have

- `NEEDS_VIEW = False`: it takes rows as they are, without a view;
- `convert_dialogue`, in the place of `convert` for a view of whole conversations (`messages`): all rows of a file are
  laid out alike;
- `HOLDS`: what it writes of turns beside role and content (`export.held`); rows that mean more are left out before
  `convert` sees them. `PAIR_HOLDS` is the same of pairs, where that differs;
- `beside(files)`: more files, which say how the trainer reads the rows; such a format is written as a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.conversations.views import Example

Convert = Callable[[Mapping[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Files:
    """What was written into a folder: the file's name by split, under the dataset's name. `kind` is that of the view;
    of a file that is there already, `read` gives the text."""

    name: str
    kind: str
    folder: Path
    by_split: Mapping[str, str]
    read: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Format:
    """One format, as its module describes it."""

    name: str
    convert: Convert
    convert_dialogue: Convert
    needs_view: bool
    holds: frozenset[str]
    pair_holds: frozenset[str]
    beside: Callable[[Files], Mapping[str, str]] | None

    def converter(self, kind: str) -> Convert:
        """What makes a row's object, by the kind of the view."""
        return self.convert_dialogue if kind == "messages" else self.convert

    def held_of(self, example: Example) -> frozenset[str]:
        return self.holds if example.rejected is None else self.pair_holds


FORMATS = tuple(module.name.replace("_", "-") for module in iter_modules(__path__))


def load_format(name: str) -> Format:
    """The format of this name. Raises `InputError`."""
    if name not in FORMATS:
        place = Place(f"--format {printable(name)}")
        raise InputError(Problem("unknown-format", f"there is no format '{name}'", place, did_you_mean(name, FORMATS)))
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    holds: frozenset[str] = getattr(module, "HOLDS", frozenset())
    return Format(
        name=name,
        convert=module.convert,
        convert_dialogue=getattr(module, "convert_dialogue", module.convert),
        needs_view=getattr(module, "NEEDS_VIEW", True),
        holds=holds,
        pair_holds=getattr(module, "PAIR_HOLDS", holds),
        beside=getattr(module, "beside", None),
    )
