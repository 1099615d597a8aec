"""Filling the column names a step declares with its settings: `"{judge}_status"` becomes `"judge_status"`.

It is apart from the steps because the catalogue fills the same declarations without importing distilabel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from string import Formatter
from typing import Any


def fill_columns(declared: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """The column names meant by `declared`, each once, in order.

    A name whose setting is empty means "this column is not used" and falls away; a setting that holds a list stands
    for a column each, and so does one that says something for each of several columns. `"{prefix:_}rating"` is for a
    prefix that may be empty: `rating`, or `mine_rating`.
    """
    columns: list[str] = []
    for name in declared:
        pieces = [
            part
            for literal, setting, spec, _ in _parsed(name)
            for part in ([literal], *([] if setting is None else [_values(settings[setting], spec or "")]))
        ]
        columns.extend(map("".join, product(*pieces)))
    return list(dict.fromkeys(columns))


@lru_cache(maxsize=1024)
def _parsed(name: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    """Kept, as steps ask for their columns at every row."""
    return tuple(Formatter().parse(name))


def _values(value: Any, spec: str) -> list[str]:
    if spec == "_":
        return [f"{value}_" if value else ""]
    if spec == "=" and (isinstance(value, Mapping) or value == "all"):
        value = list(value.values()) if isinstance(value, Mapping) else []
    many = value if isinstance(value, list | tuple | Mapping) else [value]
    return [str(one) for one in many if one is not None and one != ""]
