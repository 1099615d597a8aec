"""Arrow's type names as the Hub's `dataset_info.features` spells them.

The lock names each column's type as Arrow prints it. A card names them in the form that `datasets` reads, worked out
here from the text alone, so that rendering a card needs neither `datasets` nor the data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SIMPLE = {
    **{name: name for name in ("bool", "string", "large_string", "binary", "large_binary", "null")},
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "date32[day]": "date32",
    "date64[ms]": "date64",
}
_SAME = re.compile(r"(timestamp|time32|time64|duration)\[[^\]]+\]|decimal(128|256)\(\d+, -?\d+\)")
_LIST = re.compile(r"(large_)?list<\w+: (.+)>\Z")


def hub_features(columns: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """`features` of a `dataset_info`, or None when a column has a type without a spelling here."""
    features = []
    for name, kind in columns.items():
        spelled = _spell(kind)
        if spelled is None:
            return None
        features.append({"name": name, **spelled})
    return features


def _spell(kind: str) -> dict[str, Any] | None:
    kind = kind.removesuffix(" not null")
    if kind in _SIMPLE:
        return {"dtype": _SIMPLE[kind]}
    if _SAME.fullmatch(kind):
        return {"dtype": kind}
    if found := _LIST.match(kind):
        inner = _spell(found[2])
        if inner is None:
            return None
        key = "large_list" if found[1] else "list"
        short = inner["dtype"] if list(inner) == ["dtype"] else inner["struct"] if list(inner) == ["struct"] else inner
        return {key: short}
    if kind.startswith("struct<") and kind.endswith(">"):
        fields = []
        for part in _parts(kind[len("struct<") : -1]):
            name, colon, inner_kind = part.partition(": ")
            inner = _spell(inner_kind) if colon else None
            if inner is None:
                return None
            fields.append({"name": name, **inner})
        return {"struct": fields} if fields else None
    return None


def _parts(inside: str) -> list[str]:
    """The fields of a struct's text: split at the commas that stand outside every bracket."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(inside):
        depth += (char in "<[(") - (char in ">])")
        if char == "," and depth == 0:
            parts.append(inside[start:i].strip())
            start = i + 1
    return [*parts, inside[start:].strip()]
