"""How two runs differ, as a page for a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bezoar_data.reports.diff.diff import ASPECTS, Diff
from bezoar_data.reports.diff.facts import NOTHING, Change
from bezoar_data.reports.diff.rows import KINDS
from bezoar_data.reports.diff.text import figures_table, prompt_lines
from bezoar_data.reports.page import Html, element, page, piece, table
from bezoar_data.reports.texts import as_text

_STYLE = """
.bezoar pre.change { border-left: 3px solid var(--line); padding-left: .8em; }
.bezoar details { margin: .3em 0; } .bezoar summary { cursor: pointer; }
"""
_MOST = 10_000
"""Rows named of those that differ since a step: a page holds no more."""


def diff_page(diff: Diff) -> str:
    return page(f"{diff.first} and {diff.second}", *_content(diff), style=_STYLE)


def diff_piece(diff: Diff) -> str:
    """The same for a notebook."""
    return piece(*_content(diff), style=_STYLE)


def _content(diff: Diff) -> list[Html]:
    differ = diff.differs_in()
    content = [
        element("h1", f"{diff.first} → {diff.second}"),
        element("p", f"builds {diff.names[0]} and {diff.names[1]}, {diff.kept[0]:,} and {diff.kept[1]:,} rows"),
        element("p", f"They differ in {', '.join(differ)}." if differ else "They are the same."),
    ]
    same = [name for name in ASPECTS if name not in differ]
    if differ and same:
        content.append(element("p", f"The same: {', '.join(same)}.", classes="dim"))
    for name in ("settings", "models", "versions", "counts", "cost"):
        content += _changes(name, getattr(diff.facts, name))
    if diff.facts.prompts:
        content.append(element("h2", "Prompts"))
    for change in diff.facts.prompts:
        content.append(element("h3", " · ".join(change.path[1:])))
        content.append(element("pre", "\n".join(prompt_lines(change)), classes="change"))
    moved = [
        (column, before, after, f"{count:,}")
        for column, told in diff.verdicts.items()
        for (before, after), count in sorted(told.items())
    ]
    content += _table("Verdicts", ("column", "before", "after", "rows"), moved, frozenset({3}))
    for name, columns in (("Scores", diff.scores), ("Lengths, in characters", diff.lengths)):
        if columns:
            head, *rows = figures_table(columns)
            content += _table(name, head, rows, frozenset(range(1, 7)))
    return content + _rows(diff)


def _changes(name: str, changes: Sequence[Change]) -> list[Html]:
    rows = [
        (" · ".join(part for part in change.path if part != "steps"), _value(change.before), _value(change.after))
        for change in changes
    ]
    return _table(name.capitalize(), ("what", "before", "after"), rows)


def _table(
    name: str, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: frozenset[int] = frozenset()
) -> list[Html]:
    return [element("h2", name), table(head, rows, numbers)] if rows else []


def _value(value: Any) -> str:
    return "-" if value is NOTHING else as_text(value)


def _rows(diff: Diff) -> list[Html]:
    kinds = [(kind, f"{count:,}", KINDS[kind]) for kind, count in diff.by_kind().items()]
    content = _table("Rows", ("which", "rows", "meaning"), kinds, frozenset({1}))
    for step, rows in diff.since().items():
        since = f"since {step}" if step else "since no step in particular"
        named = table(("id", "which", "dropped by"), [(r.id, r.kind, r.reason or "") for r in rows[:_MOST]])
        more = f", {len(rows) - _MOST:,} of them not named here" if len(rows) > _MOST else ""
        content.append(element("details", element("summary", f"{len(rows):,} rows differ {since}{more}"), named))
    return content
