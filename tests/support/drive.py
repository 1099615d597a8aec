"""Driving a step's generator by hand: rows made on the spot, answers given in order, questions written down."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.llms.ask import Answer, Ask, Sample
from bezoar_data.runs.row import Lineage, Row
from bezoar_data.steps.base import RowStep, Verdict


def row(position: int = 0, **columns: Any) -> Row:
    return Row(columns, Lineage(id=f"row-{position}", order=(position,)))


def answer(text: str, finish_reason: str = "stop", refusal: str = "") -> Answer:
    return Answer((Sample(text, finish_reason, "key", refusal),), model="scripted")


@dataclass
class Driven:
    """How one row ended, and what was asked on the way."""

    verdict: Verdict
    asks: list[Ask] = field(default_factory=list)


def drive(step: RowStep, given: Row, answers: Sequence[str | Answer] = ()) -> Driven:
    """Run one row to its verdict. Fails if the step asks more often than there are answers."""
    turns = step.run_row(given)
    if not isinstance(turns, Generator):
        return Driven(turns)
    asks: list[Ask] = []
    waiting = [answer(a) if isinstance(a, str) else a for a in answers]
    try:
        asks.append(next(turns))
        while True:
            assert waiting, f"a question too many: {asks[-1]}"
            asks.append(turns.send(waiting.pop(0)))
    except StopIteration as end:
        assert not waiting, f"{len(waiting)} answers were not asked for"
        return Driven(end.value, asks)
