"""Listening to the steps of a pipeline while the streaming engine drives them: for the preview of a few rows.

A step of ours is a generator or a function over rows, so whoever stands between it and the engine hears everything:
what it asked, what came back, what it decided. Here also is decided who gets through: of each source only the first few
rows reach a model, and of rows made out of many only the first few go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, cast

from bezoar_data.llms.ask import Answer, Ask, Message, Refused
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.row import Columns, Row
from bezoar_data.steps.base import GlobalMakingStep
from bezoar_data.steps.verdicts import (
    OVER_TARGET,
    Children,
    Dropped,
    Kept,
    Made,
    Turns,
    Verdict,
    Waves,
    as_made,
    broken,
    refused,
    settle,
    settle_made,
)

BEYOND = "beyond_preview"
"""Reason of a row that is not among the few. It is never shown or counted."""

READ = 20_000
"""The most rows read from a source whose rows a step must see all before the first model is asked."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and what came back: the `n` raw answers, or why it was refused."""

    role: str
    messages: Sequence[Message]
    attempt: int = 0
    model: str = ""
    answers: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(slots=True)
class Visit:
    """A row at a step: what was asked for it, what was decided, the columns that the step wrote or changed, those it
    took away."""

    step: str
    verdict: str
    """`kept`, `dropped`, or `made` where other rows came of this one."""
    reason: str = ""
    detail: str = ""
    raw: str | None = None
    exchanges: Sequence[Exchange] = ()
    columns: Columns = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@dataclass(slots=True)
class Story:
    """What is known of one row: as it came or was made, and what happened to it, in the order it happened."""

    row: Row
    made_by: str = ""
    visits: list[Visit] = field(default_factory=list)


