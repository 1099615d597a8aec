"""What a `where` expression says, as a tree, and what it says of one row: true, false or unknown (None)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

TEXT, NUMBER, TRUTH, LIST, OTHER = "text", "a number", "true or false", "a list", "a record or date"

KINDS: Mapping[str, str] = {
    "text": TEXT,
    "integer": NUMBER,
    "number": NUMBER,
    "boolean": TRUTH,
    "list": LIST,
    "record": OTHER,
}
"""The kind of a column's values by the type it is declared with."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value
    at: int


@dataclass(frozen=True, slots=True)
class _OfColumn:
    column: Column
    at: int


@dataclass(frozen=True, slots=True)
class Length(_OfColumn):
    """How long a text or list is."""


@dataclass(frozen=True, slots=True)
class IsNull(_OfColumn):
    """Whether there is no value."""


@dataclass(frozen=True, slots=True)
class Contains:
    column: Column
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Compare:
    op: str
    left: Column | Literal | Length
    right: Column | Literal | Length
    at: int


@dataclass(frozen=True, slots=True)
class In:
    operand: Column | Length
    values: tuple[Literal, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    inner: Node
    at: int


@dataclass(frozen=True, slots=True)
class Both:
    """`and` or `or` of two or more parts: kept flat, so that a long chain is not a deep tree."""

    op: str
    parts: tuple[Node, ...]
    at: int


Operand = Column | Literal | Length
Node = Column | Literal | Contains | Compare | In | IsNull | Not | Both


class Mismatch(Exception):
    """A comparison of unlike kinds, at a character of the expression, with the remedy and the column it is about."""

    def __init__(self, message: str, at: int, hint: str = "", column: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint
        self.column = column


def columns_of(node: Node | Length) -> Iterator[Column]:
    match node:
        case Column():
            yield node
        case Length() | Contains() | IsNull():
            yield node.column
        case Compare():
            yield from columns_of(node.left)
            yield from columns_of(node.right)
        case In():
            yield from columns_of(node.operand)
        case Not():
            yield from columns_of(node.inner)
        case Both():
            for part in node.parts:
                yield from columns_of(part)
        case Literal():
            pass


def kind_of(value: Any) -> str | None:
    """The kind of a value, None for null."""
    match value:
        case None:
            return None
        case bool():
            return TRUTH
        case int() | float():
            return NUMBER
        case str():
            return TEXT
        case list() | tuple():
            return LIST
        case _:
            return OTHER


def check_comparison(
    op: str, left: str | None, right: str | None, at: int, operands: tuple[Operand, Operand] | None = None
) -> None:
    """Raises `Mismatch` if values of these kinds cannot be compared so. A kind None is null's: it fits all. The
    operands are for the remedy."""
    for i, kind in enumerate((left, right)):
        if kind in (LIST, OTHER):
            message = f"{kind} cannot be compared, only asked whether it 'is null'"
            raise Mismatch(message, at, column=_name(operands[i]) if operands else None)
    if left is not None and right is not None and left != right:
        hint, column = _remedy(operands, (left, right)) if operands else ("", None)
        raise Mismatch(f"{left} is compared with {right}", at, hint, column)
    if op not in ("==", "!=") and TRUTH in (left, right):
        raise Mismatch(f"'{op}' cannot compare truth values", at, "write the column alone, or 'not' before it")


def _name(node: Operand) -> str | None:
    return node.name if isinstance(node, Column) else None


def _remedy(operands: tuple[Operand, Operand], kinds: tuple[str, str]) -> tuple[str, str | None]:
    """How to compare a column with its like, and the column."""
    for (one, other), (kind, _) in ((operands, kinds), (operands[::-1], kinds[::-1])):
        if isinstance(one, Column) and isinstance(other, Literal):
            value = str(other.value).lower() if isinstance(other.value, bool) else str(other.value)
            if kind == TEXT:
                return f"'{one.name}' is text: compare it with a text, such as \"{value}\"", one.name
            if kind == NUMBER and re.fullmatch(r"-?\d+(\.\d+)?", value):
                return f"'{one.name}' is a number: write {value} without quotes", one.name
            return f"'{one.name}' is {kind}", one.name
    names = [(_name(o), kind) for o, kind in zip(operands, kinds, strict=True) if isinstance(o, Column)]
    return ", ".join(f"'{name}' is {kind}" for name, kind in names), names[0][0] if names else None


Types = Mapping[str, str | None]
"""The types of columns, as far as they are known: keys of `KINDS`."""


def check_kinds(node: Node, types: Types) -> None:
    """Raises `Mismatch` for the first comparison that is one of unlike kinds whatever a row holds, as far as the types
    of columns are known."""
    match node:
        case Compare():
            kinds = _known_kind(node.left, types), _known_kind(node.right, types)
            check_comparison(node.op, *kinds, node.at, (node.left, node.right))
        case In():
            for literal in node.values:
                for other in (node.operand, *node.values):
                    pair = _known_kind(other, types), kind_of(literal.value)
                    check_comparison("==", *pair, literal.at, (other, literal))
        case Contains() if (kind := _known_kind(node.column, types)) not in (None, TEXT):
            raise Mismatch(f"'contains' looks into text, '{node.column.name}' is {kind}", node.at)
        case Column() if (kind := _known_kind(node, types)) not in (None, TRUTH):
            raise Mismatch(f"true or false is needed, not {kind}", node.at, f"'{node.name}' is {kind}")
        case Not():
            check_kinds(node.inner, types)
        case Both():
            for part in node.parts:
                check_kinds(part, types)


def _known_kind(node: Operand, types: Types) -> str | None:
    """The kind an operand has in every row; None for a column of which no more is known. Raises `Mismatch`."""
    match node:
        case Literal():
            return kind_of(node.value)
        case Length():
            kind = _known_kind(node.column, types)
            if kind not in (None, TEXT, LIST):
                raise Mismatch(f"'length' measures text and lists, '{node.column.name}' is {kind}", node.at)
            return NUMBER
        case Column():
            return KINDS.get(types.get(node.name) or "")


def evaluate(node: Node | Length, row: Mapping[str, Any]) -> Any:
    """The value of a node for a row. Raises `Mismatch`."""
    match node:
        case Literal():
            return node.value
        case Column():
            return row.get(node.name)
        case Length():
            return _length(node, row)
        case Compare():
            left, right = evaluate(node.left, row), evaluate(node.right, row)
            check_comparison(node.op, kind_of(left), kind_of(right), node.at, (node.left, node.right))
            return None if left is None or right is None else COMPARISONS[node.op](left, right)
        case In():
            return _in(node, row)
        case Contains():
            return _contains(node, row)
        case IsNull():
            return row.get(node.column.name) is None
        case Not():
            inner = _truth(node.inner, row)
            return None if inner is None else not inner
        case Both():
            return _both(node, row)


def _truth(node: Node, row: Mapping[str, Any]) -> bool | None:
    value = evaluate(node, row)
    if value is None or isinstance(value, bool):
        return value
    raise Mismatch(f"true or false is needed, not {kind_of(value)}", node.at)


def _both(node: Both, row: Mapping[str, Any]) -> bool | None:
    decisive = node.op == "or"
    unknown = False
    for part in node.parts:
        value = _truth(part, row)
        if value is decisive:
            return decisive
        unknown = unknown or value is None
    return None if unknown else not decisive


def _in(node: In, row: Mapping[str, Any]) -> bool | None:
    value = evaluate(node.operand, row)
    for literal in node.values:
        check_comparison("==", kind_of(value), kind_of(literal.value), literal.at, (node.operand, literal))
    return None if value is None else any(value == literal.value for literal in node.values)


def _contains(node: Contains, row: Mapping[str, Any]) -> bool | None:
    value = row.get(node.column.name)
    if value is not None and not isinstance(value, str):
        raise Mismatch(f"'contains' looks into text, '{node.column.name}' is {kind_of(value)}", node.at)
    return None if value is None else node.text in value


def _length(node: Length, row: Mapping[str, Any]) -> int | None:
    value = row.get(node.column.name)
    kind = kind_of(value)
    if kind not in (None, TEXT, LIST):
        raise Mismatch(f"'length' measures text and lists, '{node.column.name}' is {kind}", node.at)
    return None if value is None else len(value)


def root_truth(node: Node, row: Mapping[str, Any]) -> bool | None:
    """What the whole expression says of a row. Raises `Mismatch`, also if it is not about true or false."""
    return _truth(node, row)
