"""Filling the column names a step declares with its settings: `"{judge}_status"` becomes `"gpt4_status"`.

It stands apart from the steps because the catalogue fills the same declarations without importing distilabel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any


def fill_columns(declared: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """The column names meant by `declared`, each once, in order.

    A name whose setting is empty means "this column is not used" and falls away; a name that is nothing but a
    setting holding a list of columns stands for all of them.
    """
    columns: list[str] = []
    for name in declared:
        fields = [field for _, field, _, _ in Formatter().parse(name) if field]
        values = {field: settings[field] for field in fields}
        if any(value is None or value == "" for value in values.values()):
            continue
        if len(fields) == 1 and name == f"{{{fields[0]}}}" and isinstance(values[fields[0]], (list, tuple)):
            columns.extend(values[fields[0]])
        else:
            columns.append(name.format_map(values))
    return list(dict.fromkeys(columns))
