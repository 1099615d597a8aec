"""The pipelines, recipes, suites and ablations that come with the package, also for whoever has no clone of it, and
which file a person means by a name such as `orca`.

In a wheel they lie inside the package; in a clone that is installed as editable they are the clone's own folders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home, relative_to_cwd, similar_file_hint
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import load_yaml

ShippedKind = Literal["pipelines", "recipes", "suites", "ablations"]
_MARK: dict[ShippedKind, str] = {
    "pipelines": "steps",
    "recipes": "stages",
    "suites": "tasks",
    "ablations": "variants",
}
"""The key that only a file of the kind has: models files lie among the pipelines."""
KINDS = tuple(_MARK)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")


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
        if (value := _of_kind(kind, path)) is not None:
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


def file_meant(kind: ShippedKind, written: str | Path) -> Path:
    """The file that a person means, by its path or in one word: `orca` is `pipelines/orca.yaml` of the current folder,
    else the pipeline of that name that comes with the package. Whether a path leads to a file is for its reader to
    say."""
    return _found(kind, written) or expand_home(written)


def named_file(kind: ShippedKind, written: str | Path) -> Path:
    """The same. Raises `InputError` for one word that names nothing, with the nearest name."""
    return _found(kind, written) or _path(written, kind)


def named_files(written: str | Path) -> list[Path]:
    """The same where a file of any kind may be meant: all that have the name."""
    found = [path for kind in KINDS if (path := _found(kind, written)) is not None]
    return list(dict.fromkeys(found)) or [_path(written, *KINDS)]


def in_package(path: Path) -> bool:
    """Whether a file lies in the installed package: it is of no project."""
    return path.absolute().is_relative_to(Path(__file__).parents[1] / "shipped")


def is_shipped(path: Path) -> bool:
    """Whether a file comes with the package, and is not of the current folder, as in a clone."""
    path = path.absolute()
    return in_package(path) or (path.is_relative_to(shipped_folder()) and not path.is_relative_to(Path.cwd()))


def as_named(path: Path) -> str:
    """The file as a person in the current folder would name it to a command."""
    place = path.absolute().relative_to(shipped_folder()).with_suffix("").parts if is_shipped(path) else ()
    return "/".join(place[1:]) if place and place[0] in KINDS else relative_to_cwd(path)


def said_of_shipped(kind: ShippedKind, path: Path) -> list[str]:
    """What a person is told whose name led to a file of the package."""
    name = as_named(path)
    return [f"{name} comes with bezoar-data; bezoar-data {kind} copy {name} makes it yours"] if is_shipped(path) else []


def _found(kind: ShippedKind, written: str | Path) -> Path | None:
    path, name = expand_home(written), str(written)
    if path.is_file() or not _NAME.fullmatch(name):
        return path if path.is_file() else None
    for folder in (Path(kind), shipped_folder() / kind):
        file = folder / f"{name}.yaml"
        if file.is_file() and (folder == Path(kind) or _of_kind(kind, file) is not None):
            return file
    return None


def _of_kind(kind: ShippedKind, path: Path) -> dict[str, Any] | None:
    value = load_yaml(path, lenient=True).value  # tasks of suites have tags of their own
    return value if isinstance(value, dict) and _MARK[kind] in value else None


def _path(written: str | Path, *kinds: ShippedKind) -> Path:
    path, name = expand_home(written), str(written)
    if not _NAME.fullmatch(name) or "/" in name or path.exists():
        return path
    known = [path.stem for kind in kinds for path in Path(kind).glob("*.yaml")]
    known += [name for kind in kinds for name in shipped(kind)]
    what = kinds[0].removesuffix("s") if len(kinds) == 1 else "file of ours"
    message = f"there is no file '{printable(name, 200)}', and no {what} of this name"
    near = did_you_mean(name, known)
    hint = near if near.startswith("did you mean") else similar_file_hint(path)
    if not hint and len(kinds) == 1:
        hint = f"see: bezoar-data {kinds[0]} list"
    raise InputError(Problem("missing-file", message, hint=hint))
