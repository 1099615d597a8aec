"""Rows and their stories in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from io import StringIO
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.reports.rows.story import Call, StepStory, Story
from bezoar_data.reports.texts import SHOWN, Part, as_text, parts, safe
from bezoar_data.runs.row import Drop

_COLOURS = {"kept": "green", "dropped": "red", "made": "cyan", "Accept": "green", "Reject": "red"}
_SAME = 40
"""A raw answer of more characters than this is not shown again where a column holds just it."""


def show_rows(
    rows: Iterable[tuple[str, FoundRow]], console: Console, *, columns: Collection[str] | None = None, full: bool
) -> None:
    """Print rows, each under its name; of long texts beginning and end, unless `full`."""
    for name, row in rows:
        console.print(Rule(_title(name, row), align="left", style="dim"))
        shown = {c: v for c, v in {**row.columns, **row.people}.items() if columns is None or c in columns}
        console.print(Padding(parts(_columns(shown), None if full else SHOWN), (0, 2), expand=False))


def show_story(story: Story, console: Console, *, full: bool) -> None:
    """Print a row with all that happened to it; of long texts beginning and end, unless `full`."""
    most = None if full else SHOWN
    row = story.row
    console.print(Rule(_title("row", row), align="left", style="dim"))
    console.print(Padding(parts(_identity(story), most), (0, 2), expand=False))
    console.print(_heading("the row as it is"))
    console.print(Padding(parts(_columns({**row.columns, **row.people}), most), (0, 2), expand=False))
    for step in story.steps:
        console.print(Padding(_step(step, row, most), (1, 0, 0, 0), expand=False))
    for parent in story.known_parents:
        console.print(Padding(_heading(f"made of the row {parent.id}"), (1, 0, 0, 0), expand=False))
        console.print(Padding(parts(_columns(parent.columns), most and most // 2), (0, 2), expand=False))


def printed(show: Callable[[Console], None]) -> str:
    """What is shown, as plain text."""
    text = StringIO()
    show(Console(file=text, width=120, color_system=None, force_terminal=False))
    return text.getvalue().rstrip()


def verdicts(row: FoundRow) -> list[tuple[str, str]]:
    """What judges and people said of a row, by column."""
    said = {**row.columns, **row.people}
    return [(name, str(said[name])) for name in said if name.endswith(("_status", "_preference")) and said[name]]


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


def _identity(story: Story) -> Iterator[Part]:
    lineage = story.row.lineage
    yield "id", story.row.id
    if story.sources:
        yield "from", ", ".join(story.sources)
    if lineage.parent_ids:
        yield "made by", f"{story.made_by or 'a step'} of {', '.join(i[:8] for i in lineage.parent_ids)}"
    if lineage.seed_ids and lineage.seed_ids != (story.row.id,):
        yield "seeds", ", ".join(i[:8] for i in lineage.seed_ids)
    if lineage.demo:
        yield "demo", "it only shows the flow"
    yield "took", took(story)


def took(story: Story) -> str:
    """What a row took, in a line."""
    calls = story.calls
    if not calls:
        return "no answer of a model"
    cost = story.cost
    money = "cost unknown (no price given)" if cost is None else f"${cost:,.6f}"
    answers = f"{len(calls)} answer{'' if len(calls) == 1 else 's'}, {sum(story.tokens):,} tokens, {money}"
    missing = f"; {story.missing} of them in no journal here" if story.missing else ""
    return answers + missing


def _columns(columns: Mapping[str, Any]) -> Iterator[Part]:
    """A part for each column; for each turn of a conversation."""
    for name, value in columns.items():
        turns = value if isinstance(value, list) else []
        if turns and all(isinstance(turn, Mapping) and isinstance(turn.get("content"), str) for turn in turns):
            for turn in turns:
                more = {k: v for k, v in turn.items() if k not in ("role", "content") and v not in (None, [], "")}
                yield f"{name} · {turn.get('role', '')}", turn["content"] + (f"\n{as_text(more)}" if more else "")
        else:
            yield name, as_text(value)


def _step(step: StepStory, row: FoundRow, most: int | None) -> RenderableType:
    head = _heading(step.step)
    if step.use and step.use != step.step:
        head.append_text(safe(f" ({step.use})", "dim"))
    said = ": ".join(part for part in (step.reason, step.detail) if part)
    head.append_text(safe(f"  {step.ends}{f' · {said}' if said else ''}", _COLOURS.get(step.ends, "dim")))
    lines: list[RenderableType] = [head]
    lines += [_indented(parts([_mark("flag", flag)], most)) for flag in step.flags]
    lines += [_indented(parts([_mark("missed", failure)], most)) for failure in step.soft_failures]
    for call in step.calls:
        lines.append(_indented(_call(call, row, most)))
    if step.raw is not None and all(step.raw != call.text for call in step.calls):
        lines.append(_indented(parts([("what was said", step.raw)], most)))
    return Group(*lines)


def _call(call: Call, row: FoundRow, most: int | None) -> RenderableType:
    asked = [(f"asked · {message.get('role', '')}", message.get("content", "")) for message in call.messages or ()]
    return parts([*asked, *_answered(call, row)], most)


def _answered(call: Call, row: FoundRow) -> Iterator[Part]:
    who = " · ".join(part for part in (call.field, call.model) if part)
    if call.known == "missing":
        yield f"answered · {who}", f"no journal here holds this answer ({call.key[:12]})"
        return
    if call.known == "redacted":
        yield f"answered · {who}", call.detail or "redacted"
        return
    if call.thinking:
        yield f"thought · {who}", call.thinking
    if call.known == "refused":
        yield f"refused · {who}", ": ".join(part for part in (call.error, call.detail) if part)
    text = call.text or ""
    column = next((name for name, value in row.columns.items() if value == text and len(text) > _SAME), None)
    ended = "" if call.finish_reason in ("stop", "") else f" · ended by {call.finish_reason}"
    if text or call.known == "answered":
        yield f"answered · {who}{ended} · {_figures(call)}", f"as the column {column}" if column else text


def _figures(call: Call) -> str:
    tokens = f"{call.prompt_tokens or 0:,} + {call.completion_tokens or 0:,} tokens"
    cost = "" if call.cost is None else f", ${call.cost:,.6f}"
    seconds = "" if call.seconds is None else f", {call.seconds:,.1f} s"
    return tokens + cost + seconds


def _mark(what: str, mark: Drop) -> Part:
    return f"{what} · {mark.reason}", mark.detail or mark.raw or ""


def _indented(what: RenderableType) -> Padding:
    return Padding(what, (0, 0, 0, 2), expand=False)
