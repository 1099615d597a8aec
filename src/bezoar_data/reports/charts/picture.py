"""A picture is a table first: who cannot see the picture reads it, and a script of the page draws from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Literal

from bezoar_data.reports.charts.letters import json_text, packed
from bezoar_data.reports.page import Html, allowed, data, element, plain_text, table, text

Kind = Literal["bars", "flow", "grid", "lines", "ranges"]
Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A table, and how it is drawn: `bars` has a label and figures in each line, the parts of one bar where it is
    `stacked`; `flow` from where, to where, how much; `grid` two labels and a figure; `lines` a place along the axis and
    each line's figure there; `ranges` two labels and a figure with the ends of its interval. `chooses` names the filter
    that a label is a value of."""

    title: str
    kind: Kind
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    stacked: bool = False
    chooses: str = ""


class Pictures:
    """The pictures of a page, by their numbers."""

    def __init__(self) -> None:
        self._placed: list[Picture] = []

    def place(self, picture: Picture, heading: str = "h3") -> Html:
        """The place that it is drawn in, and its table."""
        number = len(self._placed)
        shown_as = replace(picture, title=plain_text(picture.title), head=tuple(map(plain_text, picture.head)))
        self._placed.append(replace(shown_as, rows=shown(picture.rows)))
        figures = frozenset(i for i, cell in enumerate(picture.rows[0]) if not isinstance(cell, str))
        lines = [[_cell(cell) for cell in row] for row in picture.rows]
        drawn = Html(
            f'<div class="picture" data-picture="{number}" role="img" aria-label="{text(picture.title)}"></div>'
        )
        note = [element("p", picture.note, classes="dim")] if picture.note else []
        as_table = element("details", element("summary", "as a table"), table(picture.head, lines, figures))
        return element("section", element(heading, picture.title), *note, drawn, as_table, classes="figure")

    def tables(self) -> Html:
        """What the script draws from; it stands before the script."""
        drawn = [
            {"title": one.title, "kind": one.kind, "head": one.head, "rows": one.rows, "stacked": one.stacked}
            | {"chooses": one.chooses}
            for one in self._placed
        ]
        return data("pictures", json_text(drawn), "application/json")

    def library(self) -> Html:
        """The library that draws them, which is unpacked once it is needed; it may stand behind the script."""
        return data("charts", packed(_library()))


def shown(rows: Sequence[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Cells as a script may have them: texts inert, and no figure that is not a number."""
    return tuple(tuple(map(_shown, row)) for row in rows)


def _shown(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return plain_text(cell)
    return None if isinstance(cell, float) and not isfinite(cell) else cell


def charts_part(name: str) -> str:
    """A script or style that a page with pictures has: `unpack.js` before all others, `charts.js`, `charts.css`."""
    return (files(__package__) / "browser" / name).read_text("utf-8")


def charts_source() -> str:
    """How the page's policy names the library."""
    return allowed(_library())


@cache
def _library() -> str:
    return charts_part("echarts/echarts.min.js")


def _cell(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return "" if cell is None else f"{cell:,.4f}" if isinstance(cell, float) else cell
