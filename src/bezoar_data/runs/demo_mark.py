"""Rows that only show the flow: a file `demo.txt` names those that lie beside it, one a line; `#` begins a remark.

The mark lies with the rows, and not in a pipeline, so that it goes where they go, and other rows never pass for them.
The rows that come with bezoar-data are known by their texts besides: copied, cut or under other columns they stay what
they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bezoar_data.config.shipped import shipped_folder
from bezoar_data.runs.values import texts_in

MARK = "demo.txt"
_LEAST = 60
"""Characters from which a text is one row's own: other people ask for the plural of octopus, too."""


def is_demo(path: Path) -> bool:
    """Whether a file of rows is named by the mark beside it."""
    mark = path.with_name(MARK)
    if not mark.is_file():
        return False
    lines = (line.partition("#")[0].strip() for line in mark.read_text("utf-8").splitlines())
    return path.name in lines


def is_shipped(columns: Any) -> bool:
    """Whether a row holds the longest text of one that comes with bezoar-data."""
    known = _shipped_texts()
    return any(text in known for text in _texts(columns))


@cache
def _shipped_texts() -> frozenset[str]:
    longest = (max(_texts(row), key=len, default="") for row in _shipped_rows())
    return frozenset(text for text in longest if text)


def _shipped_rows() -> Iterator[Any]:
    template = Path(__file__).parents[1] / "project" / "template"
    for folder in (shipped_folder() / "pipelines" / "seeds", template / "pipelines" / "seeds"):
        for file in sorted(folder.glob("*.jsonl")):
            yield from map(json.loads, file.read_text("utf-8").splitlines())


def _texts(row: Any) -> Iterator[str]:
    """The texts of a row that are long enough to be its own."""
    return (text for one in texts_in(row) if len(text := one.strip()) >= _LEAST)
