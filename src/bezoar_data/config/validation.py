"""Checking what a person wrote against a pydantic model, with every mistake at its place and in plain words.

pydantic finds the mistakes; people never read its words. Each of its errors becomes a `Problem` with a stable code:
`unknown-key`, `missing-key`, `wrong-type` (the value is of another kind) or `bad-value` (the right kind, but not
allowed). Checking is strict: `"7"` is not a number and `yes` is not `true`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import looks_like_key, printable
from bezoar_data.config.yaml.document import MAX_PROBLEMS, Document, YamlPath, load_yaml

M = TypeVar("M", bound=BaseModel)

_SECRET_NAME = re.compile(r"api_?key|secret|passw|authoriz|credential|cookie|(^|[-_])token$", re.IGNORECASE)

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "date_type": "a date such as 2026-01-31",
    "dict_type": "a mapping ('key: value' lines)",
    "model_type": "a mapping ('key: value' lines)",
    "model_attributes_type": "a mapping ('key: value' lines)",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "none_required": "nothing",
}

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}


def load_checked(path: Path, model: type[M], more: Callable[[M, Document], Iterable[Problem]]) -> M:
    """A YAML file as an instance of `model`. `more` finds what is wrong with its values taken together. Raises
    `InputError` with every mistake found."""
    document = load_yaml(path)
    value, problems = check(document, model)
    if value is not None and not problems:
        problems = list(more(value, document))
    if value is None or problems:
        raise InputError(problems)
    return value


def check(document: Document, model: type[M]) -> tuple[M | None, list[Problem]]:
    """The document as an instance of `model` (None if it is none), and all problems, the document's own included."""
    problems = list(document.problems)
    try:
        # By way of JSON: pydantic's strict mode then still takes a list for a tuple and a text for a date.
        value = model.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as error:
        value = None
        known = {p.place for p in problems}
        found = problems_of(document, model, error.errors(include_url=False))
        # What could not be read has no value; saying that the value is also wrong would be noise.
        problems += [p for p in found if p.place not in known]
        if not problems:
            problems = [document.problem("bad-value", "this cannot be used here")]
    return value, problems


def problems_of(document: Document, model: type[BaseModel], errors: Iterable[ErrorDetails]) -> list[Problem]:
    """Problems for pydantic's errors. The alternatives of a union that all failed at one place become one problem."""
    grouped: dict[tuple[YamlPath, bool], list[tuple[bool, ErrorDetails]]] = {}
    for error in islice(errors, MAX_PROBLEMS):
        if error["type"] == "default_factory_not_called":
            continue  # follows from another error
        path, in_union = _document_path(document.value, error)
        grouped.setdefault((path, error["loc"][-1:] == ("[key]",)), []).append((in_union, error))
    # An alternative that fails inside a value (an item of a list) says more than one that refuses it as a whole.
    reported_inside = {
        path[:length]
        for (path, _), group in grouped.items()
        if any(in_union for in_union, _ in group)
        for length in range(len(path))
    }
    problems = []
    for (path, of_key), group in grouped.items():
        if path in reported_inside and all(in_union for in_union, _ in group):
            continue
        problem = _problem(document, model, path, [error for _, error in group], of_key)
        if problem is not None:
            problems.append(problem)
    return problems


