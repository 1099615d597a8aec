"""How two runs differ, in plain lines for a terminal or a log of CI."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from bezoar_data.reports.diff.diff import ASPECTS, Diff
from bezoar_data.reports.diff.facts import NOTHING, Change
from bezoar_data.reports.diff.figures import ColumnFigures
from bezoar_data.reports.diff.rows import KINDS
from bezoar_data.reports.table import Table, p_value, rendered
from bezoar_data.reports.texts import as_text, cut, plain

_LINES = 40
"""Lines shown of a prompt's changes, and changes shown of one kind."""
_IDS = 8
"""Rows named of those that differ since a step."""
_VALUE = 80
"""Characters shown of a value."""


def diff_text(diff: Diff, *, full: bool = False) -> str:
    """Plain text; without `full`, of many lines the first."""
    most = None if full else _LINES
    differ = diff.differs_in()
    lines = [
        f"before: {diff.first}, build {diff.names[0]}, {diff.kept[0]:,} rows",
        f"after:  {diff.second}, build {diff.names[1]}, {diff.kept[1]:,} rows",
        f"they differ in {', '.join(differ)}" if differ else "they are the same",
    ]
    if differ and (same := [name for name in ASPECTS if name not in differ]):
        lines.append(f"the same: {', '.join(same)}")
    for name in ("settings", "models", "versions"):
        lines += _section(name, [_line(change) for change in getattr(diff.facts, name)], most)
    lines += _section("prompts", list(_prompts(diff)), most)
    lines += _section("counts", [_line(change) for change in diff.facts.counts], most)
    lines += _section("cost", [_line(change) for change in diff.facts.cost], most)
    lines += _section("verdicts", list(_verdicts(diff)), None)
    lines += _section("scores", _figures(diff.scores), None)
    lines += _section("lengths, in characters", _figures(diff.lengths), None)
    lines += _section("rows", list(_rows(diff, full)), None)
    return plain("\n".join(lines))


def _section(name: str, lines: Sequence[str], most: int | None) -> list[str]:
    if not lines:
        return []
    left = [] if most is None or len(lines) <= most else [f"… {len(lines) - most:,} more lines: --full shows them"]
    return ["", name, *(f"  {line}" for line in [*lines[:most], *left])]


def _line(change: Change) -> str:
    path = [part for part in change.path if part != "steps"]
    return f"{' · '.join(path)}: {_value(change.before)} → {_value(change.after)}"


def _value(value: Any) -> str:
    if value is NOTHING:
        return "-"
    return cut(as_text(value).replace("\n", "\\n"), _VALUE)


def _prompts(diff: Diff) -> Iterator[str]:
    for change in diff.facts.prompts:
        yield " · ".join(change.path[1:])
        yield from (f"  {line}" for line in prompt_lines(change))


def prompt_lines(change: Change) -> Iterator[str]:
    """A prompt's lines that are gone (-) and those that came (+), between lines that stayed."""
    before, after = ("" if v is NOTHING else as_text(v) for v in (change.before, change.after))
    if isinstance(change.before, str) and isinstance(change.after, str):
        told = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[2:]
    else:
        told = [*(f"-{line}" for line in before.splitlines()), *(f"+{line}" for line in after.splitlines())]
    yield from told


def _verdicts(diff: Diff) -> Iterator[str]:
    for column, moved in diff.verdicts.items():
        for (before, after), count in sorted(moved.items()):
            yield f"{column}: {before} → {after}: {count:,} row{'' if count == 1 else 's'}"


def _figures(columns: Sequence[ColumnFigures]) -> list[str]:
    return rendered(figures_table(columns), markdown=False) if columns else []


def figures_table(columns: Sequence[ColumnFigures]) -> Table:
    """Scores or lengths of both runs, column by column."""
    table: Table = [["column", "rows", "mean", "median", "95 %", "distance", "p (Holm)", ""]]
    for one in columns:
        first, second = one.figures.first, one.figures.second
        pairs = [(first.count, second.count), (first.mean, second.mean), (first.median, second.median)]
        cells = [_pair(*pair) for pair in (*pairs, (first.p95, second.p95))]
        p = "-" if one.corrected is None else p_value(one.corrected)
        table.append([one.column, *cells, _figure(one.figures.distance), p, "differ" if one.differ else ""])
    return table


def _pair(before: float | None, after: float | None) -> str:
    return _figure(before) if before == after else f"{_figure(before)} → {_figure(after)}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if value % 1 else f"{value:,.0f}"


def _rows(diff: Diff, full: bool) -> Iterator[str]:
    for kind, count in diff.by_kind().items():
        yield f"{count:,} {kind}: {KINDS[kind]}"
    for step, rows in diff.since().items():
        ids = [row.id[:12] for row in (rows if full else rows[:_IDS])]
        more = "" if len(ids) == len(rows) else f" and {len(rows) - len(ids):,} more"
        yield f"{f'since {step}' if step else 'since no step in particular'}, {len(rows):,}: {', '.join(ids)}{more}"
