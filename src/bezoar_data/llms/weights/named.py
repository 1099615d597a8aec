"""What a models file may name as weights: a short name, a file, or a file of a repository on the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable

_ON_THE_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?:(?P<file>[\w./-]+\.gguf)", re.I)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python package that carries the weights, for where the Hub cannot be reached."""

    requirement: str
    file: str


@dataclass(frozen=True, slots=True)
class HubWeights:
    """A GGUF of a repository on the Hub. `sha256` and `size` (bytes) are None where only the Hub knows them."""

    name: str
    """What it is called in the journal and on cards."""
    repo: str
    file: str
    revision: str | None = None
    sha256: str | None = None
    size: int | None = None
    parameters: int | None = None
    licence: str | None = None
    wheel: Wheel | None = None


@cache
def known_weights() -> Mapping[str, HubWeights]:
    """The shipped table of short names (`known.json`)."""
    table = json.loads((files(__package__) / "known.json").read_text("utf-8"))
    return {name: _known(name, entry) for name, entry in table.items()}


def weights_named(name: str) -> HubWeights | Path:
    """What a name stands for: a file's path, or weights of the Hub. Raises `InputError` for one that is neither."""
    if (known := known_weights().get(name.lower())) is not None:
        return known
    if found := _ON_THE_HUB.fullmatch(name):
        repo, file = found["repo"], found["file"]
        return HubWeights(f"{repo}:{file}", repo, file, found["revision"])
    if is_gguf(name):
        return expand_home(name)
    message = f"'{printable(name, 200)}' names no weights"
    hint = did_you_mean(name, list(known_weights()))
    hint = f"{hint}; else a path to a GGUF file, or OWNER/REPOSITORY:FILE.gguf for one of the Hub"
    raise InputError(Problem("unknown-weights", message, hint=hint))


def is_gguf(name: str) -> bool:
    """Whether a name can only mean a GGUF file."""
    return name.lower().endswith(".gguf")


def name_of_sha256(digest: str | None) -> str | None:
    """The short name of weights with this SHA-256, if they have one."""
    return next((known.name for known in known_weights().values() if known.sha256 == digest), None)


def _known(name: str, entry: Mapping[str, Any]) -> HubWeights:
    wheel = entry.get("wheel")
    return HubWeights(name, **{**entry, "wheel": Wheel(**wheel) if wheel else None})
