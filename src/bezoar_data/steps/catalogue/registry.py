"""The catalogue of steps: what each one is called, reads, writes and can be set to, without importing any of them.

Importing distilabel takes seconds, and importing a step runs code. Checking a pipeline file and listing steps need
neither: they read `catalogue.json`, which `python -m bezoar_data.steps.catalogue.write --write` makes from the step
classes.
A package adds steps with an entry point in the group `bezoar_data.steps` whose value is a package that holds a
`catalogue.json` made the same way (`--package my_steps --write`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.steps.catalogue.entry import FILE, FORMAT, HERE, StepEntry


@cache
def load_catalogue() -> Mapping[str, StepEntry]:
    """All known steps by the name pipeline files use: the built-in ones first, then those of installed packages.

    Raises `InputError` for an installed package whose catalogue cannot be read or that claims a name already taken.
    """
    entries = _read((Path(__file__).parents[1] / FILE).read_bytes())
    problems: list[Problem] = []
    for point in sorted(entry_points(group=HERE), key=lambda p: (p.name, p.value)):
        hint = "update or uninstall that package"
        try:
            added = _read(_resource(point.value))
        except Exception as error:
            message = f"the steps of the installed package '{point.value}' cannot be read: {error}"
            problems.append(Problem("bad-plugin", message, hint=hint))
            continue
        for name, entry in added.items():
            if name in entries:
                message = f"'{point.value}' brings a step '{name}', a name that is taken"
                problems.append(Problem("bad-plugin", message, hint=hint))
            else:
                entries[name] = entry
    if problems:
        raise InputError(problems)
    return MappingProxyType(entries)


def _read(content: bytes) -> dict[str, StepEntry]:
    value = json.loads(content)
    if value["format"] != FORMAT:
        raise ValueError(f"its catalogue has format {value['format']}, this version reads {FORMAT}")
    return {step["use"]: StepEntry.from_json(step) for step in value["steps"]}


def _resource(package: str) -> bytes:
    return files(package).joinpath(FILE).read_bytes()
