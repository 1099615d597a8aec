"""A step that asks one question a row, as a distilabel `Task`: whatever takes a task apart can take these apart too.

Its first question is the prompt, and what it makes of the answer to it is the reading. Asking again is the step's own
`process` alone: there an answer that cannot be read leaves the columns empty, as in distilabel's tasks.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of a task's methods as objects, not as text.

from typing import Any

from distilabel.steps.tasks.base import Task

from bezoar_data.llms.ask import Answer, Ask, Sample
from bezoar_data.llms.reading.answer import read_answer
from bezoar_data.runs.row import Row
from bezoar_data.steps.distilabel_driver import adopted
from bezoar_data.steps.driver import Outcome, RowRun


class AskOnceTask(Task):
    """Behind a `ModelStep` among the bases of a class, makes it a `Task`."""

    def format_input(self, input: dict[str, Any]) -> Any:
        """The messages of the row's question; with the schema of the answer, if it has one. Raises `ValueError` for a
        row that the step drops without asking."""
        _, ask = self._asked(input)
        structure = {"format": "json", "schema": dict(ask.schema)} if ask.schema else None
        return ([*ask.messages], structure) if structure else [*ask.messages]

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """The columns the step makes of an answer to the row's question, all empty if it cannot use it. What any LLM
        says is read as what ours say: without thinking and marks of a template."""
        run, ask = self._asked(input or {})
        said = read_answer(output or "", "stop", {})
        text = (output or "") if said is None else "" if said.error else said.text
        ended = run.next(Answer((Sample(text, "stop", ""),) * ask.n, self.llm.model_name))
        row = ended.kept[0] if isinstance(ended, Outcome) and ended.kept else Row({}, run.row.lineage)
        return {name: row.get(name) for name in self.outputs}

    def _asked(self, columns: dict[str, Any]) -> tuple[RowRun, Ask]:
        run = RowRun(self, adopted(columns, 0))
        ask = run.next()
        if isinstance(ask, Outcome):
            raise ValueError(f"'{self.name}' asks nothing for this row: {ask.verdict}")
        return run, ask
