"""Making catalogue entries from step classes. Imports every module of a package, so only the catalogue's maker does."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bezoar_data.config.settings_validation import type_name
from bezoar_data.steps.base import GlobalRowStep, ModelStep, RowStep, Source
from bezoar_data.steps.catalogue.entry import FILE, Setting, StepEntry, StepKind
from bezoar_data.steps.sources.files import FileSource

_BASES: tuple[tuple[type, StepKind], ...] = (
    (Source, "source"),
    (ModelStep, "model"),
    (GlobalRowStep, "global"),
    (RowStep, "row"),
)


def describe_package(package: str) -> tuple[Path, list[StepEntry]]:
    """Where the package's catalogue belongs, and an entry for each step class defined in it."""
    root = import_module(package)
    folder = Path(next(iter(root.__path__)))
    entries = [describe(cls) for cls in _step_classes(package)]
    names = [e.use for e in entries]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"more than one step is called {', '.join(twice)}")
    return folder / FILE, entries


def describe(cls: type[Any]) -> StepEntry:
    """The catalogue entry of one step class."""
    doc = inspect.getdoc(cls) or ""
    fields = _fields(cls)
    return StepEntry(
        use=cls.use,
        target=f"{cls.__module__}:{cls.__qualname__}",
        kind=next(kind for base, kind in _BASES if issubclass(cls, base)),
        version=cls.version,
        summary=doc.partition("\n")[0],
        doc=doc,
        reads=cls.reads,
        writes=cls.writes,
        optional_writes=cls.optional_writes,
        files=cls.shape() if issubclass(cls, FileSource) else None,
        types=dict(cls.types),
        settings=tuple(_setting(name, field, info) for name, (field, info) in fields.items()),
        schema=_schema(fields),
        one_of=getattr(cls, "one_of", ()),
        extra=cls.extra,
        makes=getattr(cls, "makes", False),
        carries=getattr(cls, "carries", False),
        example=cls.example,
    )


def _step_classes(package: str) -> Iterator[type[Any]]:
    root = import_module(package)
    for found in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda m: m.name):
        module = import_module(found.name)
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__ and vars(value).get("use"):
                yield value


def _fields(cls: type[Any]) -> dict[str, tuple[str, FieldInfo]]:
    """The settings a pipeline file may give: the fields our classes add to distilabel's, as files spell them."""
    spelled: dict[str, str] = getattr(cls, "spelled", {})
    declared = {
        name
        for base in cls.__mro__
        if issubclass(base, (RowStep, GlobalRowStep, Source)) and not base.__module__.startswith("distilabel.")
        for name in inspect.get_annotations(base)
    }
    own = {n: f for n, f in cls.model_fields.items() if n in declared}
    # What people set most stands first; the settings every step has come last.
    common = [n for n in ("limit", "seed") if n in own]
    order = [*(n for n in own if n == "llm"), *(n for n in own if n not in ("llm", *common)), *common]
    return {spelled.get(n, n): (n, own[n]) for n in order}


def _schema(fields: dict[str, tuple[str, FieldInfo]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, (field, info) in fields.items():
        if _is_role(field, info):
            info = FieldInfo(annotation=str, description=info.description, min_length=1)
        given[name] = (info.annotation, info)
    model = create_model("settings", __config__=ConfigDict(extra="forbid"), **given)
    schema: dict[str, Any] = model.model_json_schema()
    for prop in schema["properties"].values():
        for keyword in ("path", "names", "form", "role", "where", "title"):
            prop.pop(keyword, None)
    schema.pop("title", None)
    return schema


def _setting(name: str, field: str, info: FieldInfo) -> Setting:
    default = info.get_default(call_default_factory=True)
    more = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    path: Any = more.get("path")
    names: Any = more.get("names", ())
    form: Any = more.get("form")
    return Setting(
        name=name,
        field=field,
        type="role" if _is_role(field, info) else type_name(_schema({name: (field, info)})["properties"][name]),
        description=info.description or "",
        required=info.is_required(),
        default=None if default is PydanticUndefined else default,
        path=path,
        names=tuple(names),
        role=_is_role(field, info),
        where=bool(more.get("where")),
        form=form,
    )


def _is_role(field: str, info: FieldInfo) -> bool:
    """Whether a setting names a role of the models file: `llm`, and whatever says so of itself."""
    more = info.json_schema_extra
    return field == "llm" or (isinstance(more, dict) and bool(more.get("role")))