def describe(value: Any) -> str:
    """What a value is, for a message: `the text 'yes'`, `the number 3`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {printable(repr(value), 24)}"
    if isinstance(value, str):
        return f"the text '{printable(value, 40)}'"
    return "a list" if isinstance(value, list) else "a mapping"


def is_secret(path: Sequence[str | int], value: Any) -> bool:
    """Whether a value may be a key: by the name it stands under, or by its own looks."""
    if any(isinstance(part, str) and _SECRET_NAME.search(part) for part in path):
        return True
    return isinstance(value, str) and looks_like_key(value)


def value_at(value: Any, path: YamlPath) -> Any:
    """The value at a path, or None when there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def known_keys(model: type[BaseModel], path: YamlPath) -> list[str]:
    """The keys that may stand in the mapping at `path`; none where any may."""
    found = [kind for kind in _kinds_at(model, path) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return sorted({field.alias or name for kind in found for name, field in kind.model_fields.items()})


def _document_path(value: Any, error: ErrorDetails) -> tuple[YamlPath, bool]:
    """The part of pydantic's location that exists in the file, and whether the rest named a union's alternative."""
    path: list[str | int] = []
    in_union = False
    location = error["loc"]
    for i, part in enumerate(location):
        last = i == len(location) - 1
        exists = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if exists:
            value = value[part]
            path.append(part)
        elif part == "[key]":
            break
        elif last and error["type"] == "missing":
            path.append(part)
        else:
            in_union = True
    return tuple(path), in_union


def _problem(
    document: Document, model: type[BaseModel], path: YamlPath, errors: Sequence[ErrorDetails], of_key: bool
) -> Problem | None:
    error = errors[0]
    kind = error["type"]
    name = _name(path)
    value = value_at(document.value, path)
    secret = is_secret(path, value)

    def problem(code: str, message: str, hint: str = "", *, key: bool = False, at: YamlPath = path) -> Problem:
        return Problem(code, message, document.place(at, key=key), hint, secret=secret)

    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_problem(document, path, error)
    if kind == "extra_forbidden":
        return problem(
            "unknown-key", f"unknown key {name}", did_you_mean(str(path[-1]), _spare(document, model, path)), key=True
        )
    if kind == "missing":
        parent = path[:-1]
        hint = _description(model, path)
        where = f" in {_name(parent)}" if parent else ""
        return problem("missing-key", f"the key {name} is missing{where}", hint, key=True, at=parent)
    if of_key:
        return problem("bad-value", f"{name} may not be a key here", _description(model, path[:-1]), key=True)
    if all(e["type"] in _EXPECTED for e in errors):
        expected = " or ".join(dict.fromkeys(_EXPECTED[e["type"]] for e in errors))
        found = "something else" if secret else describe(value)
        return problem("wrong-type", f"{name} should be {expected}, not {found}", _type_hint(errors, value))
    wrong = _bad_value(model, path, value, next(e for e in errors if e["type"] not in _EXPECTED), secret)
    return problem(*wrong) if wrong else None


def _bad_value(
    model: type[BaseModel], path: YamlPath, value: Any, error: ErrorDetails, secret: bool
) -> tuple[str, str, str] | None:
    """Code, message and hint for a value of the right kind that is not allowed; None where another error says it."""
    kind, context, name = error["type"], error.get("ctx", {}), _name(path)
    quoted = "" if secret else f", not {describe(value)}"
    code, message, hint = "bad-value", "", ""
    if kind in _BOUNDS:
        bound, relation = _BOUNDS[kind]
        message = f"{name} should be {relation} {context[bound]:g}{quoted}"
    elif kind in ("literal_error", "enum"):
        expected = str(context["expected"])
        message = f"{name} should be {expected}{quoted}"
        hint = "" if secret else _only_near(str(value), expected)
    elif kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        message = _wrong_length(name, value, kind, context)
    elif kind == "string_pattern_mismatch":
        message = (
            f"the value of {name} is not allowed: is it a key itself?"
            if secret
            else f"{name} may not be {describe(value)}"
        )
        hint = _description(model, path)
    elif kind.startswith("date"):
        message = f"{name} should be a date such as 2026-01-31{quoted}"
    elif kind in ("value_error", "assertion_error"):
        message = str(context.get("error", "this value is not allowed"))
    elif "message" in context:  # a `PydanticCustomError` of ours
        code, message, hint = kind.replace("_", "-"), str(context["message"]), str(context.get("hint", ""))
    else:
        said = error["msg"].replace("Input should be", "should be").replace("Value error, ", "")
        message = f"{name}: {printable(said, 200)}"
    return (code, message, hint) if message else None


def _tag_problem(document: Document, path: YamlPath, error: ErrorDetails) -> Problem:
    """The key that tells which of several kinds a mapping is: it names none of them, or is missing."""
    context = error.get("ctx", {})
    key = str(context["discriminator"]).strip("'")
    if error["type"] == "union_tag_not_found":
        message = f"the key '{key}' is missing in {_name(path)}"
        return document.problem("missing-key", message, path, key=True)
    tag, expected = str(context["tag"]), str(context["expected_tags"])
    message = f"'{key}' should be one of {expected}, not {describe(tag)}"
    return document.problem("bad-value", message, (*path, key), hint=_only_near(tag, expected))


def _only_near(word: str, expected: str) -> str:
    """A hint naming the nearest of the words quoted in `expected`, if one is near: the message lists them all."""
    near = did_you_mean(word, re.findall(r"'([^']*)'", expected))
    return near if near.startswith("did") else ""


def _wrong_length(name: str, value: Any, kind: str, context: Mapping[str, Any]) -> str:
    least, most = context.get("min_length"), context.get("max_length")
    if isinstance(value, list | dict) and least is not None and len(value) >= least:
        return ""  # items that were wrong are not counted by pydantic: they are reported themselves
    what = "characters" if kind.startswith("string") else "entries"
    if least == 1:
        return f"{name} is empty"
    return f"{name} should have {'at most' if least is None else 'at least'} {most if least is None else least} {what}"


def _name(path: YamlPath) -> str:
    if not path:
        return "the file"
    last = path[-1]
    if isinstance(last, int):
        return f"entry {last + 1} of {_name(path[:-1])}"
    return f"'{printable(last, 40)}'"


def _type_hint(errors: Sequence[ErrorDetails], value: Any) -> str:
    wanted = {e["type"] for e in errors}
    if isinstance(value, str) and "string_type" not in wanted:
        if "bool_type" in wanted and value.lower() in ("yes", "no", "on", "off", "true", "false", "y", "n"):
            return f"write {'true' if value.lower() in ('yes', 'on', 'true', 'y') else 'false'}, without quotes"
        if wanted & {"int_type", "float_type"} and re.fullmatch(r"[-+]?[\d_,.]+", value):
            return "write the number without quotes, '_' or ','"
    if wanted == {"string_type"} and isinstance(value, int | float):
        return "write it in quotes to make it text"
    if wanted & {"tuple_type", "list_type"} and isinstance(value, str):
        return "write it as a list: [...]"
    return ""


def _spare(document: Document, model: type[BaseModel], path: YamlPath) -> list[str]:
    """Keys that may stand beside an unknown one and do not yet."""
    written = value_at(document.value, path[:-1])
    return [key for key in known_keys(model, path[:-1]) if not (isinstance(written, dict) and key in written)]


def _description(model: type[BaseModel], path: YamlPath) -> str:
    """What the model says of the field at `path`, as a hint."""
    for kind in _kinds_at(model, path[:-1]):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                if (field.alias or name) == path[-1]:
                    return f"{path[-1]}: {field.description}" if field.description else ""
    return ""


def _kinds_at(kind: Any, path: YamlPath) -> list[Any]:
    """The types a value at `path` may have, unions taken apart."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return [found for option in get_args(kind) for found in _kinds_at(option, path)]
    if origin is not None and hasattr(kind, "__metadata__"):
        return _kinds_at(get_args(kind)[0], path)
    if not path:
        return [kind]
    part, rest = path[0], path[1:]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if (field.alias or name) == part:
                return _kinds_at(field.annotation, rest)
        return []
    arguments = get_args(kind)
    if origin is dict and isinstance(part, str) and len(arguments) == 2:
        return _kinds_at(arguments[1], rest)
    if origin in (list, tuple) and isinstance(part, int) and arguments:
        return _kinds_at(arguments[0], rest)
    return []
