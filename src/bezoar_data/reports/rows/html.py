"""Rows and their stories as pieces of a page, for a notebook: nothing in them runs, long texts are folded away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bezoar_data.reports.page import Html, element, long_text, piece
from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.reports.rows.story import StepStory, Story
from bezoar_data.reports.rows.words import call_parts, columns_of, identity, mark, verdicts
from bezoar_data.reports.texts import Part, as_text

ROWS_STYLE = """
.bezoar td pre { margin: 0; max-height: 12em; overflow: auto; } .bezoar summary { cursor: pointer; }
.bezoar dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: .3em 0 .8em; }
.bezoar dt { color: var(--dim); font-size: .85em; } .bezoar dd { margin: 0; } .bezoar dd pre { margin: 0; }
"""
_GOOD = frozenset({"kept", "Accept"})


def rows_piece(rows: Iterable[tuple[str, FoundRow]], columns: Collection[str] | None = None) -> Html:
    """A table of rows, each under its name; of `columns` alone, if they are given."""
    return piece(rows_table(rows, columns), style=ROWS_STYLE)


def rows_table(rows: Iterable[tuple[str, FoundRow]], columns: Collection[str] | None = None) -> Html:
    shown = list(rows)
    said = [{**row.columns, **row.people} for _, row in shown]
    names = [n for n in dict.fromkeys(n for one in said for n in one) if columns is None or n in columns]
    head = element("tr", *(element("th", name) for name in ("row", "fate", *names)))
    lines = []
    for (name, row), values in zip(shown, said, strict=True):
        cells = (element("td", long_text(as_text(values[n])) if values.get(n) is not None else "") for n in names)
        lines.append(element("tr", element("td", name, element("div", row.id[:8], classes="dim")), _fate(row), *cells))
    return element("table", element("thead", head), element("tbody", *lines))


def story_piece(story: Story) -> Html:
    """A row with all that happened to it."""
    row = story.row
    content = [
        element("h2", f"row {row.id[:8]}"),
        _parts(identity(story)),
        _parts(columns_of({**row.columns, **row.people})),
        *(_step(step, row) for step in story.steps),
    ]
    for parent in story.known_parents:
        content += [element("h3", f"made of the row {parent.id}"), _parts(columns_of(parent.columns))]
    return piece(*content, style=ROWS_STYLE)


def _step(step: StepStory, row: FoundRow) -> Html:
    said = ": ".join(part for part in (step.reason, step.detail) if part)
    ends = element("span", f" {step.ends}{f' · {said}' if said else ''}", classes=_class(step.ends))
    content = [element("h3", step.step, ends)]
    content += [_parts([mark("flag", flag)]) for flag in step.flags]
    content += [_parts([mark("missed", failure)]) for failure in step.soft_failures]
    content += [_parts(call_parts(call, row)) for call in step.calls]
    if step.raw is not None and all(step.raw != call.text for call in step.calls):
        content.append(_parts([("what was said", step.raw)]))
    return element("section", *content)


def _parts(said: Iterable[Part]) -> Html:
    return element("dl", *_lines(said))


def _lines(said: Iterable[Part]) -> Iterator[Html]:
    for label, text in said:
        yield element("dt", label)
        yield element("dd", long_text(text))


def _fate(row: FoundRow) -> Html:
    drop = row.lineage.drop
    if drop is not None:
        return element("td", f"dropped by {drop.step}: {drop.reason}", classes="bad")
    return element("td", "kept", *(element("div", said, classes=_class(said)) for _, said in verdicts(row)))


def _class(said: str) -> str:
    return "good" if said in _GOOD else "bad" if said in ("dropped", "Reject") else "dim"
