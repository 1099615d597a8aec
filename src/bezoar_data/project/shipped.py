"""The pipelines, recipes, suites and ablations that come with the package, also for whoever has no clone of it.

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

ShippedKind = Literal["pipelines", "recipes", "suites", "ablations"]
_MARK: dict[ShippedKind, str] = {
    "pipelines": "steps",
    "recipes": "stages",
    "suites": "tasks",
    "ablations": "variants",
}
"""The key that only a file of the kind has: models files lie among the pipelines."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped pipeline, recipe, suite or ablation: the file `path`, and what it says of itself."""

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
    """What there is of a kind, by name, sorted: `orca`, and `openbezoar/orca` in a folder within. Empty where nothing
    is shipped."""
    found = {}
    folder = shipped_folder() / kind
    for path in sorted(folder.rglob("*.yaml"), key=lambda path: (len(path.parts), path)):
        value = load_yaml(path, lenient=True).value  # tasks of suites have tags of their own
        if isinstance(value, dict) and _MARK[kind] in value:
            name = path.relative_to(folder).with_suffix("").as_posix()
            found[name] = Shipped(name, path, str(value.get("description", "")))
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
