"""What a step says of a row: its verdict, and the reason codes that are not a step's own. Values only."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from bezoar_data.config.value_class import value_class
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import Columns, Row


@value_class(frozen=True, slots=True)
class Dropped:
    """The row ends here. `reason` is a code people count by; `detail` explains this one; `raw` is a model's text.

    `failed=True` says that something went wrong, as against a row dropped on purpose: it counts against `tolerate`.
    `facts` are JSON's values for a report.
    """

    reason: str
    detail: str = ""
    raw: str | None = None
    failed: bool = False
    facts: Mapping[str, Any] | None = None


@value_class(frozen=True, slots=True)
class Kept:
    """The row goes on as itself, with these columns.

    `soft_failure` says what the step failed to do for it, where the row is worth keeping all the same: it is recorded
    in the row's lineage, and counts against `tolerate` if it is marked as failed. `flag` says what the step found in a
    row that it would otherwise have dropped.
    """

    columns: Columns
    soft_failure: Dropped | None = None
    flag: Dropped | None = None


@value_class(frozen=True, slots=True)
class Child:
    """A row that a step made from the one it was given, or (`dropped`) a candidate for one that was not kept.

    `parent` is the place of an earlier child of the same verdict that this one was made from; None: the row itself.
    `asked` holds the questions and answers it came of; None: all that were asked for the row. `flag` is as in `Kept`.
    """

    columns: Columns
    parent: int | None = None
    asked: Sequence[tuple[Ask, Answer]] | None = None
    dropped: Dropped | None = None
    flag: Dropped | None = None


@value_class(frozen=True, slots=True)
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

StepGenerator = Generator[Ask, Answer, Verdict]
"""What `run_row` of a step that asks is: yields questions, is sent answers, returns a verdict."""


@value_class(frozen=True, slots=True)
class Made:
    """A row made out of several others, or (`dropped`) a candidate for one that was not kept.

    `parents` are the rows it was made from, `answers` what models said for it. `place` is its number among all that
    the step makes: together with the parents it is the row's identity, so it must not depend on time.
    """

    parents: Sequence[Row]
    place: tuple[int, ...]
    columns: Columns
    answers: Sequence[Answer] = ()
    dropped: Dropped | None = None


Waves = Generator[Sequence[Ask], Sequence[Answer | Refused], Sequence[Made]]
"""What `run_all` of a step that asks is: yields a wave of questions, is sent the answer or refusal of each, returns
what it made."""

TAKEN_IN = "taken_in"
"""Reason code of a row that a step which makes rows took in as material. It marks the row under distilabel's runners
only, where no row may vanish, and never reaches a dataset. Its detail is the number of rows made of that row alone."""

OVER_TARGET = "over_target"
"""Reason code of a candidate beyond the number of rows that a step is to make: nothing else speaks against it."""


def refused(error: Refused) -> Dropped:
    """The verdict on a row whose request the provider refused and whose step did not handle it."""
    return Dropped(reason=error.reason, detail=error.detail, raw=error.text, failed=True)


def broken(error: Exception) -> Dropped:
    """The verdict on a row that made its step raise: a bug in the step, or a column it did not expect."""
    return Dropped(reason=STEP_ERROR, detail=f"{type(error).__name__}: {error}", failed=True)


def answer_name(step: str, to: str) -> str:
    """The name a step's answers stand under in journal and lock."""
    return step if to == "llm" else f"{step}.{to}"
