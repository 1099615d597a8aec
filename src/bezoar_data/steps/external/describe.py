"""Making catalogue entries from external step classes: what they take, read and write.

Their columns are properties, not declarations: a class is made under each of the settings that could matter, and what
its properties then say is written down. `python -m bezoar_data.steps.external.write --write` writes those of
distilabel.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from itertools import product
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ConfigDict, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bezoar_data.config.settings_validation import type_name
from bezoar_data.steps.catalogue.entry import Setting
from bezoar_data.steps.external.entry import OWN, PREFIX, ExternalEntry, Variant, with_way
from bezoar_data.steps.external.loading import make_class
from bezoar_data.steps.external.refused import REFUSED
from bezoar_data.steps.external.registry import FORMAT, PARTS, module_step
from bezoar_data.steps.external.renaming import UNKEPT
from bezoar_data.steps.external.row_adapters import FastTask, is_fast

_NOT_SET = frozenset(
    {
        "name", "resources", "pipeline", "input_mappings", "output_mappings", "use_cache", "input_batch_size",
        "batch_size", "llm", "add_raw_output", "add_raw_input", "token", "api_key", "trust_remote_code",
        "storage_options", "split_statistics", "savefig", "exclude_from_signature", "type_info",
    }
)  # fmt: skip
"""Fields that a pipeline file says in its own way, that mean nothing where each row goes on its own, or that no file
should hold."""
_SHARED = ("group_generations", "num_generations", "use_default_structured_output", *OWN)
"""Settings of all tasks: they stand in the file once."""
_MAX_VARIANTS = 64
_VALUES: Mapping[str, Mapping[str, Any]] = {"PrometheusEval": {"rubric": "factual-validity"}}
"""Values that a class has to be given before it says its columns."""
_NUMBERS = {"n_turns": [1, 2]}
"""Numbers that columns hang on: the last stands for all greater ones."""
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {"MergeColumns": {"output_column": "merged_column"}}
_LONG = 60
"""A default longer than this is a prompt of distilabel's, and not repeated here."""
_REMOVES = {"KeepColumns": ("*",), "MergeColumns": ("{columns}",)}


def describe_class(cls: type[Any], entry: ExternalEntry) -> ExternalEntry:
    """The entry of a use, with all that its class declares."""
    way = way_of(cls)
    fields = _fields(cls)
    role = _role_name(cls)
    for name, default in _DEFAULTS.get(cls.__name__, {}).items():
        fields[name] = FieldInfo(annotation=fields[name].annotation, default=default)
    settings = [_setting(name, info) for name, info in fields.items()]
    if role:
        settings.insert(0, Setting(role, "llm", "role", "", True, role=True))
    if way == "fast":
        own = {n: f for n, f in FastTask.model_fields.items() if n in OWN}
        settings += [_setting(n, f) for n, f in own.items() if n not in fields]
        fields = {**own, **fields}
    return replace(
        with_way(entry, way),
        settings=tuple(settings),
        schema=_schema(fields, role),
        variants=tuple(_variants(cls, fields, role)),
        removes=_REMOVES.get(cls.__name__, ()) if cls.__module__.startswith("distilabel.") else (),
        seen=True,
    )


def way_of(cls: type[Any]) -> str:
    """How a class runs here: see `entry`."""
    from distilabel.steps.base import GeneratorStep, GlobalStep

    asks = "llm" in cls.model_fields
    if issubclass(cls, GeneratorStep):
        return "source"
    if issubclass(cls, GlobalStep):
        return "global task" if asks else "global"
    return ("fast" if is_fast(cls) else "task") if asks else "row"


def render() -> str:
    """The text of `distilabel.json`: one line for each step."""
    entries = dict(_distilabel())
    shared = {n: p for entry in entries.values() for n, p in _properties(entry).items() if n in _SHARED}
    lines = [f" {json.dumps(name)}: {json.dumps(_as_json(entry))}" for name, entry in entries.items()]
    head = json.dumps({"format": FORMAT, "shared": shared})[:-1]
    return f'{head}, "steps": {{\n' + ",\n".join(lines) + "\n}}\n"


