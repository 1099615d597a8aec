"""Checking settings against the JSON schema of whatever takes them, a step or a trainer, with messages for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bezoar_data.config.problems import did_you_mean
from bezoar_data.config.validation import describe

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

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


class SettingProblem(NamedTuple):
    """What is wrong with settings, at a path of keys inside them (empty: with the settings as a whole)."""

    path: tuple[str | int, ...]
    code: str
    message: str
    hint: str = ""


def check_settings(
    owner: str, schema: Mapping[str, Any], settings: Mapping[str, Any], one_of: Sequence[Sequence[str]] = ()
) -> list[SettingProblem]:
    """Every mistake in the settings that `owner` takes, in the order of their keys. Of each group in `one_of` exactly
    one must be given."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(dict(settings)), key=lambda e: [str(p) for p in e.absolute_path])
    problems = [problem for error in errors for problem in _problems(owner, schema, error)]
    return [*problems, *_choices(owner, settings, one_of)]


def _choices(owner: str, settings: Mapping[str, Any], one_of: Sequence[Sequence[str]]) -> Iterator[SettingProblem]:
    for group in one_of:
        given = [name for name in group if settings.get(name) is not None]
        names = " or ".join(f"`{name}`" for name in group)
        if not given:
            yield SettingProblem((), "missing-key", f"'{owner}' needs {names}")
        elif len(given) > 1:
            yield SettingProblem((given[1],), "bad-value", f"'{owner}' takes either {names}, not both")


def _problems(owner: str, whole: Mapping[str, Any], error: ValidationError) -> Iterator[SettingProblem]:
    path = tuple(error.absolute_path)
    name = next((key for key in reversed(path) if isinstance(key, str)), owner)
    kind = str(error.validator)
    schema: Any = error.schema
    instance: Any = error.instance
    if kind == "additionalProperties":
        known = list(schema.get("properties", {}))
        for key in (k for k in instance if k not in known):
            message = f"'{name if path else owner}' has no setting '{key}'"
            yield SettingProblem((*path, key), "unknown-key", message, did_you_mean(str(key), known))
    elif kind == "propertyNames":
        yield SettingProblem((*path, str(instance)), "unknown-key", *_not_one_of(instance, schema))
    elif kind == "required":
        wanted: Any = error.validator_value
        missing = [key for key in wanted if key not in instance]
        # jsonschema reports each missing key by itself; its message names the one.
        key = next((k for k in missing if error.message.startswith(repr(k))), missing[0])
        yield SettingProblem(path, "missing-key", f"'{owner}' needs the setting '{key}'", _description(whole, key))
    elif kind in ("anyOf", "oneOf"):
        yield from _no_alternative(owner, whole, error, name)
    elif kind == "type":
        yield _wrong_type(path, name, _expected(schema), instance)
    elif kind in ("enum", "const"):
        yield SettingProblem(path, "bad-value", *_not_one_of(instance, schema))
    else:
        hint = _description(whole, path[0]) if kind == "pattern" and path else ""
        yield SettingProblem(path, "bad-value", _bad_value(name, kind, error), hint)


def _no_alternative(
    owner: str, whole: Mapping[str, Any], error: ValidationError, name: str
) -> Iterator[SettingProblem]:
    """No alternative fits: what is wrong with the one that is meant, where that is clear."""
    path = tuple(error.absolute_path)
    deeper = [e for e in error.context or () if len(e.absolute_path) > len(path) or e.validator != "type"]
    if len({tuple(e.absolute_schema_path)[: len(error.absolute_schema_path) + 1] for e in deeper}) == 1:
        for inner in deeper:
            yield from _problems(owner, whole, inner)
    else:
        wanted: Any = error.validator_value
        expected = " or ".join(dict.fromkeys(_expected(part) for part in wanted if part.get("type") != "null"))
        yield _wrong_type(path, name, expected, error.instance)


def _wrong_type(path: tuple[str | int, ...], name: str, expected: str, found: Any) -> SettingProblem:
    return SettingProblem(path, "wrong-type", f"'{name}' must be {expected}, not {describe(found)}")


def _bad_value(name: str, kind: str, error: ValidationError) -> str:
    schema: Any = error.schema
    instance: Any = error.instance
    if kind in _BOUNDS:
        return f"'{name}' must be {_BOUNDS[kind]} {error.validator_value}, not {instance}"
    if kind in ("minProperties", "maxProperties") and schema.get("properties"):
        names = list(schema["properties"])
        one = f"exactly one of {', '.join(names[:-1])} and {names[-1]}"
        return f"'{name}' takes {one}, not {' and '.join(instance) or 'none'}"
    if kind in ("minLength", "minItems", "minProperties"):
        return f"'{name}' must not be empty"
    return f"'{instance}' does not fit '{name}'" if kind == "pattern" else f"'{name}': {error.message}"


def _not_one_of(value: object, schema: Mapping[str, Any]) -> tuple[str, str]:
    allowed = [str(v) for v in schema.get("enum", [schema.get("const")])]
    return f"'{value}' is not known here", did_you_mean(str(value), allowed)


def _expected(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(_EXPECTED.get(str(k), str(k)) for k in kind)
    return _EXPECTED.get(str(kind), "another value")


def _description(schema: Mapping[str, Any], key: object) -> str:
    return str(schema.get("properties", {}).get(key, {}).get("description", ""))


def type_name(schema: dict[str, Any]) -> str:
    """A JSON schema's type, for people: `text or list of text`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(t for part in schema["anyOf"] if (t := type_name(part)) != "nothing"))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    if kind == "object" and schema.get("properties"):
        return f"{'one of' if schema.get('maxProperties') == 1 else 'mapping of'} {', '.join(schema['properties'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping to {type_name(schema['additionalProperties'])}"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "nothing"}
    return words.get(kind, str(kind))
