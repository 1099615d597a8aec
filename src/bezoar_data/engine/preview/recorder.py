"""Recording a run of a few rows for the preview: what was asked, what came back, what was decided.

Here also is decided which rows are the few: of each source only the first ones reach a model, and of rows made out of
many only the first few go on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from bezoar_data.engine.observer import Observer
from bezoar_data.llms.ask import Answer, Ask, Message, Refused
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.row import Columns, Drop, Row
from bezoar_data.steps.driver import Outcome
from bezoar_data.steps.verdicts import OVER_TARGET, Child, Made

READ = 20_000
"""The most rows read from a source whose rows a step must see all before the first model is asked."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One question and what came back: the `n` raw answers, or why it was refused."""

    role: str
    messages: Sequence[Message]
    attempt: int = 0
    model: str = ""
    answers: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(slots=True)
class StepTrace:
    """A row at a step: what was asked for it, what was decided, the columns that the step wrote or changed, those it
    took away."""

    step: str
    verdict: str
    """`kept`, `dropped`, or `made` where other rows came of this one."""
    reason: str = ""
    detail: str = ""
    raw: str | None = None
    calls: Sequence[ModelCall] = ()
    columns: Columns = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@dataclass(slots=True)
class RowTrace:
    """What is known of one row: as it came or was made, and what happened to it, in the order it happened."""

    row: Row
    made_by: str = ""
    steps: list[StepTrace] = field(default_factory=list)


class TraceRecorder(Observer):
    """Records a run of one compiled pipeline. `most` rows of each source are sampled."""

    samples: ClassVar[bool] = True

    def __init__(self, compiled: Compiled, most: int) -> None:
        self.traces: dict[str, RowTrace] = {}
        self.capped: set[str] = set()
        """Sources of which more than `READ` rows would have had to be read."""
        self._compiled = compiled
        self._most = most
        self._roots: dict[str, str] = {}
        """The row of a source, or the one made out of many, that a row descends from, by their ids."""
        self._origins: dict[str, str] = {}
        """The step where a root came from."""
        self._sampled: set[str] = set()
        self._by_origin: Counter[str] = Counter()
        self._asked: dict[tuple[str, str], list[ModelCall]] = defaultdict(list)
        """What was asked for a row that a step has not decided yet, by step and row."""
        self._by_key: dict[str, ModelCall] = {}
        """What was asked for an answer, by the answer's key."""

    def sample(self, row: Row) -> bool:
        """Whether a row is one of the few; while there is room, it becomes one."""
        root = self._root(row)
        if root in self._sampled:
            return True
        origin = self._origins.get(root, "")
        if self._by_origin[origin] >= self._most:
            self.traces.pop(row.id, None)
            return False
        self._by_origin[origin] += 1
        self._sampled.add(root)
        return True

    def shown(self) -> dict[str, RowTrace]:
        """The traces of the sampled rows and of those that came of them."""
        return {i: trace for i, trace in self.traces.items() if self._root(trace.row) in self._sampled}

    def lost(self) -> Iterator[RowTrace]:
        """Of the rows dropped before they came to a model: for each step and reason, the first."""
        seen: set[tuple[str, str]] = set()
        for trace in sorted(self.traces.values(), key=lambda s: s.row.lineage.order):
            last = trace.steps[-1] if trace.steps else None
            if last is None or last.verdict != "dropped" or self._root(trace.row) in self._sampled:
                continue
            if (last.step, last.reason) not in seen:
                yield trace
            seen.add((last.step, last.reason))

    def _root(self, row: Row) -> str:
        if row.id not in self._roots:
            # A row that a union gave an id of its own descends from the row it was.
            parents = row.lineage.parent_ids
            self._roots[row.id] = self._roots.get(parents[0], row.id) if len(parents) == 1 else row.id
        return self._roots[row.id]

    # Called by the engine.

    def rows(self, node: Node, rows: Iterator[Row]) -> Iterator[Row]:
        whole = _wanted_whole(node, self._compiled)
        for count, row in enumerate(rows):
            if count >= READ:
                self.capped.add(node.id)
            if count >= READ or (not whole and self._by_origin[node.id] >= self._most):
                return
            self._roots[row.id] = row.id
            self._origins[row.id] = node.id
            if row.lineage.drop is not None:
                self.traces[row.id] = RowTrace(row, steps=[_dropped(row)])
            yield row

    def is_sampled(self, node: Node, row: Row) -> bool:
        gate = node.role is not None or (node is self._compiled.last and not node.is_barrier)
        return not gate or self.sample(row)

    def answered(self, node: Node, row: Row | None, ask: Ask, reply: Answer | Refused) -> None:
        role = node.roles.get(ask.to, "")
        if isinstance(reply, Refused):
            call = ModelCall(role, ask.messages, ask.attempt, refused=f"{reply.reason}: {reply.detail}")
        else:
            texts = tuple(sample.text for sample in reply.samples)
            reasons = tuple(sample.finish_reason for sample in reply.samples)
            call = ModelCall(role, ask.messages, ask.attempt, reply.model, texts, reasons)
            self._by_key.update(dict.fromkeys(reply.keys, call))
        if row is not None:
            self._asked[node.id, row.id].append(call)

    def decided(self, node: Node, row: Row, outcome: Outcome) -> None:
        calls = self._asked.pop((node.id, row.id), [])
        trace = self.traces.setdefault(row.id, RowTrace(row))
        if not outcome.made:
            trace.steps.append(_step_trace(node.id, row.columns, outcome, calls))
            return
        # What was asked for one child is recorded with it, what was asked for all of them with the row.
        children = cast("Sequence[Child]", outcome.made)
        shared = any(child.asked is None for child in children)
        detail = f"of {len(children)} made of it {len(outcome.kept)} kept"
        trace.steps.append(StepTrace(node.id, "made", detail=detail, calls=calls if shared else ()))
        for child, out in zip(children, outcome.rows, strict=True):
            self._roots[out.id] = self._root(row)
            asked = self._calls_of([answer for _, answer in child.asked or ()])
            self.traces[out.id] = RowTrace(out, node.id, [_made(node.id, out, asked)])

    def made(self, node: Node, outcome: Outcome) -> None:
        for made, row in zip(cast("Sequence[Made]", outcome.made), outcome.rows, strict=True):
            self._roots[row.id] = row.id
            self._origins[row.id] = node.id
            if made.dropped is None and all(self._root(p) in self._sampled for p in made.parents):
                self._sampled.add(row.id)
            elif made.dropped is None:
                self.sample(row)
            elif made.dropped.reason == OVER_TARGET:
                continue
            self.traces[row.id] = RowTrace(row, node.id, [_made(node.id, row, self._calls_of(made.answers))])

    def _calls_of(self, answers: Sequence[Answer]) -> tuple[ModelCall, ...]:
        keys = (key for answer in answers for key in answer.keys)
        return tuple({id(call): call for key in keys if (call := self._by_key.get(key))}.values())


