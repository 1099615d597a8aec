"""The catalogue of steps: what each one is called, reads, writes and can be set to, without importing any of them.

Importing distilabel takes seconds, and importing a step runs code. Checking a pipeline file and listing steps need
neither: they read `catalogue.json`, which `python -m bezoar_data.steps.catalogue --write` makes from the step classes.
A package adds steps with an entry point in the group `bezoar_data.steps` whose value is a package that holds a
`catalogue.json` made the same way (`--package my_steps --write`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bezoar_data.spec.errors import InputError, Problem, did_you_mean
from bezoar_data.spec.settings_check import SettingFault, check_settings
from bezoar_data.steps.columns import fill_columns

Kind = Literal["source", "row", "model", "global"]
FILE = "catalogue.json"
GROUP = "bezoar_data.steps"
HERE = "bezoar_data.steps"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a step. `name` is how pipeline files spell it, `field` what the class calls it.

    `role` marks the setting that names a role of the models file, `where` one that holds an expression; `path` says
    that the value is a path the step reads (`input`) or writes (`output`), unless it is one of `names`, which stand
    for things the step brings along. `form` is the function, as `module:name`, that reads such a file.
    """

    name: str
    field: str
    type: str
    description: str
    required: bool
    default: Any = None
    path: Literal["input", "output"] | None = None
    names: tuple[str, ...] = ()
    role: bool = False
    where: bool = False
    form: str | None = None

    def read(self, path: Path) -> None:
        """Read a file that the setting names, where its form is one of ours. Raises `InputError` for what is wrong in
        it. Imports no step: the forms stand apart from them."""
        if self.form is not None and self.form.startswith(f"{HERE}."):
            from importlib import import_module
            from operator import attrgetter

            module, _, name = self.form.partition(":")
            attrgetter(name)(import_module(module))(path)


