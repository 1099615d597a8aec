"""The streaming engine: every row goes through the DAG on its own, so that no slow row holds up another.

A finished row of one step enters the next at once. Rows in flight are bounded by a window; those that must wait for
others (before a step that needs all rows) and those that are done lie in the spool on disk. Order is given by each
row's lineage, not by time, so the result is the same whatever the concurrency. A failure is data: it ends its own row
with a reason. Only what makes going on senseless (a refused key, a spent budget, a provider away too long) ends the
run, and then the answers in flight are awaited and journalled first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import Any, TypeVar, cast

from bezoar_data.config.errors import BezoarError
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.cut import Cut
from bezoar_data.engine.observer import NOT_SAMPLED, Observer
from bezoar_data.engine.worker_pool import WorkerPool
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.row import Drop, Row
from bezoar_data.runs.spool import Spool
from bezoar_data.steps.base import GlobalMakingStep, GlobalRowStep, RowStep, Source
from bezoar_data.steps.driver import Outcome, RowRun, WaveRun, apply_verdict, outcome_of
from bezoar_data.steps.joins import Union, join, union
from bezoar_data.steps.verdicts import answer_name, broken

GRACE = 30.0
"""Seconds that answers in flight are awaited for when a run is stopped."""

_ASIDE = 1000
"""Rows that a step which runs beside the loop has under way at most: each may hold a thread."""

_CHUNK = 256

_T = TypeVar("_T")


class Interrupted(BezoarError):
    """The user stopped the run. The same command goes on."""

    exit_code = 130


class StreamEngine:
    """Runs one compiled pipeline. `stop` may be called from a signal handler of the loop's."""

    def __init__(
        self,
        compiled: Compiled,
        gateway: Gateway,
        spool: Spool,
        counts: Counts,
        *,
        window: int,
        limit: int | None = None,
        observer: Observer | None = None,
        cut: Cut | None = None,
    ) -> None:
        self._cut = cut
        self._compiled = compiled
        self._gateway = gateway
        self._spool = spool
        self._counts = counts
        self._limit = limit
        self._observer = observer or Observer()
        self._ranks = {node.id: rank for rank, node in enumerate(compiled.nodes)}
        self._pool = WorkerPool(window, self._end)
        self._ending: BaseException | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bezoar-aside")
        self._aside_rows = asyncio.Semaphore(_ASIDE)

    def stop(self) -> None:
        """End the run: no new row starts, answers in flight are awaited for `GRACE` seconds and journalled."""
        self._end(Interrupted("stopped; run the same command again to continue"))

    async def run(self) -> None:
        """Take every row of every source to its end. Raises what ended the run early, if anything did."""
        try:
            self._load()
            cut = self._cut
            if cut is not None and cut.begun is not None:
                await asyncio.to_thread(cut.read, self._spool)
            else:
                await self._from_sources()
            if cut is not None and cut.shard is not None:
                for row, before, node in cut.own_rows(self._spool):
                    await self._pool.start(self._enter(row, before, node))
                await self._drain()
        except BaseException as error:
            self._end(error)
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._ending is not None:
            await self._gateway.stop(GRACE)
            await self._pool.stop()
            raise self._ending
        await self._pool.stop()
        self._spool.flush()

    async def _from_sources(self) -> None:
        for node in self._compiled.sources:
            await self._read(node)
        await self._drain()
        for node in self._compiled.barriers:
            if self._cut is None or self._cut.runs(node):
                await (self._join(node) if node.kind == "join" else self._decide_all(node))
                await self._drain()

    def _end(self, error: BaseException) -> None:
        if self._ending is None:
            self._ending = error
            self._pool.end()

    def _load(self) -> None:
        """Let every step prepare itself; those that ask a model ask through this run's gateway."""
        loop = asyncio.get_running_loop()
        for node in self._compiled.nodes:
            for field in node.roles:
                getattr(node.step, field).bind(self._gateway, loop, node.id)
            node.step.load()

    async def _read(self, node: Node) -> None:
        """Start each row of a source that can be used, as the window allows. Reading happens beside the
        loop."""
        rows = islice(self._observer.rows(node, cast(Source, node.step).rows()), self._limit)
        while not self._ending:
            chunk = await asyncio.to_thread(lambda: list(islice(rows, _CHUNK)))
            if not chunk:
                return
            for row in chunk:
                self._counts.came(node.id)
                await self._go_on(row, node)

    async def _join(self, node: Node) -> None:
        """Put the rows that wait before a join together by id. A row dropped in one branch is gone: the equal rows
        of the other branches are dropped with it, under the reason given there."""
        for _, group in groupby(self._spool.kept(node.id), key=lambda row: row.id):
            rows = list(group)
            self._counts.came(node.id)
            if len(rows) < len(node.after) and self._spool.was_dropped(rows[0].lineage.order):
                self._counts.drop(Drop(node.id, "dropped_in_branch"))
            else:
                await self._go_on(join(rows, node.id, len(node.after)), node)
        self._spool.clear(node.id)
        self._counts.decided(node.id)

    async def _decide_all(self, node: Node) -> None:
        """Let a step that needs all rows decide those that wait before it, and start what goes on."""
        if isinstance(node.step, GlobalMakingStep):
            outcome = await self._make(node.step, list(self._spool.kept(node.id)), node)
            self._observer.made(node, outcome)
            for row in outcome.rows:
                self._counts.came(node.id)
                await self._go_on(row, node)
        else:
            await self._decide_each(cast(GlobalRowStep, node.step), self._waiting(node), node)
        self._spool.clear(node.id)
        self._counts.decided(node.id)

    def _waiting(self, node: Node) -> Sequence[Row]:
        """The rows that wait before a step, without those that the observer does not want decided."""
        rows = self._spool.waiting(node.id)
        if not self._observer.samples:
            return list(rows) if cast(GlobalRowStep, node.step).holds_rows else rows
        sampled = []
        for row in rows:
            if self._is_sampled(row, node):
                sampled.append(row)
            else:
                self._counts.came(node.id)
        return sampled

    async def _decide_each(self, step: GlobalRowStep, rows: Sequence[Row], node: Node) -> None:
        """Take the verdicts as the step gives them, beside the loop, and start what goes on."""
        verdicts = await asyncio.to_thread(lambda: zip(rows, step.run_rows(rows), strict=True))
        while not self._ending:
            chunk = await asyncio.to_thread(lambda: list(islice(verdicts, _CHUNK)))
            if not chunk:
                return
            for row, verdict in chunk:
                self._counts.came(node.id)
                for out in self._end_row(row, outcome_of(step, row, verdict), node):
                    await self._start(out, node)

    async def _make(self, step: GlobalMakingStep, rows: list[Row], node: Node) -> Outcome:
        """Make rows out of all rows: wave after wave of questions, each answered as a whole."""
        run = WaveRun(step, rows)
        said = await asyncio.to_thread(run.next)
        while not isinstance(said, Outcome):
            replies: dict[int, Answer | Refused] = {}
            for i, ask in enumerate(said):
                await self._pool.start(self._answer(ask, node, replies, i))
            await self._drain()
            for i, ask in enumerate(said):
                self._observer.answered(node, None, ask, replies[i])
            said = await asyncio.to_thread(run.next, [replies[i] for i in range(len(said))])
        return said

    async def _answer(self, ask: Ask, node: Node, replies: dict[int, Answer | Refused], i: int) -> None:
        """Get one question of a wave answered: a refusal is an answer too."""
        try:
            replies[i] = await self._gateway.ask(cast(str, node.role), ask, step=node.id, shielded=False)
        except Refused as error:
            replies[i] = error

    async def _go_on(self, row: Row, node: Node) -> None:
        """A row that a source gave, a step made or a join put together goes on, unless it carries a drop mark."""
        if row.lineage.drop is not None:
            self._drop(row)
        else:
            self._counts.went(node.id)
            await self._start(row, node)

    async def _start(self, row: Row, node: Node) -> None:
        await self._pool.start(self._leave(row, node))

    async def _drain(self) -> None:
        await self._pool.drain()
        if self._ending:
            raise self._ending

    async def _leave(self, row: Row, node: Node) -> None:
        """A row goes on from `node`: into each step that follows, or out of the pipeline."""
        if not node.following:
            self._spool_row(row, node)
        elif len(node.following) == 1:
            await self._enter(row, node, self._compiled.node(node.following[0]))
        else:
            await asyncio.gather(*(self._enter(row, node, self._compiled.node(name)) for name in node.following))

    async def _enter(self, row: Row, before: Node, node: Node) -> None:
        if self._cut is not None and self._cut.holds(self._spool, row, before, node):
            return
        if node.is_barrier:
            self._counts.wait(node.id)
            self._spool.keep(row, node.id, node.after.index(before.id))
            return
        self._counts.came(node.id)
        if node.kind == "union":
            self._counts.went(node.id)
            branch = node.after.index(before.id)
            await self._leave(union(row, node.id, branch, shared=cast(Union, node.step).shared), node)
            return
        if not self._is_sampled(row, node):
            return
        run = RowRun(cast(RowStep, node.step), row)
        if not node.step.aside:
            outcome = await self._decide(run, node)
        else:
            async with self._aside_rows:
                outcome = await self._decide(run, node, aside=True)
        outs = self._end_row(run.row, outcome, node)
        if len(outs) == 1:
            await self._leave(outs[0], node)
        elif outs:
            await asyncio.gather(*(self._leave(out, node) for out in outs))

    async def _decide(self, run: RowRun, node: Node, *, aside: bool = False) -> Outcome:
        """Run a row through a step: get its questions answered until it is decided."""
        reply: Answer | Refused | None = None
        while True:
            # Beside the loop, on one thread: such steps are not made to run twice at once.
            said = await self._aside(run.next, reply) if aside else run.next(reply)
            if isinstance(said, Outcome):
                return said
            try:
                if said.to not in node.roles:
                    raise TypeError(f"step '{node.id}' asks '{said.to}', which is none of its models")
                name = answer_name(node.id, said.to)
                reply = await self._gateway.ask(node.roles[said.to], said, step=name, shielded=False)
            except Refused as error:
                reply = error
            except BezoarError:
                raise
            except Exception as error:
                return run.fail(error)
            self._observer.answered(node, run.row, said, reply)

    async def _aside(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _is_sampled(self, row: Row, node: Node) -> bool:
        if self._observer.is_sampled(node, row):
            return True
        self._drop(Row(row.columns, row.lineage.dropped(Drop(node.id, NOT_SAMPLED))))
        return False

    def _end_row(self, row: Row, outcome: Outcome, node: Node) -> tuple[Row, ...]:
        """Count and spool what was dropped; give back the rows that go on."""
        self._observer.decided(node, row, outcome)
        for _ in outcome.made[1:]:
            self._counts.came(node.id)  # of rows made of one, each counts as one that came; the first came already
        for dropped in outcome.dropped:
            self._drop(dropped)
        for failure in outcome.soft_failures:
            self._counts.soft_failure(failure)
        for flag in outcome.flags:
            self._counts.flag(flag, row.lineage)
        self._counts.went(node.id, len(outcome.kept))
        return outcome.kept

    def _drop(self, row: Row) -> None:
        assert row.lineage.drop is not None  # noqa: S101
        self._counts.drop(row.lineage.drop, row.lineage)
        self._spool.drop(row, self._ranks[row.lineage.drop.step])

    def _spool_row(self, row: Row, node: Node) -> None:
        try:
            self._spool.keep(row)
        except TypeError as error:
            text = {name: repr(value) for name, value in row.columns.items()}
            for dropped in apply_verdict(Row(text, row.lineage), broken(error), node.id).dropped:
                self._drop(dropped)
