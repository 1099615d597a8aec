"""A preview as a page for a browser, and as a piece of one for a notebook."""

from __future__ import annotations

from collections.abc import Iterable

from bezoar_data.engine.preview.preview import Preview, PreviewedRow
from bezoar_data.engine.preview.recorder import StepTrace
from bezoar_data.reports.page import Html, element, long_text, page, piece, table
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
from bezoar_data.reports.texts import Part, as_text

_STYLE = """
.bezoar table.row { width: 100%; table-layout: fixed; } .bezoar table.row th:first-child { width: 13%; }
.bezoar table.row td:first-child { overflow-wrap: anywhere; }
.bezoar dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: .3em 0 .8em; }
.bezoar dt { color: var(--dim); font-size: .85em; padding-top: .1em; } .bezoar dd { margin: 0; }
.bezoar dd pre { margin: 0; }
.bezoar summary { cursor: pointer; color: var(--dim); font: 13px/1.45 ui-monospace, monospace; }
@media (max-width: 50em) { .bezoar table.row, .bezoar table.row tbody, .bezoar table.row tr, .bezoar table.row td
  { display: block; } .bezoar table.row thead, .bezoar table.row td:empty { display: none; } }
"""


def preview_page(preview: Preview) -> str:
    return page(f"Preview of {preview.pipeline}", *_content(preview), style=_STYLE)


def preview_piece(preview: Preview) -> str:
    return piece(*_content(preview), style=_STYLE)


def _content(preview: Preview) -> list[Html]:
    content = [element("h1", headline(preview)), element("p", spent(preview))]
    if preview.demo:
        content.append(element("p", "demo: shipped rows, or models that only show the flow", classes="dim"))
    content += [element("p", f"note: {note}", classes="dim") for note in preview.notes]
    content.append(table(("step", "role", "in", "out", "dropped"), counts(preview), numbers=frozenset({2, 3})))
    return content + [_row(preview, row) for row in (*preview.rows, *preview.lost)]


def _row(preview: Preview, row: PreviewedRow) -> Html:
    said, shown = ending(row)
    ends = element("span", said, classes=_class(shown))
    head = element("h2", title(preview, row), Html(" · "), ends)
    came = element("dl", *(_came(name, as_text(value)) for name, value in row.columns.items()))
    heads = element("tr", *(element("th", name) for name in ("step", "asked", "answered", "columns")))
    body = Html("".join(_step(step) for step in row.steps))
    steps = element("table", element("thead", heads), element("tbody", body), classes="row")
    return element("section", head, *([came] if row.columns else []), steps)


def _step(step: StepTrace) -> Html:
    said = calls(step) or [([], [])]
    ends = element("div", verdict(step), classes=_class(shown_as(step)))
    first = element("td", element("strong", step.step), ends, rowspan=str(len(said)))
    last = element("td", *_cell(columns(step)), rowspan=str(len(said)))
    lines = []
    for i, (asked, answered) in enumerate(said):
        middle = (element("td", *_cell(asked)), element("td", *_cell(answered)))
        lines.append(element("tr", first, *middle, last) if i == 0 else element("tr", *middle))
    return Html("".join(lines))


def _cell(parts: Iterable[Part]) -> list[Html]:
    return [Html(element("div", label, classes="label") + long_text(said)) for label, said in parts]


def _came(name: str, said: str) -> Html:
    return Html(element("dt", name) + element("dd", long_text(said)))


def _class(verdict: str) -> str:
    return {"kept": "good", "rejected": "bad", "dropped": "bad"}.get(verdict, "dim")
