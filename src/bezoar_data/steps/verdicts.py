"""What a step says of a row, and what becomes of the row: verdicts, and their settling into rows with lineage.

Values and functions of them, without distilabel: both drivers, the streaming engine and the one for distilabel's own
runners, settle verdicts the same way.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import Columns, Drop, Lineage, Row


@dataclass(frozen=True, slots=True)
class Dropped:
    """The row ends here. `reason` is a code people count by; `detail` explains this one; `raw` is a model's text.

    `failed=True` says that something went wrong, as against a row sorted out on purpose: it counts against `tolerate`.
    `facts` are JSON's values for a report.
    """

    reason: str
    detail: str = ""
    raw: str | None = None
    failed: bool = False
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The row goes on as itself, with these columns.

    `missed` tells what the step failed to do for it, where the row is worth keeping all the same: it stands in the
    row's lineage, and counts against `tolerate` if it is marked as failed. `noted` tells what the step found in a row
    that it would otherwise have dropped.
    """

    columns: Columns
    missed: Dropped | None = None
    noted: Dropped | None = None


@dataclass(frozen=True, slots=True)
class Child:
    """A row that a step made from the one it was given, or (`dropped`) a candidate for one that was sorted out.

    `parent` is the place of an earlier child of the same verdict that this one was made from; None: the row itself.
    `asked` holds the questions and answers it came of; None: all that were asked for the row.
    """

    columns: Columns
    parent: int | None = None
    asked: Sequence[tuple[Ask, Answer]] | None = None
    dropped: Dropped | None = None


@dataclass(frozen=True, slots=True)
class Children:
    """The row ends here as material for new ones: at least one, kept or dropped. A child's place is its number among
    its siblings, which with its parent is its identity, so it must not depend on time."""

    rows: Sequence[Child]


Verdict = Kept | Dropped | Children

RUN_ENDED = "run_ended"
"""Reason code that carries an error which ends the whole run out of a child process of distilabel's runners; its
`raw` is the exit code. It never reaches a dataset: the run raises it."""

STEP_ERROR = "step_error"
"""Reason code of a row that made its step raise."""

Turns = Generator[Ask, Answer, Verdict]
"""What `run_row` is: yields questions, is sent answers, returns a verdict."""


@dataclass(frozen=True, slots=True)
class Made:
    """A row made out of several others, or (`dropped`) a candidate for one that was sorted out.

    `parents` are the rows it was made from, `answers` what models said for it. `place` is its number among all that
    the step makes: together with the parents it is the row's identity, so it must not depend on time.
    """

    parents: Sequence[Row]
    place: tuple[int, ...]
    columns: Columns
    answers: Sequence[Answer] = ()
    dropped: Dropped | None = None


Waves = Generator[Sequence[Ask], Sequence[Answer | Refused], Sequence[Made]]
"""What `run_all` is: yields a wave of questions, is sent the answer or refusal of each, returns what it made."""

TAKEN_IN = "taken_in"
"""Reason code of a row that a step which makes rows took in as material. It marks the row under distilabel's runners
only, where no row may vanish, and never reaches a dataset. Its detail is the number of rows made of that row alone."""

OVER_TARGET = "over_target"
"""Reason code of a candidate beyond the number of rows that a step is to make: nothing else speaks against it."""


def settle(row: Row, verdict: Verdict, step: str) -> list[Row]:
    """The rows that come of a verdict: the row itself, its children, or itself with the drop mark."""
    if isinstance(verdict, Children):
        return _settle_children(row, verdict.rows, step)
    if isinstance(verdict, Dropped):
        return [Row(row.columns, row.lineage.dropped(_mark(step, verdict)))]
    lineage = row.lineage.missing(_mark(step, verdict.missed)) if verdict.missed else row.lineage
    lineage = lineage.noting(_mark(step, verdict.noted)) if verdict.noted else lineage
    return [Row(dict(verdict.columns), lineage)]


def _mark(step: str, dropped: Dropped) -> Drop:
    return Drop(step, dropped.reason, dropped.detail, dropped.raw, dropped.failed, dropped.facts)


def _settle_children(row: Row, children: Sequence[Child], step: str) -> list[Row]:
    before = row.lineage.without(step)
    settled: list[Row] = []
    for k, child in enumerate(children):
        parent = row.id if child.parent is None else settled[child.parent].id
        lineage = (row.lineage if child.asked is None else before).child(step, k, parent)
        for ask, answer in child.asked or ():
            lineage = lineage.answered(asked_as(step, ask), answer.model, answer.keys, demo=answer.demo)
        made = Row(dict(child.columns), lineage)
        settled += settle(made, child.dropped, step) if child.dropped else [made]
    return settled


def as_made(step: Any, row: Row, verdict: Verdict) -> Verdict:
    """The verdict as a step that makes rows counts it: whatever it could not decide is one candidate dropped."""
    if getattr(step, "makes", False) and not (isinstance(verdict, Children) and verdict.rows):
        dropped = verdict if isinstance(verdict, Dropped) else broken(TypeError(f"made no row: {verdict!r:.200}"))
        return Children([Child({c: row.columns.get(c) for c in step.outputs}, dropped=dropped)])
    return verdict


def asked_as(step: str, ask: Ask) -> str:
    """The name a step's answers stand under in the lineage: its own; for another model than its main one, with that
    model's field behind it."""
    return step if ask.to == "llm" else f"{step}.{ask.to}"


def settle_made(made: Made, step: str) -> Row:
    """The row that a `GlobalMakingStep` made, with its lineage, and with the drop mark if it was sorted out."""
    lineage = Lineage.made_from([p.lineage for p in made.parents], step, made.place)
    for answer in made.answers:
        lineage = lineage.answered(step, answer.model, answer.keys, demo=answer.demo)
    row = Row(dict(made.columns), lineage)
    return settle(row, made.dropped, step)[0] if made.dropped else row


def next_wave(waves: Waves, answers: Sequence[Answer | Refused] | None) -> tuple[Sequence[Ask], Sequence[Made] | None]:
    """The next wave's questions, given the answers to the last one (None to begin), or in the end what was made."""
    try:
        return (next(waves) if answers is None else waves.send(answers)), None
    except StopIteration as end:
        return (), end.value


def take_turn(turns: Turns, reply: Answer | Refused | None) -> tuple[Ask | None, Verdict | None]:
    """A step's next question, given the answer or refusal of the last (None to begin), or in the end its verdict."""
    try:
        if isinstance(reply, Refused):
            return turns.throw(reply), None
        return (next(turns) if reply is None else turns.send(reply)), None
    except StopIteration as end:
        return None, end.value


def refused(error: Refused) -> Dropped:
    """The verdict on a row whose request the provider refused and whose step did not handle it."""
    return Dropped(reason=error.reason, detail=error.detail, failed=True)


def broken(error: Exception) -> Dropped:
    """The verdict on a row that made its step raise: a bug in the step, or a column it did not expect."""
    return Dropped(reason=STEP_ERROR, detail=f"{type(error).__name__}: {error}", failed=True)


def replace_lineage(row: Row, lineage: Lineage) -> Row:
    return Row(row.columns, lineage)


def name_of(step: str, to: str) -> str:
    """The name a step's answers stand under in journal and lock."""
    return step if to == "llm" else f"{step}.{to}"
