"""Checking a step's settings against its catalogue entry, in words for the person who wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bezoar_data.spec.errors import did_you_mean

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from bezoar_data.steps.catalogue import SettingFault, StepEntry

_EXPECTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping ('key: value' lines)",
    "null": "nothing",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
}


def check_settings(entry: StepEntry, settings: Mapping[str, Any]) -> list[SettingFault]:
    """Every fault of the settings, in the order of their keys."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(entry.schema)
    errors = sorted(validator.iter_errors(dict(settings)), key=lambda e: [str(p) for p in e.absolute_path])
    faults = [fault for error in errors for fault in _faults(entry, error)]
    return [*faults, *_choices(entry, settings)]


def _choices(entry: StepEntry, settings: Mapping[str, Any]) -> Iterator[SettingFault]:
    from bezoar_data.steps.catalogue import SettingFault

    for group in entry.one_of:
        given = [name for name in group if settings.get(name) is not None]
        names = " or ".join(f"`{name}`" for name in group)
        if not given:
            yield SettingFault((), "missing-key", f"'{entry.use}' needs {names}")
        elif len(given) > 1:
            yield SettingFault((given[1],), "bad-value", f"'{entry.use}' takes either {names}, not both")


def _faults(entry: StepEntry, error: ValidationError) -> Iterator[SettingFault]:
    from bezoar_data.steps.catalogue import SettingFault

    path = tuple(error.absolute_path)
    name = next((key for key in reversed(path) if isinstance(key, str)), entry.use)
    known = [s.name for s in entry.settings]
    kind = str(error.validator)
    instance: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    if kind == "additionalProperties":
        for key in instance:
            if key not in schema.get("properties", {}):
                message = f"'{entry.use}' has no setting '{key}'"
                yield SettingFault((*path, key), "unknown-key", message, did_you_mean(str(key), known))
    elif kind == "propertyNames":
        message, hint = _not_one_of(instance, schema)
        yield SettingFault((*path, str(instance)), "unknown-key", message, hint)
    elif kind == "required":
        missing = [key for key in wanted if key not in instance]
        # jsonschema reports each missing key by itself; its message names the one.
        key = next((k for k in missing if error.message.startswith(repr(k))), missing[0])
        setting = entry.setting(str(key))
        hint = setting.description if setting else ""
        yield SettingFault(path, "missing-key", f"'{entry.use}' needs the setting '{key}'", hint)
    elif kind in ("anyOf", "oneOf"):
        expected = " or ".join(dict.fromkeys(_expected(part) for part in wanted if part.get("type") != "null"))
        deeper = [e for e in error.context or () if len(e.absolute_path) > len(path) or e.validator != "type"]
        if len({tuple(e.absolute_schema_path)[: len(error.absolute_schema_path) + 1] for e in deeper}) == 1:
            for inner in deeper:
                yield from _faults(entry, inner)
        else:
            yield SettingFault(path, "wrong-type", f"'{name}' must be {expected}, not {_found(instance)}")
    elif kind == "type":
        expected = _expected(schema)
        yield SettingFault(path, "wrong-type", f"'{name}' must be {expected}, not {_found(instance)}")
    elif kind in _BOUNDS:
        message = f"'{name}' must be {_BOUNDS[kind]} {wanted}, not {instance}"
        yield SettingFault(path, "bad-value", message)
    elif kind in ("enum", "const"):
        message, hint = _not_one_of(instance, schema)
        yield SettingFault(path, "bad-value", message, hint)
    elif kind in ("minLength", "minItems"):
        yield SettingFault(path, "bad-value", f"'{name}' must not be empty")
    elif kind == "pattern":
        setting = entry.setting(str(path[0])) if path else None
        hint = setting.description if setting else ""
        yield SettingFault(path, "bad-value", f"'{instance}' does not fit '{name}'", hint)
    else:
        yield SettingFault(path, "bad-value", f"'{name}': {error.message}")


def _not_one_of(value: object, schema: Mapping[str, Any]) -> tuple[str, str]:
    allowed = [str(v) for v in schema.get("enum", [schema.get("const")])]
    return f"'{value}' is not known here", did_you_mean(str(value), allowed)


def _expected(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(_EXPECTED.get(str(k), str(k)) for k in kind)
    return _EXPECTED.get(str(kind), "another value")


def _found(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text '{value}'"
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case _:
            return "a mapping"