@dataclass(frozen=True)
class StepEntry:
    """One step as the catalogue knows it."""

    use: str
    target: str
    """`module:Class`."""
    kind: Kind
    version: int
    summary: str
    doc: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    optional_writes: tuple[str, ...]
    settings: tuple[Setting, ...]
    schema: Mapping[str, Any] = field(repr=False)
    """JSON schema of the settings as pipeline files spell them."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of settings of which exactly one must be given."""
    extra: str | None = None
    makes: bool = False
    """Whether its rows are new ones, with no columns but those it writes."""
    carries: bool = False
    """Whether such rows have all columns of those they are made from nevertheless."""
    example: str = ""

    @property
    def role_settings(self) -> tuple[str, ...]:
        """The names of the settings that name roles, if the step asks models; the main one first."""
        return tuple(s.name for s in self.settings if s.role)

    @property
    def input_paths(self) -> tuple[str, ...]:
        """The names of the settings that hold paths the step reads."""
        return tuple(s.name for s in self.settings if s.path == "input")

    @property
    def expressions(self) -> tuple[str, ...]:
        """The names of the settings that hold `where` expressions."""
        return tuple(s.name for s in self.settings if s.where)

    def is_path(self, name: str, value: str) -> bool:
        """Whether this value of a path setting is a path, and not the name of a thing the step brings along."""
        setting = self.setting(name)
        return setting is not None and setting.path is not None and value not in setting.names

    def setting(self, name: str) -> Setting | None:
        return next((s for s in self.settings if s.name == name), None)

    def check_settings(self, settings: Mapping[str, Any]) -> list[SettingFault]:
        """Everything that is wrong with these settings, spelled as in a pipeline file."""
        return check_settings(self.use, self.schema, settings, self.one_of)

    def fields(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The same settings under the names the class calls them."""
        names = {s.name: s.field for s in self.settings}
        return {names.get(name, name): value for name, value in settings.items()}

    def spelling(self, field: str) -> str | None:
        """How pipeline files spell the setting the class calls `field`."""
        return next((s.name for s in self.settings if s.field == field), None)

    def columns(self, settings: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """The columns the step reads and writes under these settings, defaults filled in."""
        values = {s.field: s.default for s in self.settings} | self.fields(settings)
        return fill_columns(self.reads, values), fill_columns(self.writes, values)

    def optional_columns(self, settings: Mapping[str, Any]) -> list[str]:
        """Columns the step may write besides."""
        values = {s.field: s.default for s in self.settings} | self.fields(settings)
        return fill_columns(self.optional_writes, values)

    def columns_in_words(self) -> list[str]:
        """What it reads and writes, a line for each."""
        return columns_in_words(self.reads, self.writes, self.optional_writes)

    def load_class(self) -> type[Any]:
        """The step's class. Imports its module, and with it distilabel."""
        from importlib import import_module

        module, _, name = self.target.partition(":")
        loaded: type[Any] = getattr(import_module(module), name)
        return loaded

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StepEntry:
        tuples = {k: tuple(value[k]) for k in ("reads", "writes", "optional_writes")}
        settings = tuple(Setting(**{**s, "names": tuple(s["names"])}) for s in value["settings"])
        one_of = tuple(tuple(group) for group in value["one_of"])
        return cls(**{**value, **tuples, "settings": settings, "one_of": one_of})


def columns_in_words(
    reads: Sequence[str], writes: Sequence[str], may_write: Sequence[str], may_read: Sequence[str] = ()
) -> list[str]:
    parts = (("reads", reads), ("may read", may_read), ("writes", writes), ("may write", may_write))
    return [f"{title}: {', '.join(columns)}" for title, columns in parts if columns]


@cache
def load_catalogue() -> Mapping[str, StepEntry]:
    """All known steps by the name pipeline files use: ours first, then those of installed packages.

    Raises `InputError` for an installed package whose catalogue cannot be read or that claims a name already taken.
    """
    entries = _read((Path(__file__).parent / FILE).read_bytes())
    problems: list[Problem] = []
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
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


def find_step(use: str) -> StepEntry:
    """The step of that name, ours or distilabel's. Raises `InputError` that names the nearest one."""
    from bezoar_data.steps.foreign.known import PREFIX, find_distilabel_step

    if use.startswith(PREFIX):
        return find_distilabel_step(use)
    entries = load_catalogue()
    if use not in entries:
        raise InputError(Problem("unknown-step", f"there is no step '{use}'", hint=did_you_mean(use, list(entries))))
    return entries[use]


def _read(content: bytes) -> dict[str, StepEntry]:
    value = json.loads(content)
    if value["format"] != _FORMAT:
        raise ValueError(f"its catalogue has format {value['format']}, this version reads {_FORMAT}")
    return {step["use"]: StepEntry.from_json(step) for step in value["steps"]}


def _resource(package: str) -> bytes:
    from importlib.resources import files

    return files(package).joinpath(FILE).read_bytes()


def render(entries: Sequence[StepEntry]) -> str:
    """The text of a catalogue file."""
    ordered = sorted(entries, key=lambda e: e.use)
    content = {"format": _FORMAT, "steps": [e.as_json() for e in ordered]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare a package's catalogue file with its step classes, or write it."""
    import argparse

    from bezoar_data.steps.quiet import import_distilabel

    import_distilabel()
    from bezoar_data.steps.describe import describe_package

    parser = argparse.ArgumentParser(prog="python -m bezoar_data.steps.catalogue", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write the file instead of comparing")
    parser.add_argument("--package", default=HERE, help="the package whose steps to describe")
    options = parser.parse_args(arguments)
    path, entries = describe_package(options.package)
    texts = {path: render(entries)}
    if options.package == HERE:
        from bezoar_data.steps.foreign.describe import render as render_distilabel
        from bezoar_data.steps.foreign.known import FILE as DISTILABEL

        texts[DISTILABEL] = render_distilabel()
    for path, text in texts.items():
        if options.write:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path} is written\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path} is not current; run this again with --write\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
