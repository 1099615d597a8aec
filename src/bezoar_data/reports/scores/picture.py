"""Scores of a chain as a picture: bars with intervals by facet and stage, and beside them the differences to the first
model. PNG for a card, SVG for a page; equal evaluations give equal bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import clean_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bezoar_data.evaluation.chain import Chain, Row

_COLOURS = ("#8a949e", "#1f5fa8", "#c2571a", "#17703a", "#7a4fa3", "#a8281e", "#0f7d85", "#6b5a2a")
_WIDTH, _ROW, _BAR = 6.4, 0.25, 0.16
"""Inches: of a panel, of what goes around the bars of a row, of a bar."""
_LONGEST = 40
"""Characters of a name."""


def draw(chain: Chain, kind: Literal["png", "svg"]) -> bytes:
    """The picture. Raises `InputError` where nothing here draws one."""
    if find_spec("matplotlib") is None:
        hint = "pip install 'bezoar-data[evaluate]'"
        raise InputError(Problem("missing-library", "pictures of scores need matplotlib", hint=hint))
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ")  # a name in a script that its letters lack is drawn as boxes
        # What a person's own settings are must not change the bytes. Text stays text, and is not mathematics.
        rcdefaults()
        rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bezoar-data", "text.parse_math": False})
        out = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        _figure(chain).savefig(out, format=kind, dpi=120, metadata=metadata)
    return out.getvalue()


def _figure(chain: Chain) -> Figure:
    from matplotlib.figure import Figure

    panels = list(panels_of(chain.summary))
    models, columns = len(chain.points), 2 if len(chain.points) > 1 else 1
    heights = [len(rows) * (_ROW + _BAR * models) + 0.6 for _, rows in panels]
    figure = Figure(figsize=(_WIDTH * columns, sum(heights) + 0.6), layout="constrained")
    grid = figure.subplots(len(panels), columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    for (label, rows), axes in zip(panels, grid, strict=True):
        _bars(axes[0], chain, rows)
        axes[0].set(xlabel=label, yticks=range(len(rows)), yticklabels=[_name(row) for row in rows])
        if columns > 1:
            _differences(axes[1], chain, rows)
            axes[1].set(xlabel=f"difference to {_short(chain.points[0].name)} (open: tied)", yticks=range(len(rows)))
            axes[1].set_yticklabels([])
        for one in axes[:columns]:
            one.set_ylim(len(rows) - 0.4, -0.6)
            one.grid(axis="x", alpha=0.25)
            one.set_axisbelow(True)
            one.spines[["top", "right"]].set_visible(False)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(models, 4), frameon=False)
    return figure


def panels_of(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The facets and tasks of each panel, and its label: scores between 0 and 1 share an axis, and so do those of any
    other metric."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault("score" if row.is_share else _short(row.metric), []).append(row)
    for label, members in panels.items():
        yield f"{label}, with its 95 % interval", members


def _places(chain: Chain, place: int, rows: Sequence[Row]) -> list[float]:
    """Where the bars of a model stand: in each row one below the other."""
    width = 0.8 / len(chain.points)
    return [i + (place - (len(chain.points) - 1) / 2) * width for i in range(len(rows))]


def _bars(axes: Any, chain: Chain, rows: Sequence[Row]) -> None:
    if rows[0].is_share:
        axes.set_xlim(0, 1)
    for place, point in enumerate(chain.points):
        found = [row.values[place] for row in rows]
        ends = [
            (one.value - one.low, one.high - one.value)
            if one.value is not None and one.low is not None and one.high is not None
            else (0.0, 0.0)
            for one in found
        ]
        axes.barh(
            _places(chain, place, rows),
            [one.value or 0.0 for one in found],
            height=0.74 / len(chain.points),
            xerr=[[max(0.0, end[side]) for end in ends] for side in (0, 1)],
            color=_COLOURS[place % len(_COLOURS)],
            error_kw={"elinewidth": 1, "ecolor": "#1b2026"},
            label=_short(point.name),
        )


def _differences(axes: Any, chain: Chain, rows: Sequence[Row]) -> None:
    """A filled mark is a difference that was shown, an open one is tied."""
    axes.axvline(0, color="#1b2026", linewidth=0.8)
    for place in range(1, len(chain.points)):
        colour = _COLOURS[place % len(_COLOURS)]
        for at, row in zip(_places(chain, place, rows), rows, strict=True):
            found = row.against[place]
            if found is not None:
                inside = "white" if found.word == "tied" else colour
                axes.plot([found.found.low, found.found.high], [at, at], color=colour, linewidth=1.2)
                axes.plot([found.found.value], [at], "o", color=colour, markerfacecolor=inside, markersize=5)


def _name(row: Row) -> str:
    return _short(row.name if row.facet is None or row.facet in row.name else f"{row.facet}: {row.name}")


def _short(text: str) -> str:
    line = clean_text(text, one_line=True)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
