"""The types of a dataset's columns: what is hashed, shown, written and read back is one value.

Rows hold JSON's values, and any row may hold another kind of value than the ones before. `ColumnTypes` sees all rows
and settles on one Arrow type for each column that holds every value exactly: 64-bit integers, signed or unsigned;
floats, where the integers among them are floats too (up to 2^53); texts; lists; mappings with the same keys in every
row, and the turns of conversations and their calls, whose absent keys are null. Every other value is written as JSON
text, a text among them as it is, and the column is named in the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from bezoar_data.runs.values import as_json_text

_EXACT = 1 << 53
"""Integers up to here are floats too."""
_EMPTY: Mapping[str | None, pa.DataType] = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
"""The types of columns without a value, by what steps say of them; others are text."""
_TURN = frozenset(("role", "content"))
_CALL = frozenset(("function",))


class ColumnTypes:
    """The types of all columns, as far as rows were seen. `expected` are types as steps declare them, of columns that
    may turn out to hold nothing: a judge's ratings are integers also where it gave none."""

    def __init__(self, expected: Mapping[str, str | None] | None = None) -> None:
        self._expected = expected or {}
        self._kinds: dict[str, _Kind] = {}
        self.rows = 0
        self._settled: dict[str, tuple[pa.DataType, bool]] | None = None
        self._written: dict[str, Callable[[Any], Any] | None] = {}

    def see(self, columns: Mapping[str, Any]) -> None:
        """Widen the types so that they hold this row's values too."""
        self.rows += 1
        kinds = self._kinds
        for name, value in columns.items():
            kind = kinds.get(name)
            if kind is None:
                kind = kinds[name] = _Kind()
            if kind.base != "text" or type(value) is not str:
                kind.see(value)

    def settle(self) -> dict[str, pa.DataType]:
        """The type of each column, in the order in which columns came; without rows, of those expected."""
        seen = self._kinds if self.rows else {name: _Kind() for name in self._expected}
        self._settled = {
            name: (_EMPTY.get(self._expected.get(name), pa.string()), False) if kind.base is None else kind.settle()
            for name, kind in seen.items()
        }
        self._written = {name: _written(kind) for name, (kind, _) in self._settled.items()}
        return {name: kind for name, (kind, _) in self._settled.items()}

    @property
    def mixed(self) -> tuple[str, ...]:
        """Columns of which some values are written as JSON text."""
        return tuple(name for name, (_, mixed) in (self._settled or {}).items() if mixed)

    def published(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """A row's columns with each value as it stands in the dataset, where a row has the columns of all others."""
        out = {}
        for name, written in self._written.items():
            value = columns.get(name)
            out[name] = value if type(value) is str or value is None or written is None else written(value)
        return out


def _written(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes of a value, neither text nor null, what stands in the file; None where it stands as it is."""
    if pa.types.is_floating(kind):
        return float
    if pa.types.is_string(kind):
        return as_json_text
    if pa.types.is_struct(kind):
        parts = {field.name: _written(field.type) for field in kind}
        return lambda value: {name: _as(part, value.get(name)) for name, part in parts.items()}
    if pa.types.is_list(kind):
        inner = _written(kind.value_type)
        return list if inner is None else lambda value: [_as(inner, one) for one in value]
    return None


def _as(written: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if type(value) is str or value is None or written is None else written(value)


class _Kind:
    """What values a place (a column, the elements of a list, a key of a mapping) was seen to hold."""

    __slots__ = ("base", "element", "fields", "high", "low", "turns", "varies")

    def __init__(self) -> None:
        self.base: str | None = None
        self.low = self.high = 0
        self.element: _Kind | None = None
        self.fields: dict[str, _Kind] = {}
        self.varies = False
        self.turns = True

    def see(self, value: Any) -> None:
        kind = type(value)
        if kind is str:
            base = "text"
        elif value is None:
            return
        elif kind is bool:
            base = "bool"
        elif kind is int:
            base = "int"
            self.low, self.high = min(self.low, value), max(self.high, value)
        elif kind is float:
            base = "float"
        elif kind is list:
            base = "list"
            self._see_list(value)
        else:
            base = "map"
            self._see_map(value)
        if self.base is None or self.base == base:
            self.base = base
        elif {self.base, base} <= {"int", "float", "number"}:
            self.base = "number"
        else:
            self.base = "json"

    def _see_list(self, value: list[Any]) -> None:
        if self.element is None:
            self.element = _Kind()
        for one in value:
            self.element.see(one)

    def _see_map(self, value: Mapping[str, Any]) -> None:
        first = not self.fields and self.base is None
        if not first and value.keys() != self.fields.keys():
            self.varies = True
        self.turns = self.turns and (value.keys() >= _TURN or value.keys() >= _CALL)
        for name, one in value.items():
            field = self.fields.get(name)
            if field is None:
                field = self.fields[name] = _Kind()
            field.see(one)

    def settle(self) -> tuple[pa.DataType, bool]:
        """The Arrow type, and whether some value is written as JSON text."""
        text = pa.string()
        match self.base:
            case None:
                return text, False
            case "text":
                return text, False
            case "bool":
                return pa.bool_(), False
            case "float":
                return pa.float64(), False
            case "number":
                exact = max(-self.low, self.high) <= _EXACT
                return (pa.float64(), False) if exact else (text, True)
            case "int":
                if self.low >= -(1 << 63) and self.high < 1 << 63:
                    return pa.int64(), False
                return (pa.uint64(), False) if self.low >= 0 and self.high < 1 << 64 else (text, True)
            case "list":
                return self._settle_list()
            case "map":
                return self._settle_map()
        return text, True

    def _settle_list(self) -> tuple[pa.DataType, bool]:
        assert self.element is not None  # noqa: S101
        kind, mixed = self.element.settle()
        if mixed and not pa.types.is_struct(kind):
            return pa.string(), True
        return pa.list_(kind), mixed

    def _settle_map(self) -> tuple[pa.DataType, bool]:
        if not self.fields or (self.varies and not self.turns):
            return pa.string(), True
        settled = {name: field.settle() for name, field in self.fields.items()}
        mixed = any(m for _, m in settled.values())
        if mixed and not self.turns:
            return pa.string(), True
        return pa.struct([pa.field(name, kind) for name, (kind, _) in settled.items()]), mixed
