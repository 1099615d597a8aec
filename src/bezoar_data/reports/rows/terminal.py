"""Rows and their stories in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.reports.rows.story import StepStory, Story
from bezoar_data.reports.rows.words import call_parts, columns_of, identity, mark, verdicts
from bezoar_data.reports.texts import SHOWN, parts, safe

_COLOURS = {"kept": "green", "dropped": "red", "made": "cyan", "Accept": "green", "Reject": "red"}


def show_rows(
    rows: Iterable[tuple[str, FoundRow]], console: Console, *, columns: Collection[str] | None = None, full: bool
) -> None:
    """Print rows, each under its name; of long texts beginning and end, unless `full`."""
    for name, row in rows:
        console.print(Rule(_title(name, row), align="left", style="dim"))
        shown = {c: v for c, v in {**row.columns, **row.people}.items() if columns is None or c in columns}
        console.print(Padding(parts(columns_of(shown), None if full else SHOWN), (0, 2), expand=False))


def show_story(story: Story, console: Console, *, full: bool) -> None:
    """Print a row with all that happened to it; of long texts beginning and end, unless `full`."""
    most = None if full else SHOWN
    row = story.row
    console.print(Rule(_title("row", row), align="left", style="dim"))
    console.print(Padding(parts(identity(story), most), (0, 2), expand=False))
    console.print(_heading("the row as it is"))
    console.print(Padding(parts(columns_of({**row.columns, **row.people}), most), (0, 2), expand=False))
    for step in story.steps:
        console.print(Padding(_step(step, row, most), (1, 0, 0, 0), expand=False))
    for parent in story.known_parents:
        console.print(Padding(_heading(f"made of the row {parent.id}"), (1, 0, 0, 0), expand=False))
        console.print(Padding(parts(columns_of(parent.columns), most and most // 2), (0, 2), expand=False))


def printed(show: Callable[[Console], None]) -> str:
    """What is shown, as plain text."""
    text = StringIO()
    show(Console(file=text, width=120, color_system=None, force_terminal=False))
    return text.getvalue().rstrip()


def _title(name: str, row: FoundRow) -> Text:
    drop = row.lineage.drop
    title = safe(" · ".join(part for part in (name, row.id[:8], row.split or "") if part))
    if drop is not None:
        title.append_text(safe(f" · dropped by {drop.step}: {drop.reason}", f"bold {_COLOURS['dropped']}"))
    for column, said in verdicts(row):
        title.append_text(safe(f" · {column} {said}", _COLOURS.get(said, "")))
    return title


def _heading(text: str) -> Text:
    return safe(text, "bold")


def _step(step: StepStory, row: FoundRow, most: int | None) -> RenderableType:
    head = _heading(step.step)
    if step.use and step.use != step.step:
        head.append_text(safe(f" ({step.use})", "dim"))
    said = ": ".join(part for part in (step.reason, step.detail) if part)
    head.append_text(safe(f"  {step.ends}{f' · {said}' if said else ''}", _COLOURS.get(step.ends, "dim")))
    lines: list[RenderableType] = [head]
    lines += [_indented(parts([mark("flag", flag)], most)) for flag in step.flags]
    lines += [_indented(parts([mark("missed", failure)], most)) for failure in step.soft_failures]
    for call in step.calls:
        lines.append(_indented(parts(call_parts(call, row), most)))
    if step.raw is not None and all(step.raw != call.text for call in step.calls):
        lines.append(_indented(parts([("what was said", step.raw)], most)))
    return Group(*lines)


def _indented(what: RenderableType) -> Padding:
    return Padding(what, (0, 0, 0, 2), expand=False)
