"""What drives a step: `RowRun` takes one row through a step that decides row by row, `WaveRun` takes all rows through a
step that makes new ones out of them.

Neither does any input or output. Whoever loops over them gets the questions answered: the streaming engine from
endpoints, `process` for distilabel's own runners, the plan from the journal. So lineage, refusals, errors of a step and
what a verdict does to a row are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from types import GeneratorType
from typing import Any, Protocol

from bezoar_data.config.errors import BezoarError
from bezoar_data.config.value_class import value_class
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import Drop, Lineage, Row
from bezoar_data.steps.verdicts import (
    Child,
    Children,
    Dropped,
    Kept,
    Made,
    StepGenerator,
    Verdict,
    Waves,
    answer_name,
    broken,
    refused,
)


class DecidesRow(Protocol):
    """A step that decides row by row, as far as it is driven."""

    name: Any

    def run_row(self, row: Row) -> StepGenerator | Verdict: ...


class MakesRows(Protocol):
    """A step that makes rows out of all rows, as far as it is driven."""

    name: Any

    def run_all(self, rows: Sequence[Row]) -> Waves | Sequence[Made]: ...


@value_class(frozen=True, slots=True)
class Outcome:
    """What came of a row by `verdict`, or of all rows by a step that makes others of them (then there is no verdict).

    Rows in `kept` go on; those in `dropped` carry their drop mark. `flags` and `soft_failures` are what the step found
    in a row, or failed to do for it, that goes on all the same. `made` is what the step said of each new row.
    """

    verdict: Verdict | None
    kept: tuple[Row, ...] = ()
    dropped: tuple[Row, ...] = ()
    flags: tuple[Drop, ...] = ()
    soft_failures: tuple[Drop, ...] = ()
    made: Sequence[Child] | Sequence[Made] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Kept and dropped rows, in the order of `made`."""
        kept, dropped = iter(self.kept), iter(self.dropped)
        made = [next(kept if one.dropped is None else dropped) for one in self.made]
        return (*made, *kept, *dropped)


class RowRun:
    """One row's run through one step."""

    __slots__ = ("_generator", "_step", "_to", "row")

    _generator: StepGenerator
    _to: str

    def __init__(self, step: DecidesRow, row: Row) -> None:
        self._step = step
        self.row = row
        """The row with the answers it got so far in its lineage."""

    def next(self, reply: Answer | Refused | None = None) -> Ask | Outcome:
        """The step's next question, given the answer or refusal of its last (None to begin), or in the end what came
        of the row. Raises only what ends a whole run; any other error of the step ends its row."""
        try:
            if reply is None:
                started = self._step.run_row(self.row)
                if not isinstance(started, GeneratorType):
                    return outcome_of(self._step, self.row, started)
                self._generator = started
                ask: Ask = next(started)
            elif isinstance(reply, Answer):
                name = answer_name(self._step.name, self._to)
                lineage = self.row.lineage.answered(name, reply.model, reply.keys, demo=reply.demo)
                self.row = Row(self.row.columns, lineage)
                ask = self._generator.send(reply)
            else:
                if reply.keys:  # no answer, and paid for all the same
                    name = answer_name(self._step.name, self._to)
                    lineage = self.row.lineage.answered(name, reply.model, reply.keys, demo=False)
                    self.row = Row(self.row.columns, lineage)
                ask = self._generator.throw(reply)
        except StopIteration as end:
            return outcome_of(self._step, self.row, end.value)
        except Refused as error:
            return outcome_of(self._step, self.row, refused(error))
        except BezoarError:
            raise
        except Exception as error:
            return self.fail(error)
        self._to = ask.to
        return ask

    def fail(self, error: Exception) -> Outcome:
        """End the row with an error that came up while it was driven."""
        return outcome_of(self._step, self.row, broken(error))


class WaveRun:
    """The run of all rows through one step that makes rows out of them, asking in waves."""

    def __init__(self, step: MakesRows, rows: Sequence[Row]) -> None:
        self._name = str(step.name)
        self._started = step.run_all(rows)

    def next(self, replies: Sequence[Answer | Refused] | None = None) -> Sequence[Ask] | Outcome:
        """The questions of the next wave, given the answers to the last one (None to begin), or in the end the rows
        that were made."""
        if not isinstance(self._started, Generator):
            return self._made(self._started)
        try:
            return next(self._started) if replies is None else self._started.send(replies)
        except StopIteration as end:
            return self._made(end.value)

    def _made(self, made: Sequence[Made]) -> Outcome:
        return _outcome_made(None, made, [made_row(one, self._name) for one in made])


