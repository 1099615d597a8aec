"""What a run may be watched by: the streaming engine calls its observer for what is read, asked and decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.pipeline.compile import Node
from bezoar_data.runs.row import Row
from bezoar_data.steps.driver import Outcome

NOT_SAMPLED = "beyond_preview"
"""Reason of a row that an observer does not want decided. It never reaches a dataset: only a preview has it."""


class Observer:
    """Lets everything pass and remembers nothing. All but `rows` is called on the engine's loop."""

    samples: ClassVar[bool] = False
    """Whether there may be rows that it does not want decided."""

    def rows(self, node: Node, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows of a source that the run is to take, of all its rows. Called in a thread beside the loop."""
        return rows

    def is_sampled(self, node: Node, row: Row) -> bool:
        """Whether a row that comes to a step is to be decided by it; otherwise it is dropped there."""
        return True

    def answered(self, node: Node, row: Row | None, ask: Ask, reply: Answer | Refused) -> None:
        """A question was answered or refused; asked for a row, or in a wave for all of them."""

    def decided(self, node: Node, row: Row, outcome: Outcome) -> None:
        """A step has decided a row."""

    def made(self, node: Node, outcome: Outcome) -> None:
        """A step has made rows out of all rows."""
