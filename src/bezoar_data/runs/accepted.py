"""Which rows of a dataset are accepted: those that leave it for training and exports, unless a person asks for others.

People's verdict goes first (`final_status` where they gave one; rows that their protocol dropped are rejected), then
what the card's view says (`where`), then the one judge's status. A dataset that nobody judged is accepted as a whole.
The answer is a `where` expression, so that training and exports choose by the same one: true is accepted, false
rejected, unknown undecided.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.where import Where
from bezoar_data.runs.lock import Lock

if TYPE_CHECKING:
    import pyarrow as pa

_STATUS, _BESIDE = "_status", ("_rating", "_reason")
"""How the columns of a judge that accepts and rejects end: `judge_status`, and beside it the others."""
_PEOPLE, _FINAL, _DROPPED = "review_status", "final_status", "review_dropped"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def accepted_rows(schema: pa.Schema, where: Where | None, lock: Lock | None, place: Place, else_: str) -> Where | None:
    """The accepted rows of a dataset with these columns; None where nobody decided on any: all rows.

    `where` is that of the card's view, `place` where it stands or should stand, and `else_` what else a person can do
    where several judges disagree on what is accepted. Raises `InputError` for these, and for a `where` that does not
    fit the columns.
    """
    if where is not None:
        where.arrow(schema)
    chosen = where.text if where is not None else _by_judge(judges_of(schema.names, lock), place, else_)
    if _PEOPLE not in schema.names or _FINAL not in schema.names:
        return where if where is not None else Where.parse(chosen) if chosen else None
    # Where people were divided, or looked at none, what holds without them holds.
    others = f"({chosen})" if chosen else "true"
    people = f'{_PEOPLE} is not null and {_FINAL} == "Accept"'
    accepted = f"{people} or {_PEOPLE} is null and {others}"
    # Those on which people are too far apart leave with nobody's verdict.
    return Where.parse(f"{_DROPPED} is null and ({accepted})" if _DROPPED in schema.names else accepted)


def judges_of(columns: Collection[str], lock: Lock | None) -> list[str]:
    """The judges whose verdicts count, by the names their columns begin with: a panel stands for those it heard."""
    found = [
        name
        for column in columns
        if (name := column.removesuffix(_STATUS)) != column and all(name + ending in columns for ending in _BESIDE)
    ]
    steps = {judge.step: judge.name for judge in lock.judges} if lock is not None else {}
    heard = {
        name
        for step in (lock.steps if lock is not None else ())
        if step.use == "judge.panel" and steps.get(step.id) in found
        for name in step.settings.get("judges", ())
    }
    return [name for name in found if name not in heard]


def _by_judge(judges: list[str], place: Place, else_: str) -> str:
    if len(judges) > 1:
        names = f"{', '.join(judges[:-1])} and {judges[-1]}"
        message = f"several judges accepted and rejected these rows, {names}; nothing says which of them decides"
        hint = f"write under the view of the card, for example, where: {_accepts(judges[0])}"
        raise InputError(Problem("several-judges", message, place, f"{hint}; {else_}" if else_ else hint))
    return _accepts(judges[0]) if judges else ""


def _accepts(judge: str) -> str:
    column = judge + _STATUS
    return f'{column if _PLAIN.match(column) else f"`{column}`"} == "Accept"'