def outcome_of(step: Any, row: Row, verdict: Any) -> Outcome:
    """What comes of a row by its step's verdict. What is not a verdict is an error of the step, and drops the row.

    A step that makes rows counts candidates: a row of which it could make none is one candidate dropped.
    """
    makes = getattr(step, "makes", False)
    if isinstance(verdict, Kept) and not makes:
        return apply_verdict(row, verdict, step.name)
    if isinstance(verdict, Children) and verdict.rows:
        return _apply_children(row, verdict, verdict.rows, step.name)
    if not isinstance(verdict, Dropped):
        verdict = broken(TypeError(f"{'made no row' if makes else 'gave no verdict'}: {verdict!r:.200}"))
    if makes:
        candidate = Child({column: row.columns.get(column) for column in step.outputs}, dropped=verdict)
        return _apply_children(row, verdict, [candidate], step.name)
    return apply_verdict(row, verdict, step.name)


def apply_verdict(row: Row, verdict: Verdict, step: str) -> Outcome:
    """What comes of a row by a verdict of the step of this name."""
    if isinstance(verdict, Children):
        return _apply_children(row, verdict, verdict.rows, step)
    if isinstance(verdict, Dropped):
        return Outcome(verdict, dropped=(_dropped(row, verdict, step),))
    if verdict.flag is None and verdict.soft_failure is None:
        return Outcome(verdict, (Row(dict(verdict.columns), row.lineage),))
    flags = (_mark(step, verdict.flag),) if verdict.flag else ()
    soft_failures = (_mark(step, verdict.soft_failure),) if verdict.soft_failure else ()
    lineage = row.lineage
    lineage = replace(lineage, flags=lineage.flags + flags, soft_failures=lineage.soft_failures + soft_failures)
    return Outcome(verdict, (Row(dict(verdict.columns), lineage),), (), flags, soft_failures)


def _apply_children(row: Row, verdict: Verdict, children: Sequence[Child], step: str) -> Outcome:
    before = row.lineage.without(step)
    rows: list[Row] = []
    flags: list[Drop] = []
    for k, child in enumerate(children):
        parent = row.id if child.parent is None else rows[child.parent].id
        lineage = (row.lineage if child.asked is None else before).child(step, k, parent)
        for ask, answer in child.asked or ():
            lineage = lineage.answered(answer_name(step, ask.to), answer.model, answer.keys, demo=answer.demo)
        if child.flag is not None and child.dropped is None:
            flags.append(_mark(step, child.flag))
            lineage = replace(lineage, flags=(*lineage.flags, flags[-1]))
        made = Row(dict(child.columns), lineage)
        rows.append(_dropped(made, child.dropped, step) if child.dropped else made)
    return replace(_outcome_made(verdict, children, rows), flags=tuple(flags))


def _outcome_made(verdict: Verdict | None, made: Sequence[Child] | Sequence[Made], rows: Sequence[Row]) -> Outcome:
    kept = tuple(row for row in rows if row.lineage.drop is None)
    return Outcome(verdict, kept, tuple(row for row in rows if row.lineage.drop is not None), made=made)


def made_row(made: Made, step: str) -> Row:
    """The row that a step made out of several others, with its lineage, and with the drop mark if it was dropped."""
    lineage = Lineage.made_from([p.lineage for p in made.parents], step, made.place)
    for answer in made.answers:
        lineage = lineage.answered(step, answer.model, answer.keys, demo=answer.demo)
    row = Row(dict(made.columns), lineage)
    return _dropped(row, made.dropped, step) if made.dropped else row


def _dropped(row: Row, dropped: Dropped, step: str) -> Row:
    return Row(row.columns, row.lineage.dropped(_mark(step, dropped)))


def _mark(step: str, dropped: Dropped) -> Drop:
    return Drop(step, dropped.reason, dropped.detail, dropped.raw, dropped.failed, dropped.facts)