def _distilabel() -> Iterator[tuple[str, ExternalEntry]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import distilabel.steps
        import distilabel.steps.tasks
        from distilabel.steps.base import _Step

    classes = {
        name: cls
        for place in (distilabel.steps, distilabel.steps.tasks)
        for name in place.__all__
        if inspect.isclass(cls := getattr(place, name)) and issubclass(cls, _Step) and not inspect.isabstract(cls)
    }
    for name in sorted(classes):
        if name not in REFUSED:
            yield name, describe_class(classes[name], module_step(f"{PREFIX}{name}", {}, starts=False))


def _properties(entry: ExternalEntry) -> dict[str, Any]:
    return {n: p for n, p in entry.schema["properties"].items() if n not in entry.role_settings}


def _as_json(entry: ExternalEntry) -> dict[str, Any]:
    properties = _properties(entry)
    own = {n: p for n, p in properties.items() if n not in _SHARED}
    value = {
        "way": entry.way,
        "roles": list(entry.role_settings),
        "settings": own,
        "required": [s.name for s in entry.settings if s.required and not s.role],
        "shares": [n for n in properties if n in _SHARED],
        "columns": [{k: getattr(v, k) for k in PARTS if getattr(v, k)} for v in entry.variants],
        "removes": entry.removes,
        "$defs": entry.schema.get("$defs", {}),
    }
    return {k: v for k, v in value.items() if v or k in ("settings", "columns")}


def _role_name(cls: type[Any]) -> str:
    """How files spell the role of a class that asks a model: `model`, unless that is a field of its own."""
    if "llm" not in cls.model_fields:
        return ""
    return "llm" if "model" in cls.model_fields else "model"


def _fields(cls: type[Any]) -> dict[str, FieldInfo]:
    return {n: f for n, f in cls.model_fields.items() if n not in _NOT_SET and not _holds_object(f.annotation)}


def _holds_object(annotation: Any) -> bool:
    """Whether a field wants what no file can hold: a model, a callable."""
    parts = get_args(annotation) if get_origin(annotation) is not Literal else ()
    if hasattr(annotation, "__metadata__"):
        return _holds_object(parts[0])
    if parts:
        return any(_holds_object(p) for p in parts)
    try:
        create_model(
            "probe", __config__=ConfigDict(arbitrary_types_allowed=True), x=(annotation, ...)
        ).model_json_schema()
    except Exception:
        return True
    return hasattr(annotation, "model_fields")


def _schema(fields: Mapping[str, FieldInfo], role: str) -> dict[str, Any]:
    """The JSON schema of the settings, without what no check looks at."""
    given: dict[str, Any] = {role: (str, ...)} if role else {}
    given |= {name: (info.annotation, _plain(info)) for name, info in fields.items()}
    schema = _json_schema(given)
    for name, prop in schema["properties"].items():
        _strip(prop)
        if name == role:
            prop["minLength"] = 1
        if len(json.dumps(prop.get("default"))) > _LONG:
            del prop["default"]
    return {k: schema[k] for k in ("type", "properties", "required", "additionalProperties", "$defs") if k in schema}


def _json_schema(fields: Mapping[str, Any]) -> dict[str, Any]:
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydantic thinks of distilabel's fields
        schema: dict[str, Any] = create_model("settings", __config__=config, **fields).model_json_schema()
        return schema


def _strip(schema: Any) -> None:
    """Take out what is for people only."""
    if isinstance(schema, dict):
        for word in ("title", "description", "runtime_parameters_names"):
            schema.pop(word, None)
        for part in schema.values():
            _strip(part)
    elif isinstance(schema, list):
        for part in schema:
            _strip(part)


def _plain(info: FieldInfo) -> FieldInfo:
    plain = copy(info)
    plain.default, plain.default_factory = info.get_default(call_default_factory=True), None
    return plain


def _setting(name: str, info: FieldInfo) -> Setting:
    default = info.get_default(call_default_factory=True)
    schema = _schema({name: info}, "")
    return Setting(
        name,
        name,
        type_name(schema["properties"][name]),
        "",
        info.is_required(),
        None if default is PydanticUndefined else default,
    )


def _variants(cls: type[Any], fields: Mapping[str, FieldInfo], role: str) -> Iterator[Variant]:
    """The columns under each combination of the settings that change them."""
    theirs = {n: f for n, f in fields.items() if n in cls.model_fields}
    choices = {n: c for n, f in theirs.items() if (c := _NUMBERS.get(n) or _choices(f.annotation))}
    base = {**_probes(theirs), **_VALUES.get(cls.__name__, {})}
    seen: dict[tuple[Any, ...], Variant] = {}
    names = list(choices)
    for values in product(*choices.values()):
        if len(seen) > 4096:
            break
        found = _columns(cls, {**base, **dict(zip(names, values, strict=True))}, bool(role))
        if found is not None:
            seen[values] = found
    matter = [i for i in range(len(names)) if _matters(seen, i)]
    by_value: dict[tuple[Any, ...], Variant] = {}
    for values, found in seen.items():
        by_value.setdefault(tuple(values[i] for i in matter), found)
    for values, found in list(by_value.items())[:_MAX_VARIANTS]:
        when = {names[i]: v for i, v in zip(matter, values, strict=True)}
        yield replace(found, when={n: v for n, v in when.items() if n not in _NUMBERS or v != _NUMBERS[n][-1]})


def _matters(seen: Mapping[tuple[Any, ...], Variant], i: int) -> bool:
    groups: dict[tuple[Any, ...], Variant] = {}
    return any(groups.setdefault((*v[:i], *v[i + 1 :]), found) != found for v, found in seen.items())


def _choices(annotation: Any) -> list[Any]:
    """The values of a field that has but a few."""
    for kind in _kinds(annotation):
        if kind is bool:
            return [False, True]
        if get_origin(kind) is Literal:
            return list(get_args(kind))
    return []


def _probes(fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """Values for fields that may name columns: where `{name}` then turns up among the columns, they do."""
    probes: dict[str, Any] = {}
    for name, info in fields.items():
        mark = f"{{{name}}}"
        kinds = list(_kinds(info.annotation))
        if dict[str, str] in kinds and name == "columns":
            probes[name] = {mark: f"{{{name}:values}}"}
        elif list[str] in kinds and (info.is_required() or "column" in name):
            probes[name] = [mark]
        elif str in kinds and (info.is_required() or "column" in name):
            probes[name] = mark
        elif info.is_required():
            probes[name] = _sample(kinds)
    return probes


def _sample(kinds: list[Any]) -> Any:
    for kind in kinds:
        if kind in (int, float, bool, str, dict, list):
            return kind(1) if kind in (int, float, bool) else kind()
        if get_origin(kind) is Literal:
            return get_args(kind)[0]
        if get_origin(kind) in (list, dict):
            return get_origin(kind)()
    return None


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types a field may have, aliases of `typing` as built-in ones."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Union or str(origin) == "<class 'types.UnionType'>":
        for part in parts:
            yield from _kinds(part)
    elif hasattr(annotation, "__metadata__"):
        yield from _kinds(parts[0])
    else:
        yield origin[parts] if origin in (list, dict) else annotation


def _columns(cls: type[Any], settings: Mapping[str, Any], asks: bool) -> Variant | None:
    try:
        step = make_class(cls, "probe", settings, "model" if asks else None)
        reads, may_read = _split(step.inputs)
        writes, may_write = _split(step.outputs)
    except Exception:  # settings that do not go together
        return None
    return Variant({}, reads, may_read, writes, may_write)


def _split(columns: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    needed = columns if isinstance(columns, dict) else dict.fromkeys(columns, True)
    kept = {c: required for c, required in needed.items() if c not in UNKEPT}
    return tuple(c for c, r in kept.items() if r), tuple(c for c, r in kept.items() if not r)