class Listener:
    """Stands between the steps of one compiled pipeline and its engine. `most` rows of each source are let through."""

    def __init__(self, compiled: Compiled, most: int) -> None:
        self.stories: dict[str, Story] = {}
        self.capped: set[str] = set()
        """Sources of which more than `READ` rows would have had to be read."""
        self._most = most
        self._roots: dict[str, str] = {}
        """The row of a source, or the one made out of many, that a row descends from, by their ids."""
        self._origins: dict[str, str] = {}
        """The step where a root came from."""
        self._admitted: set[str] = set()
        self._by_origin: Counter[str] = Counter()
        self._said: dict[str, Exchange] = {}
        """What was asked for an answer, by the answer's key."""
        self._deciding = Lock()  # some steps run in threads beside the engine's loop
        for node in compiled.nodes:
            self._stand_before(node, compiled)

    def admitted(self, row: Row) -> bool:
        """Whether a row is one of the few; while there is room, it becomes one."""
        with self._deciding:
            root = self._root(row)
            if root in self._admitted:
                return True
            origin = self._origins.get(root, "")
            if self._by_origin[origin] >= self._most:
                self.stories.pop(row.id, None)
                return False
            self._by_origin[origin] += 1
            self._admitted.add(root)
            return True

    def shown(self) -> dict[str, Story]:
        """The stories of the rows let through and of those that came of them."""
        return {i: story for i, story in self.stories.items() if self._root(story.row) in self._admitted}

    def lost(self) -> Iterator[Story]:
        """Of the rows dropped before they came to a model: for each step and reason, the first."""
        seen: set[tuple[str, str]] = set()
        for story in sorted(self.stories.values(), key=lambda s: s.row.lineage.order):
            last = story.visits[-1] if story.visits else None
            if last is None or last.verdict != "dropped" or self._root(story.row) in self._admitted:
                continue
            if (last.step, last.reason) not in seen:
                yield story
            seen.add((last.step, last.reason))

    def _root(self, row: Row) -> str:
        if row.id not in self._roots:
            # A row that a union gave an id of its own descends from the row it was.
            parents = row.lineage.parent_ids
            self._roots[row.id] = self._roots.get(parents[0], row.id) if len(parents) == 1 else row.id
        return self._roots[row.id]

    def _stand_before(self, node: Node, compiled: Compiled) -> None:
        step = node.step
        gate = node.role is not None or (node is compiled.last and not node.is_barrier)
        if node.is_source:
            _put(step, "rows", self._source(node, step.rows, _wanted_whole(node, compiled)))
        elif isinstance(step, GlobalMakingStep):
            step.at_most(self._most)
            _put(step, "run_all", self._maker(node, step.run_all))
        elif node.kind == "global":
            _put(step, "run_rows", self._whole(node, step.run_rows, gate))
        elif node.kind in ("row", "model"):
            _put(step, "run_row", self._single(node, step.run_row, gate))

    def _source(self, node: Node, rows: Callable[[], Iterator[Row]], whole: bool) -> Callable[[], Iterator[Row]]:
        def listened() -> Iterator[Row]:
            for count, row in enumerate(rows()):
                if count >= READ:
                    self.capped.add(node.id)
                if count >= READ or (not whole and self._by_origin[node.id] >= self._most):
                    return
                self._roots[row.id] = row.id
                self._origins[row.id] = node.id
                if (mark := row.lineage.drop) is not None:
                    visit = Visit(node.id, "dropped", mark.reason, mark.detail, mark.raw)
                    self.stories[row.id] = Story(row, visits=[visit])
                yield row

        return listened

    def _single(self, node: Node, run_row: Callable[[Row], Turns], gate: bool) -> Callable[[Row], Turns]:
        def listened(row: Row) -> Turns:
            if gate and not self.admitted(row):
                return Dropped(BEYOND)
            exchanges: list[Exchange] = []
            verdict: Verdict
            try:
                verdict = yield from self._talk(run_row(row), node, exchanges)
            except Refused as error:
                self._decided(node, row, refused(error), exchanges)
                raise
            except Exception as error:
                self._decided(node, row, broken(error), exchanges)
                raise
            self._decided(node, row, verdict, exchanges)
            return verdict

        return listened

    def _talk(self, turns: Turns, node: Node, exchanges: list[Exchange]) -> Turns:
        try:
            ask = next(turns)
            while True:
                try:
                    answer = yield ask
                except Refused as error:
                    exchanges.append(self._exchange(node, ask, error))
                    ask = turns.throw(error)
                else:
                    exchanges.append(self._exchange(node, ask, answer))
                    ask = turns.send(answer)
        except StopIteration as end:
            return cast(Verdict, end.value)

    def _whole(
        self, node: Node, run_rows: Callable[[Sequence[Row]], Iterable[Verdict]], gate: bool
    ) -> Callable[[Sequence[Row]], Iterable[Verdict]]:
        asks = gate and node.role is not None

        def listened(rows: Sequence[Row]) -> Iterable[Verdict]:
            few = [row for row in rows if not asks or self.admitted(row)]
            verdicts = dict(zip((row.id for row in few), run_rows(few), strict=True))
            for row in few:
                self._decided(node, row, verdicts[row.id], ())
            return [verdicts.get(row.id, Dropped(BEYOND)) for row in rows]

        return listened

    def _maker(self, node: Node, run_all: Callable[[Sequence[Row]], Waves]) -> Callable[[Sequence[Row]], Waves]:
        def listened(rows: Sequence[Row]) -> Waves:
            waves = run_all(rows)
            try:
                asks = next(waves)
                while True:
                    answers = yield asks
                    for ask, answer in zip(asks, answers, strict=True):
                        self._exchange(node, ask, answer)
                    asks = waves.send(answers)
            except StopIteration as end:
                made: Sequence[Made] = end.value
            for one in made:
                self._made(node, one)
            return made

        return listened

    def _made(self, node: Node, made: Made) -> None:
        row = settle_made(made, node.id)
        self._roots[row.id] = row.id
        self._origins[row.id] = node.id
        if made.dropped is None and all(self._root(p) in self._admitted for p in made.parents):
            self._admitted.add(row.id)
        elif made.dropped is None:
            self.admitted(row)
        elif made.dropped.reason == OVER_TARGET:
            return
        visit = _birth(node.id, row, made.dropped, self._exchanges_of(made.answers))
        self.stories[row.id] = Story(row, node.id, [visit])

    def _decided(self, node: Node, row: Row, verdict: Verdict, exchanges: Sequence[Exchange]) -> None:
        story = self.stories.setdefault(row.id, Story(row))
        verdict = as_made(node.step, row, verdict)
        if not isinstance(verdict, Children):
            story.visits.append(_visit(node.id, row.columns, verdict, exchanges))
            return
        # What was asked for one child stands with it, what was asked for all of them with the row.
        shared = any(child.asked is None for child in verdict.rows)
        went = sum(child.dropped is None for child in verdict.rows)
        detail = f"of {len(verdict.rows)} made of it {went} kept"
        story.visits.append(Visit(node.id, "made", detail=detail, exchanges=exchanges if shared else ()))
        for child, out in zip(verdict.rows, settle(row, verdict, node.id), strict=True):
            self._roots[out.id] = self._root(row)
            asked = self._exchanges_of([answer for _, answer in child.asked or ()])
            self.stories[out.id] = Story(out, node.id, [_birth(node.id, out, child.dropped, asked)])

    def _exchanges_of(self, answers: Sequence[Answer]) -> tuple[Exchange, ...]:
        keys = (key for answer in answers for key in answer.keys)
        return tuple({id(e): e for key in keys if (e := self._said.get(key))}.values())

    def _exchange(self, node: Node, ask: Ask, outcome: Answer | Refused) -> Exchange:
        role = node.roles.get(ask.to, "")
        if isinstance(outcome, Refused):
            return Exchange(role, ask.messages, ask.attempt, refused=f"{outcome.reason}: {outcome.detail}")
        texts = tuple(sample.text for sample in outcome.samples)
        reasons = tuple(sample.finish_reason for sample in outcome.samples)
        exchange = Exchange(role, ask.messages, ask.attempt, outcome.model, texts, reasons)
        self._said.update(dict.fromkeys(outcome.keys, exchange))
        return exchange


