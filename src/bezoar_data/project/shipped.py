"""The pipelines and recipes that come with the package, also for whoever has no clone of it.

In a wheel they lie inside the package; in a clone that is installed as editable they are the clone's own folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.yaml.document import load_yaml

ShippedKind = Literal["pipelines", "recipes"]


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped pipeline or recipe: the file `path`, and what it says of itself."""

    name: str
    path: Path
    description: str

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "description": self.description, "path": str(self.path)}


def shipped_folder() -> Path:
    """The folder that holds `pipelines`, `cards` and the like."""
    package = Path(__file__).parents[1]
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parents[1]


def shipped(kind: ShippedKind) -> Mapping[str, Shipped]:
    """What there is of a kind, by name, sorted. Empty where nothing is shipped."""
    found = {}
    for path in sorted((shipped_folder() / kind).glob("*.yaml")):
        value = load_yaml(path).value
        description = value.get("description", "") if isinstance(value, dict) else ""
        found[path.stem] = Shipped(path.stem, path, str(description))
    return found


def find_shipped(kind: ShippedKind, name: str) -> Shipped:
    """The shipped file of that name. Raises `InputError` that names the nearest one."""
    known = shipped(kind)
    name = name.removesuffix(".yaml")
    if name not in known:
        what = kind.removesuffix("s")
        message = f"no {what} '{name}' comes with bezoar-data"
        raise InputError(Problem(f"unknown-{what}", message, hint=did_you_mean(name, list(known))))
    return known[name]
