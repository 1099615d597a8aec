"""Rows that only show the flow: a file `demo.txt` names those that lie beside it, one a line; `#` begins a remark.

The mark lies with the rows, and not in a pipeline, so that it goes where they go, and other rows never pass for them.
"""

from __future__ import annotations

from pathlib import Path

MARK = "demo.txt"


def is_demo(path: Path) -> bool:
    """Whether a file of rows is named by the mark beside it."""
    mark = path.with_name(MARK)
    if not mark.is_file():
        return False
    lines = (line.partition("#")[0].strip() for line in mark.read_text("utf-8").splitlines())
    return path.name in lines
