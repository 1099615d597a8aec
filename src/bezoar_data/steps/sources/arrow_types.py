"""What values of an Arrow type are, once they are a row's."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def type_of(kind: Any) -> str | None:
    """The type of a column's values as rows get them (`config.where.tree.KINDS`); None for any other."""
    types = pa.types
    if types.is_dictionary(kind):
        return type_of(kind.value_type)
    known = {
        "integer": (types.is_integer,),
        "number": (types.is_floating,),
        "boolean": (types.is_boolean,),
        "list": (types.is_list, types.is_large_list, types.is_fixed_size_list),
        "record": (types.is_struct,),
        "text": (types.is_string, types.is_large_string, types.is_date, types.is_timestamp, types.is_decimal),
    }
    return next((name for name, checks in known.items() if any(check(kind) for check in checks)), None)


def is_plain(kind: Any) -> bool:
    """Whether values of an Arrow type come as JSON's kinds of values."""
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if nested:
        return is_plain(kind.value_type)
    if pa.types.is_struct(kind):
        return all(is_plain(field.type) for field in kind)
    simple = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating,
              pa.types.is_boolean, pa.types.is_null)  # fmt: skip
    return any(is_kind(kind) for is_kind in simple)