def _visit(step: str, before: Columns, verdict: Kept | Dropped, exchanges: Sequence[Exchange]) -> Visit:
    if isinstance(verdict, Dropped):
        return Visit(step, "dropped", verdict.reason, verdict.detail, verdict.raw, exchanges)
    after = verdict.columns
    changed = {name: value for name, value in after.items() if name not in before or not _same(before[name], value)}
    gone = tuple(name for name in before if name not in after)
    return Visit(step, "kept", exchanges=exchanges, columns=changed, gone=gone)


def _birth(step: str, row: Row, dropped: Dropped | None, exchanges: Sequence[Exchange]) -> Visit:
    """The visit in which a row was made: all its columns are the step's, also of a candidate that was sorted out."""
    if dropped is None:
        return Visit(step, "kept", exchanges=exchanges, columns=row.columns)
    return Visit(step, "dropped", dropped.reason, dropped.detail, dropped.raw, exchanges, row.columns)


def _same(before: Any, after: Any) -> bool:
    if before is after:
        return True
    try:
        return bool(before == after)
    except Exception:  # arrays of several values are neither equal nor not
        return False


def _put(step: Any, method: str, by: Callable[..., Any]) -> None:
    """Let this one step object answer to `method` otherwise. Not a wrapper around it: the engine tells steps apart by
    their class."""
    object.__setattr__(step, method, by)


def _wanted_whole(source: Node, compiled: Compiled) -> bool:
    """Whether some step must see all rows of a source before a model is asked: what it decides, or draws from, is then
    what it is in the whole run, so that the questions are too."""
    waiting, seen = list(source.following), set()
    while waiting:
        node = compiled.node(waiting.pop())
        if node.kind == "global":
            return True
        if node.role is None and node.id not in seen:
            waiting += node.following
        seen.add(node.id)
    return False
