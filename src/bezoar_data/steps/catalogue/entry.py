"""One step as the catalogue knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from bezoar_data.config.settings_validation import SettingProblem, check_settings
from bezoar_data.steps.columns import fill_columns
from bezoar_data.steps.sources.rows import FileShape

StepKind = Literal["source", "row", "model", "global"]


FILE = "catalogue.json"
FORMAT = 1
HERE = "bezoar_data.steps"
"""Our package of steps, and the group of entry points by which other packages add theirs."""


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
        """Read a file that the setting names, where its form is one of this package. Raises `InputError` for what
        is wrong in it. Imports no step: the forms stand apart from them."""
        if self.form is not None and self.form.startswith(f"{HERE}."):
            module, _, name = self.form.partition(":")
            attrgetter(name)(import_module(module))(path)


@dataclass(frozen=True)
class StepEntry:
    """One step as the catalogue knows it."""

    use: str
    target: str
    """`module:Class`."""
    kind: StepKind
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
    files: FileShape | None = None
    """What it says of the rows of its files, if it is a source of such."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of columns it writes, as declared: of `config.where.tree.KINDS`, or the `{setting}` that says it."""

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

    def value_of(self, name: str, settings: Mapping[str, Any]) -> Any:
        """A setting as given, else its default; None for one that the step does not have."""
        setting = self.setting(name)
        return settings.get(name, setting.default) if setting else None

    def check_settings(self, settings: Mapping[str, Any]) -> list[SettingProblem]:
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

    def column_types(self, settings: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """The types of columns that it writes, as far as they are declared, each with the setting that says it, if one
        does."""
        values = {s.field: s.default for s in self.settings} | self.fields(settings)
        found = {}
        for declared, said in self.types.items():
            setting = said.removeprefix("{").removesuffix("}") if said.startswith("{") else ""
            for column in fill_columns([declared], values):
                found[column] = (str(values[setting]) if setting else said, setting)
        return found

    def optional_columns(self, settings: Mapping[str, Any]) -> list[str]:
        """Columns the step may write besides."""
        values = {s.field: s.default for s in self.settings} | self.fields(settings)
        return fill_columns(self.optional_writes, values)

    def describe_columns(self) -> list[str]:
        """What it reads and writes, a line for each."""
        return describe_columns(self.reads, self.writes, self.optional_writes)

    def load_class(self) -> type[Any]:
        """The step's class. Imports its module, and with it distilabel."""
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
        if value.get("files") is not None:
            value = {**value, "files": FileShape.from_json(value["files"])}
        return cls(**{**value, **tuples, "settings": settings, "one_of": one_of})


def describe_columns(
    reads: Sequence[str], writes: Sequence[str], may_write: Sequence[str], may_read: Sequence[str] = ()
) -> list[str]:
    parts = (("reads", reads), ("may read", may_read), ("writes", writes), ("may write", may_write))
    return [f"{title}: {', '.join(columns)}" for title, columns in parts if columns]
