"""Paths as people write and read them."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from bezoar_data.config.problems import did_you_mean


def normalized(path: Path) -> Path:
    """The path without `folder/..`, so that a file has one name in messages; as it is where a link makes the two
    differ."""
    short = os.path.normpath(path)
    return Path(short) if os.path.realpath(short) == os.path.realpath(path) else path


def expand_home(path: str | Path) -> Path:
    """The path with `~` as the home folder: shells do not write it out everywhere (`--out=~/runs/orca`), and some
    libraries do by themselves, which would make two places of one path."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises for users that are not there)


def relative_to_cwd(path: Path) -> str:
    """The path as a person in the current folder would write it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


_FOLDERS = ("pipelines", "pipelines/*", "recipes", "suites", "ablations", "cards", "..")


def similar_file_hint(path: Path) -> str:
    """A hint naming a file that may be meant: one of the same folder called nearly so, or one of that name in another
    folder of the project."""
    try:
        names = [p.name for p in islice(path.parent.iterdir(), 200)]
    except (OSError, ValueError):
        names = []
    hint = did_you_mean(path.name, names)
    if hint.startswith("did you mean"):
        return hint
    try:
        elsewhere = [p for pattern in _FOLDERS for p in islice(Path().glob(f"{pattern}/{path.name}"), 1) if p != path]
    except (OSError, ValueError, NotImplementedError):
        elsewhere = []
    return f"did you mean '{elsewhere[0]}'?" if elsewhere else ""
