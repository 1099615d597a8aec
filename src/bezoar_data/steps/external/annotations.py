"""A setting as the line of a class says it, `words: int = Field(default=3, gt=0)`: parsed, never run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_PLAIN: Mapping[str, str] = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_BOUNDS: Mapping[str, str] = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "pattern": "pattern",
}
_NONE: Mapping[str, Any] = {"type": "null"}


@dataclass(slots=True)
class ReadField:
    """A setting, with the JSON schema of its values: `{}` where the annotation is none of the plain ones."""

    schema: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    default: Any = None
    default_known: bool = True
    description: str = ""
    role: bool = False
    where: bool = False
    path: Literal["input", "output"] | None = None
    names: tuple[str, ...] = ()


def field_of(line: ast.AnnAssign) -> ReadField:
    """What a class's line says of a setting."""
    name = line.target.id if isinstance(line.target, ast.Name) else ""
    found = ReadField(schema=_schema(line.annotation))
    if isinstance(line.value, ast.Call) and _called(line.value) == "Field":
        _take_call(line.value, found)
    elif line.value is not None:
        _take_default(line.value, found)
    if name == "llm" or found.role:
        found.role, found.schema = True, {"type": "string", "minLength": 1}
    if found.description:
        found.schema["description"] = found.description
    return found


def literal(node: ast.expr, otherwise: Any) -> Any:
    """The value of an expression that is written out."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return otherwise


def _take_call(call: ast.Call, found: ReadField) -> None:
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    default = given.get("default", call.args[0] if call.args else None)
    if default is not None and not (isinstance(default, ast.Constant) and default.value is ...):
        _take_default(default, found)
    elif "default_factory" in given:
        found.required, found.default_known = False, False
    found.schema |= _bounds(given, found.schema)
    if "description" in given:
        found.description = str(literal(given["description"], ""))
    more = literal(given["json_schema_extra"], {}) if "json_schema_extra" in given else {}
    if isinstance(more, dict):
        found.role, found.where = bool(more.get("role")), bool(more.get("where"))
        found.path, found.names = more.get("path"), tuple(more.get("names", ()))


def _take_default(node: ast.expr, found: ReadField) -> None:
    found.required = False
    unknown = object()
    value = literal(node, unknown)
    found.default_known = value is not unknown
    found.default = value if found.default_known else None


def _bounds(given: Mapping[str, ast.expr], schema: Mapping[str, Any]) -> dict[str, Any]:
    written = {_BOUNDS[name]: literal(node, None) for name, node in given.items() if name in _BOUNDS}
    bounds = {keyword: value for keyword, value in written.items() if value is not None}
    lengths = ("minItems", "maxItems") if schema.get("type") == "array" else ("minLength", "maxLength")
    for name, keyword in zip(("min_length", "max_length"), lengths, strict=True):
        if name in given and (value := literal(given[name], None)) is not None:
            bounds[keyword] = value
    return bounds


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _schema(node: ast.expr) -> dict[str, Any]:
    """The JSON schema of an annotation: plain types, lists, mappings, literals and choices among them."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return dict(_NONE)
        return _schema(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else {}
    if isinstance(node, ast.Name):
        return {"type": _PLAIN[node.id]} if node.id in _PLAIN else {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _any_of(_schema(node.left), _schema(node.right))
    return _of_subscript(node) if isinstance(node, ast.Subscript) else {}


def _of_subscript(node: ast.Subscript) -> dict[str, Any]:
    name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        values = [literal(part, None) for part in parts]
        return {"enum": values}
    if name == "Optional":
        return _any_of(_schema(parts[0]), dict(_NONE))
    if name == "Union":
        return _any_of(*map(_schema, parts))
    if name == "Annotated":
        return _annotated(parts)
    if name in ("list", "List", "Sequence"):
        return {"type": "array", "items": _schema(parts[0])}
    if name in ("dict", "Dict", "Mapping"):
        return {"type": "object", "additionalProperties": _schema(parts[-1])}
    return {}


def _annotated(parts: list[ast.expr]) -> dict[str, Any]:
    schema = _schema(parts[0])
    for part in parts[1:]:
        if isinstance(part, ast.Call) and _called(part) == "Field":
            schema |= _bounds({k.arg: k.value for k in part.keywords if k.arg}, schema)
    return schema


def _any_of(*schemas: dict[str, Any]) -> dict[str, Any]:
    if any(not schema for schema in schemas):
        return {}
    flat = [one for schema in schemas for one in schema.get("anyOf", [schema])]
    return {"anyOf": flat}
