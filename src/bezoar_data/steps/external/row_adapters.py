"""Adapters for steps that decide row by row: distilabel's row steps and tasks, each row on its own.

A task whose `process` is distilabel's own is taken apart into its prompt and its parser, and runs as fast as our steps
do. Any other runs its own `process`, one row at a time, which is slower: see `threads`.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

import copy
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from distilabel.steps.tasks.base import Task
from distilabel.utils.dicts import group_dicts
from pydantic import Field, NonNegativeInt

from bezoar_data.llms.ask import Answer, Ask
from bezoar_data.runs.row import Columns, Row
from bezoar_data.steps.answering import CUT, TRUNCATED, cut_flag
from bezoar_data.steps.base import Child, Children, Dropped, Kept, ModelStep, RowStep, StepGenerator, Verdict
from bezoar_data.steps.external.adapter import LoadedAdapter
from bezoar_data.steps.external.loading import outputs_of
from bezoar_data.steps.external.threads import Call, RandomState, run_in_thread
from bezoar_data.steps.verdicts import refused

LEFT_OUT = "left_out"
"""Reason of a row that a step took and did not give back."""
UNPARSABLE = "unparsable_answer"


class ExternalStep(LoadedAdapter, RowStep):
    """An external row step that asks no model."""

    @property
    def aside(self) -> bool:
        return True

    def keep_rate(self) -> tuple[float, float]:
        return 0.95, 1.0

    def run_row(self, row: Row) -> StepGenerator | Verdict:
        given = self.renaming.given(copy.deepcopy(row.columns))
        with self._random_state(row).active():
            outs = self._process(given, row)
        return self._verdict(row, outs, None)

    def _random_state(self, row: Row) -> RandomState:
        return RandomState(self.seed, self.settings.get("seed"), str(self.name), row.id)

    def _process(self, given: Columns, row: Row) -> list[Columns]:
        self.fill_seed(self._random_state(row).number)
        return outputs_of(self.step, [given])

    def _verdict(self, row: Row, outs: Sequence[Columns], call: Call | None) -> Verdict:
        """What became of the row: itself, rows made of it, or nothing."""
        nothing = self._nothing(call)
        flag = Dropped(TRUNCATED, CUT) if call is not None and call.cut else None
        made = [
            Child(row.columns, dropped=nothing)
            if call is not None and self.is_empty(out)
            else Child(self.renaming.taken(row.columns, out), flag=flag)
            for out in outs
        ]
        return _as_verdict(made, nothing if call is not None and call.refused else Dropped(LEFT_OUT))

    def _nothing(self, call: Call | None) -> Dropped:
        if call is not None and call.refused is not None:
            return refused(call.refused)
        raw = call.last.text if call is not None and call.last is not None else None
        return Dropped(UNPARSABLE, raw=raw, failed=True)


class ExternalTask(ExternalStep, ModelStep):
    """An external task that runs its own `process`."""

    def run_row(self, row: Row) -> StepGenerator:
        given = self.renaming.given(copy.deepcopy(row.columns))
        outs, call = yield from run_in_thread(lambda: self._process(given, row), self._random_state(row))
        for out in outs:
            if call.last is not None and "model_name" in out:
                out["model_name"] = call.last.model
        return self._verdict(row, outs, call)


class FastTask(ExternalTask):
    """A task taken apart: its prompt is asked, the answer parsed, and asked for again where that gives nothing."""

    retries: NonNegativeInt = Field(default=2, description="How often an unusable answer is asked for again.")
    keep_truncated: bool = Field(
        default=False,
        description="Keep an answer cut by the token limit, flagged as `truncated`, instead of asking again.",
    )

    @property
    def aside(self) -> bool:
        return False

    def run_row(self, row: Row) -> StepGenerator:
        task: Any = self.step
        given = self.renaming.given(row.columns)
        ask = task.llm.question(task.format_input(given), task.num_generations)
        said: list[str] = []
        for attempt in range(self.retries + 1):
            question, before = replace(ask, attempt=attempt), said
            answer = yield question
            said = [sample.text for sample in answer.samples]
            outs = [self._parsed(answer, k, given) for k in range(ask.n)]
            if not all(isinstance(out, Dropped) for out in outs) or (said == before and any(said)):
                break
        return self._settled(row, given, question, answer, outs)

    def _parsed(self, answer: Answer, k: int, given: Columns) -> Columns | Dropped:
        """What the task reads out of one sample, or why it is of no use."""
        sample = answer.samples[k]
        if sample.refusal:
            return Dropped(sample.refusal, failed=True)
        if sample.finish_reason == "length" and not self.keep_truncated:
            return Dropped(TRUNCATED, CUT, raw=sample.text or None, failed=True)
        if not sample.text.strip():
            return Dropped("empty_answer", failed=True)
        try:
            out: Columns = self.step.format_output(sample.text, dict(given))
        except Exception as error:  # a parser that meets what it does not expect
            return Dropped(UNPARSABLE, f"{type(error).__name__}: {error}", raw=sample.text, failed=True)
        if self.is_empty(out):
            return Dropped(UNPARSABLE, raw=sample.text, failed=True)
        return {**out, "model_name": answer.model}

    def _settled(
        self, row: Row, given: Columns, ask: Ask, answer: Answer, outs: Sequence[Columns | Dropped]
    ) -> Verdict:
        usable = [out for out in outs if not isinstance(out, Dropped)]
        if usable and self.step.group_generations:
            usable = [{**group_dicts(*usable), "model_name": answer.model}]
            return Kept(self.renaming.taken(row.columns, {**given, **usable[0]}), flag=cut_flag(*answer.samples))
        made = []
        for out, sample in zip(outs, answer.samples, strict=True):
            asked = ((ask, replace(answer, samples=(sample,))),)
            if isinstance(out, Dropped):
                made.append(Child(row.columns, asked=asked, dropped=out))
            else:
                columns = self.renaming.taken(row.columns, {**given, **out})
                made.append(Child(columns, asked=asked, flag=cut_flag(sample)))
        return _as_verdict(made, Dropped(LEFT_OUT))


def _as_verdict(made: Sequence[Child], none: Dropped) -> Verdict:
    """One row that came of a row is that row; of several, each is a child of it."""
    if not made:
        return none
    if len(made) == 1:
        return made[0].dropped or Kept(made[0].columns, flag=made[0].flag)
    return Children(made)


def is_fast(cls: type[Any]) -> bool:
    """Whether a task can be taken apart: it asks once for each row, by distilabel's own `process`, and no draw decides
    what it asks."""
    if not (issubclass(cls, Task) and cls.process is Task.process):
        return False
    own = [c for c in cls.__mro__ if issubclass(c, Task) and c is not Task]
    return not any(_draws_in(sys.modules[c.__module__]) for c in own)


def _draws_in(module: Any) -> bool:
    names = {getattr(value, "__module__", None) or getattr(value, "__name__", None) for value in vars(module).values()}
    return bool(names & {"random", "numpy", "numpy.random"}) or any(
        getattr(value, "__name__", None) in ("random", "numpy", "numpy.random") for value in vars(module).values()
    )
