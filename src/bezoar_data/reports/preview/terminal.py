"""A preview in a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bezoar_data.engine.preview.preview import Preview, PreviewedRow
from bezoar_data.engine.preview.recorder import StepTrace
from bezoar_data.reports.preview.words import (
    calls,
    columns,
    counts,
    ending,
    headline,
    shown_as,
    spent,
    title,
    verdict,
)
from bezoar_data.reports.texts import SHOWN, Part, as_text, parts, safe

WIDE = 100
"""From so many columns on, prompt, answer and columns stand side by side; below that, under each other."""

_AGAIN = 160
"""A message of more characters than this that was shown before is not shown again: system messages say the same for
every row."""

_COLOURS = {"kept": "green", "rejected": "yellow", "dropped": "red", "made": "cyan"}


def show_preview(preview: Preview, console: Console, *, full: bool = False) -> None:
    """Print a preview; without `full`, long texts are cut to about `SHOWN` characters."""
    show = _Show(preview, console, None if full else SHOWN)
    for row in (*preview.rows, *preview.lost):
        show.row(row)
    console.print(Rule(style="dim"))
    console.print(_counts(preview))
    for note in preview.notes:
        console.print(safe(f"note: {note}"), style="yellow")
    console.print(safe(headline(preview)), style="bold")
    console.print(safe(spent(preview)))
    if preview.demo:
        console.print("demo: shipped rows, or models that only show the flow", style="dim")


class _Show:
    """Prints row after row, and remembers what it has shown. `most` characters are shown of a long text; None: all."""

    def __init__(self, preview: Preview, console: Console, most: int | None) -> None:
        self._preview = preview
        self._console = console
        self._most = most
        self._steps = max(len(step.id) for step in preview.steps)
        self._shown: dict[str, str] = {}
        """The row in which a long message was shown, by its text."""

    def row(self, row: PreviewedRow) -> None:
        console, name = self._console, safe(title(self._preview, row))
        where = name.plain.split(" · ")[0]
        ends, shown = ending(row)
        name.append(f" · {ends}", style=f"bold {_COLOURS.get(shown, '')}")
        console.print(Rule(name, align="left", style="dim"))
        if row.columns:
            came = [(name, as_text(value)) for name, value in row.columns.items()]
            console.print(Padding(parts(came, self._most and self._most // 2), (0, 2)))
        if console.width < WIDE:
            for step in row.steps:
                console.print(Padding(self._stacked(step, where), (0, 0, 0, 2)))
            return
        table = Table(expand=True, border_style="dim", header_style="dim")
        table.add_column("step", width=min(24, self._steps), overflow="fold")
        for heading in ("asked", "answered", "columns"):
            table.add_column(heading, ratio=1, overflow="fold")
        for step in row.steps:
            first: list[RenderableType] = [Group(safe(step.step, style="bold"), _verdict(step))]
            last: list[RenderableType] = [parts(columns(step), self._most)]
            said = calls(step) or [([], [])]
            for i, (asked, answered) in enumerate(said):
                cells = (parts(self._once(asked, where), self._most), parts(answered, self._most))
                table.add_row(*(first if i == 0 else [""]), *cells, *(last if i == 0 else [""]))
            table.add_section()
        console.print(table)

    def _once(self, asked: list[Part], where: str) -> list[Part]:
        """The messages, those that another row has shown by its name alone."""
        if self._most is None:
            return asked
        shown = [(self._shown.setdefault(text, where) if len(text) > _AGAIN else where) for _, text in asked]
        pairs = zip(asked, shown, strict=True)
        return [(label, text if before == where else f"as in {before}") for (label, text), before in pairs]

    def _stacked(self, step: StepTrace, where: str) -> RenderableType:
        lines: list[RenderableType] = [Text.assemble(safe(step.step, style="bold"), "  ", _verdict(step))]
        groups = [g for asked, back in calls(step) for g in (("asked", self._once(asked, where)), ("answered", back))]
        for heading, said in (*groups, ("columns", columns(step))):
            if said:
                lines.append(Padding(Group(Text(heading, style="dim italic"), parts(said, self._most)), (0, 0, 0, 2)))
        return Group(*lines)


def _verdict(step: StepTrace) -> Text:
    return safe(verdict(step), style=_COLOURS.get(shown_as(step), ""))


def _counts(preview: Preview) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("step", "role", "in", "out", "dropped"):
        table.add_column(heading, justify="right" if heading in ("in", "out") else "left", overflow="fold")
    for cells in counts(preview):
        table.add_row(*(safe(cell) for cell in cells))
    return table
