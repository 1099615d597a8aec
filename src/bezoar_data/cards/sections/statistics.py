"""The section of a card with what its rows are like: lengths, turns, and which kinds of rows there are how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.runs.lengths import Lengths


def statistics(context: CardContext) -> str:
    parts = [*_lengths(context), *_mix(context)]
    return "\n\n".join(parts) or "Nothing was counted: there are no rows."


def _lengths(context: CardContext) -> Iterator[str]:
    lock = context.lock
    read = {column for view in context.views.values() for role, column in view.items() if role != "where"}
    judged = tuple(f"{one.name}_" for one in (*lock.judges, *lock.judging.comparisons, *lock.judging.attributes))
    others = [name for name in lock.lengths if name not in lock.values and not name.startswith(judged)]
    shown = [name for name in lock.columns if name in lock.lengths and name in (read or others)]
    rows = [_line(f"{md.code(name)}, characters", lock.lengths[name].characters) for name in shown]
    rows += [_line(f"{md.code(name)}, turns", turns) for name in shown if (turns := lock.lengths[name].turns)]
    if rows:
        head = ("Column", "Not empty", "Shortest", "Median", "Mean", "95 % up to", "Longest")
        yield md.table(head, rows, "lrrrrrr")
        if any(lock.lengths[name].turns for name in shown):
            yield "Of conversations, characters are counted for each message, and turns for each conversation."


def _line(what: str, of: Lengths) -> tuple[str, ...]:
    return (
        what, md.number(of.count), md.number(of.least), md.number(of.median), f"{of.mean:,.1f}", md.number(of.p95),
        md.number(of.most),
    )  # fmt: skip


def _mix(context: CardContext) -> Iterator[str]:
    if counted := context.lock.values:
        yield "Which rows there are, by columns with few values:"
        yield md.table(("Column", "Values, and the rows that hold each"), _values(counted))


def _values(counts: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, str]]:
    for name, found in counts.items():
        yield md.code(name), ", ".join(f"{md.value(value, value)} {md.number(rows)}" for value, rows in found.items())
