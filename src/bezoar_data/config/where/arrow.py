"""A `where` expression for pyarrow, with the same result for every row as in Python.

Arrow differs from SQL and from Python in places, and each is evened out here: its `is_in` calls null "not in" where
it is unknown, and a comparison of whole numbers with fractions goes through doubles, which lose digits.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bezoar_data.config.where.tree import (
    COMPARISONS,
    LIST,
    NUMBER,
    OTHER,
    TEXT,
    TRUTH,
    Both,
    Column,
    Compare,
    Contains,
    In,
    IsNull,
    Length,
    Literal,
    Mismatch,
    Node,
    Not,
    Operand,
    check_comparison,
    kind_of,
)

_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def compile_arrow(tree: Node, schema: pa.Schema) -> pc.Expression:
    """The expression over tables of this schema, which has all its columns. Raises `Mismatch`."""
    return _Compiler(schema).truth(tree)


def _unknown() -> pc.Expression:
    return pc.scalar(pa.scalar(None, pa.bool_()))


class _Compiler:
    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def truth(self, node: Node) -> pc.Expression:
        match node:
            case Column():
                kind = self._kind(node)
                if kind not in (None, TRUTH):
                    raise Mismatch(f"true or false is needed, not {kind}", node.at)
                return _unknown() if kind is None else self._field(node)
            case Literal():
                return pc.scalar(bool(node.value))
            case Compare():
                return self._compare(node)
            case In():
                return self._in(node)
            case Contains():
                return self._contains(node)
            case IsNull():
                return pc.field(node.column.name).is_null()
            case Not():
                return ~self.truth(node.inner)
            case Both():
                return self._both(node)

    def _both(self, node: Both) -> pc.Expression:
        # As a balanced tree: a chain of thousands would be too deep for Arrow's recursion.
        parts = [self.truth(part) for part in node.parts]
        while len(parts) > 1:
            pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
            parts = [p[0] if len(p) == 1 else p[0] & p[1] if node.op == "and" else p[0] | p[1] for p in pairs]
        return parts[0]

    def _contains(self, node: Contains) -> pc.Expression:
        kind = self._kind(node.column)
        if kind not in (None, TEXT):
            raise Mismatch(f"'contains' looks into text, '{node.column.name}' is {kind}", node.at)
        field = self._field(node.column)
        return _unknown() if kind is None else pc.match_substring(field, pattern=node.text)

    def _compare(self, node: Compare) -> pc.Expression:
        left, right, op = node.left, node.right, node.op
        kinds = self._kind(left), self._kind(right)
        check_comparison(op, *kinds, node.at, (left, right))
        if isinstance(left, Literal) and isinstance(right, Literal):
            return pc.scalar(COMPARISONS[op](left.value, right.value))
        if None in kinds:
            return _unknown()
        if isinstance(left, Literal):
            left, right, op = right, left, _MIRRORED.get(op, op)
        if isinstance(right, Literal) and kinds[0] == NUMBER:
            return self._compare_number(left, op, right.value)
        value = pc.scalar(right.value) if isinstance(right, Literal) else self._operand(right)
        expression: pc.Expression = COMPARISONS[op](self._operand(left), value)
        return expression

    def _compare_number(self, column: Operand, op: str, value: Any) -> pc.Expression:
        operand = self._operand(column)
        exact, below = _nearest(value, whole=self._is_whole(column))
        if exact is not None:
            expression: pc.Expression = COMPARISONS[op](operand, pc.scalar(exact))
            return expression
        # The value lies between two that the column can hold: to be above it is to be above the lower of them.
        if op in ("==", "!="):
            found: pc.Expression | bool = op == "!="
        elif below is None:
            found = op in (">", ">=")
        else:
            found = operand > pc.scalar(below) if op in (">", ">=") else operand <= pc.scalar(below)
        return found if isinstance(found, pc.Expression) else self._unless_null(operand, pc.scalar(found))

    def _in(self, node: In) -> pc.Expression:
        kind = self._kind(node.operand)
        for literal in node.values:
            check_comparison("==", kind, kind_of(literal.value), literal.at, (node.operand, literal))
        if kind is None:
            return _unknown()
        values: list[Any] = [literal.value for literal in node.values]
        if kind == NUMBER:
            whole = self._is_whole(node.operand)
            values = [exact for v in values if (exact := _nearest(v, whole=whole)[0]) is not None]
            values += [0.0, -0.0] if not whole and 0 in values else []  # Arrow looks for bits, and zero has two forms
        operand = self._operand(node.operand)
        found = operand.isin(values) if values else pc.scalar(False)
        return self._unless_null(operand, found)

    def _unless_null(self, operand: pc.Expression, found: pc.Expression) -> pc.Expression:
        return pc.if_else(operand.is_valid(), found, _unknown())

    def _operand(self, node: Operand) -> pc.Expression:
        if isinstance(node, Length):
            kind = self._kind_of_column(node.column)
            measure = pc.utf8_length if kind == TEXT else pc.list_value_length
            return measure(self._field(node.column)).cast(pa.int64())
        if isinstance(node, Literal):
            return pc.scalar(node.value)
        return self._field(node)

    def _field(self, column: Column) -> pc.Expression:
        kind = self._schema.field(column.name).type
        field = pc.field(column.name)
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
            field = field.cast(kind)
        if pa.types.is_integer(kind):
            return field.cast(pa.int64())
        return field.cast(pa.float64()) if pa.types.is_floating(kind) else field

    def _is_whole(self, node: Operand) -> bool:
        if isinstance(node, Column):
            kind = self._schema.field(node.name).type
            return bool(pa.types.is_integer(kind.value_type if pa.types.is_dictionary(kind) else kind))
        return True

    def _kind(self, node: Operand) -> str | None:
        if isinstance(node, Literal):
            return kind_of(node.value)
        if isinstance(node, Length):
            kind = self._kind_of_column(node.column)
            if kind not in (None, TEXT, LIST):
                raise Mismatch(f"'length' measures text and lists, '{node.column.name}' is {kind}", node.at)
            return None if kind is None else NUMBER
        return self._kind_of_column(node)

    def _kind_of_column(self, column: Column) -> str | None:
        kind = self._schema.field(column.name).type
        types = pa.types
        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_null(kind):
            return None
        if types.is_boolean(kind):
            return TRUTH
        if types.is_integer(kind) or types.is_floating(kind):
            return NUMBER
        if types.is_string(kind) or types.is_large_string(kind):
            return TEXT
        listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        return LIST if listed else OTHER


def _nearest(value: float, *, whole: bool) -> tuple[Any, Any]:
    """The value as a column of whole numbers (or of doubles) holds it; or None, and the nearest one below it that
    such a column can hold, None if there is none."""
    if whole:
        floor = math.floor(value)
        if floor == value and -(2**63) <= floor < 2**63:
            return floor, None
        return None, None if value < -(2**63) else min(floor, 2**63 - 1)
    near = float(value)
    if near == value:
        return near, None
    return None, near if near < value else math.nextafter(near, -math.inf)