def _step_trace(step: str, before: Columns, outcome: Outcome, calls: Sequence[ModelCall]) -> StepTrace:
    if not outcome.kept:
        return _dropped(outcome.dropped[0], calls)
    after = outcome.kept[0].columns
    changed = {name: value for name, value in after.items() if name not in before or not _same(before[name], value)}
    gone = tuple(name for name in before if name not in after)
    return StepTrace(step, "kept", calls=calls, columns=changed, gone=gone)


def _made(step: str, row: Row, calls: Sequence[ModelCall]) -> StepTrace:
    """The step in which a row was made: all its columns are the step's, also of a candidate that was dropped."""
    if row.lineage.drop is not None:
        return _dropped(row, calls, row.columns)
    return StepTrace(step, "kept", calls=calls, columns=row.columns)


def _dropped(row: Row, calls: Sequence[ModelCall] = (), columns: Columns | None = None) -> StepTrace:
    mark = cast(Drop, row.lineage.drop)
    return StepTrace(mark.step, "dropped", mark.reason, mark.detail, mark.raw, calls, columns or {})


def _same(before: Any, after: Any) -> bool:
    if before is after:
        return True
    try:
        return bool(before == after)
    except Exception:  # arrays of several values are neither equal nor not
        return False


def _wanted_whole(source: Node, compiled: Compiled) -> bool:
    """Whether some step must see all rows of a source before a model is asked: what it decides, or draws from, is then
    what it is in the whole run, so that the questions are too."""
    later = compiled.descendants(source.id)
    return any(
        node.kind == "global" and node.id in later and not after_model(node, compiled) for node in compiled.nodes
    )


def after_model(node: Node, compiled: Compiled) -> bool:
    """Whether a model is asked before a step."""
    return any(compiled.node(name).role is not None for name in compiled.ancestors(node.id))
