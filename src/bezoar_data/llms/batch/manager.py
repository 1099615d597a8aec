"""The way of batches: handed in, waited for, collected, delivered to those who wait; and found again after a kill.

Each batch has a task of its own here, also those that an earlier run left behind.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.files.models import Batching
from bezoar_data.config.problems import Problem
from bezoar_data.llms.batch.api import BatchAPI, Look
from bezoar_data.llms.batch.batched_request import BatchedRequest, InflightBatch
from bezoar_data.llms.batch.collect import Collecting
from bezoar_data.llms.batch.retry import BatchWatch
from bezoar_data.llms.batch.store import COLLECTED, INTENDED, WORKING, Batch, BatchLock, BatchStore, Item
from bezoar_data.llms.providers.base import Refusal, Request, Transient
from bezoar_data.llms.redact import redact

_SLICE = 1000
"""So many results are read and delivered together."""
_GROWTH = 1.5
_FIRST_LOOK = 1 / 12
"""The first look at a batch comes after this share of the longest wait."""
_DELIVER_WITHIN = 60.0


class BatchManager:
    """All batches of one endpoint that are on their way. `put_back` gets requests whose batch never came to be;
    `answered` says whether the journal has the answer to a key asked with so many tokens."""

    def __init__(
        self,
        api: BatchAPI,
        store: BatchStore,
        turn: BatchLock,
        watch: BatchWatch,
        settings: Batching,
        put_back: Callable[[Sequence[BatchedRequest]], None],
        answered: Callable[[str, int | None], bool],
    ) -> None:
        self._api = api
        self._store = store
        self._turn = turn
        self._watch = watch
        self._settings = settings
        self._put_back = put_back
        self._answered = answered
        self._known: dict[tuple[str, int | None], Item] = {}
        self._seen = 0
        self._journeys: dict[int, InflightBatch] = {}
        self._handing: asyncio.Task[None] | None = None
        self._delivered: list[BatchedRequest] = []

    async def begin(self) -> None:
        """Take up what earlier runs left on its way."""
        async with self._turn.taken():
            await asyncio.to_thread(self._store.purge)
        for batch in await asyncio.to_thread(self._store.open):
            self._journeys[batch.id] = InflightBatch(batch)
        self._learn(await asyncio.to_thread(self._store.items))
        for journey in self._journeys.values():
            self._tend(journey)

    async def close(self, within: float) -> None:
        """End what goes on here, and say what goes on at the provider."""
        if self._handing is not None:
            await asyncio.wait({self._handing}, timeout=within)
        tasks = [t for t in (self._handing, *(j.task for j in self._journeys.values())) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._clear()
        left = [j.batch for j in self._journeys.values() if j.units and j.batch.state != COLLECTED]
        if left:
            requests = sum(batch.requests for batch in left)
            batches = f"{len(left)} batch{'' if len(left) == 1 else 'es'}"
            self._watch.tell(
                f"still working on {batches} with {_requests(requests)}", then="the same command collects what is ready"
            )
        await asyncio.to_thread(self._store.close)

    def state(self) -> dict[str, Any]:
        """How many batches are out, with how many requests, and since when."""
        out = [j.batch for j in self._journeys.values() if j.batch.state != COLLECTED]
        first = min((batch.created_at for batch in out), default=None)
        return {
            "batches": len(out),
            "requests in batches": sum(batch.requests for batch in out),
            "since": first and time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first)),
        }

    def item_for(self, key: str, max_tokens: int | None) -> Item | None:
        """The request on its way that brings this answer."""
        return self._known.get((key, max_tokens))

    def join(self, item: Item, request: Request) -> BatchedRequest:
        """Wait for a request that is on its way."""
        journey = self._journeys.get(item.batch)
        if journey is None:
            journey = self._journeys[item.batch] = InflightBatch(Batch(item.batch, "", None, COLLECTED, 0, time.time()))
        unit = journey.units.get(item.id)
        if unit is None or unit.over:
            unit = BatchedRequest(request, item.keys, item.max_tokens)
            unit.item = item
            journey.units[item.id] = unit
        journey.joined.set()
        self._tend(journey)
        return unit

    def fail(self, error: BezoarError) -> None:
        for journey in self._journeys.values():
            for unit in journey.units.values():
                unit.fail(error)

    async def hand_in(self, units: Sequence[BatchedRequest]) -> None:
        """Make a batch of these, unless another run has them on their way."""
        self._handing = asyncio.create_task(self._hand_in(units))
        try:
            # Shielded: a run that ends lets this end first, to hear the batch's name.
            await asyncio.shield(self._handing)
        finally:
            if self._handing.done():
                self._handing = None

    async def _hand_in(self, units: Sequence[BatchedRequest]) -> None:
        nonce = f"bz{secrets.token_hex(10)}"
        async with self._turn.taken():
            for unit in units:
                # Another run may have been answered while these were gathered: its batch is no longer on its way.
                if all(self._answered(key, unit.max_tokens) for key in unit.keys):
                    unit.tell(BatchedRequest.ELSEWHERE)
            units = [unit for unit in units if not unit.over]
            wanted = [(unit.keys, unit.max_tokens) for unit in units]
            theirs, ours = await asyncio.to_thread(self._store.intend, nonce, wanted, self._seen)
            self._learn(theirs)
            by_keys = {(item.keys, item.max_tokens): item for item in ours}
            mine: list[BatchedRequest] = []
            for unit in units:
                unit.item = by_keys.get((unit.keys, unit.max_tokens))
                if unit.item is None:
                    unit.tell(BatchedRequest.AGAIN)
                else:
                    mine.append(unit)
            if not mine:
                return
            batch = Batch(ours[0].batch, nonce, None, INTENDED, len(ours), time.time())
            journey = self._journeys[batch.id] = InflightBatch(
                batch, {u.item.id: u for u in mine if u.item is not None}
            )
            self._learn(ours)
            try:
                remote = await self._submit(batch, mine)
            except Transient:
                pass  # it may exist: whoever tends the batch looks for it
            except Refusal as refusal:
                await asyncio.to_thread(self._store.forget, batch.id)
                hint = "nothing of it was handed in: correct what it names, then run the same command again"
                message = f"{self._api.provider.address} does not take the batch: {refusal}"
                raise InputError(Problem("batch-refused", message, hint=hint)) from refusal
            except BezoarError:
                await asyncio.to_thread(self._store.forget, batch.id)
                raise
            else:
                await self._named(journey, remote)
        self._tend(journey)

    async def _submit(self, batch: Batch, units: Sequence[BatchedRequest]) -> str:
        """Hand a batch in; its name there. Raises `Transient` when it may or may not exist."""
        names = [f"{batch.nonce}-{unit.item.number}" for unit in units if unit.item is not None]
        lines = await asyncio.to_thread(
            lambda: [self._api.line(name, unit.request) for name, unit in zip(names, units, strict=True)]
        )
        prepared = await self._watch.insist(lambda: self._api.prepare(batch.nonce, lines))
        tries = 0
        while True:
            if self._watch.ended is not None:
                raise self._watch.ended
            try:
                return await self._watch.once(lambda: self._api.hand_in(batch.nonce, prepared, lines))
            except Transient as failure:
                if failure.cause not in ("rate_limited", "connection"):
                    raise
                tries += 1
                await self._watch.wait(failure, tries)

    async def _named(self, journey: InflightBatch, remote: str) -> None:
        batch = journey.batch
        await asyncio.to_thread(self._store.handed_in, batch.id, remote)
        journey.batch = Batch(batch.id, batch.nonce, remote, WORKING, batch.requests, batch.created_at)
        journey.fresh = True
        self._watch.tell(f"working on a batch of {_requests(batch.requests)}", batch=remote)

    def _learn(self, items: Sequence[Item]) -> None:
        for item in items:
            self._seen = max(self._seen, item.id)
            for key in item.keys:
                self._known[key, item.max_tokens] = item

    def _forget_item(self, item: Item) -> None:
        for key in item.keys:
            if self._known.get((key, item.max_tokens)) is item:
                del self._known[key, item.max_tokens]

    def _forget(self, journey: InflightBatch) -> list[BatchedRequest]:
        """A batch that is none: what waited for it, with nothing known of it any more."""
        self._journeys.pop(journey.batch.id, None)
        for item in [item for item in self._known.values() if item.batch == journey.batch.id]:
            self._forget_item(item)
        return journey.waiting

    def _tend(self, journey: InflightBatch) -> None:
        if journey.task is None or journey.task.done():
            journey.task = asyncio.create_task(self._guarded(journey))

    async def _guarded(self, journey: InflightBatch) -> None:
        try:
            await self._go(journey)
        except Exception as error:
            if not journey.waiting or self._watch.ended is not None:
                return  # nobody suffers from it now; whoever asks for one of its requests sees for himself
            if isinstance(error, BezoarError):
                self._watch.end(error)
            else:
                words = redact(f"{type(error).__name__}: {error}")
                self._watch.end(BezoarError(f"waiting for a batch of {self._api.provider.address} broke: {words}"))

    async def _go(self, journey: InflightBatch) -> None:
        """A batch's way to its end, and on for those who come later."""
        stored = await asyncio.to_thread(self._store.batch, journey.batch.id)
        if stored is not None:
            journey.batch = stored
        if journey.batch.state == INTENDED and not await self._recover(journey):
            self._put_back(self._forget(journey))
            return
        if journey.batch.state == WORKING and not journey.fresh:
            requests = _requests(journey.batch.requests)
            self._watch.tell(f"still working on a batch of {requests}", batch=journey.batch.remote or "")
        look = await self._wait(journey) if journey.batch.state == WORKING else None
        if look is not None and look.failed:
            await self._failed(journey, look)
            return
        while True:
            journey.joined.clear()
            async with self._turn.taken():
                stored = await asyncio.to_thread(self._store.batch, journey.batch.id)
                if stored is not None and stored.state == WORKING and look is not None:
                    await self._watch.insist(Collecting(self._api, self._store, stored, look))
                    await asyncio.to_thread(self._store.collected, stored.id)
                    journey.cancelled = look.cancelled
                await self._deliver(journey)
                left = journey.batch
                journey.batch = Batch(left.id, left.nonce, left.remote, COLLECTED, left.requests, left.created_at)
            await journey.joined.wait()

    async def _recover(self, journey: InflightBatch) -> bool:
        """Find out whether an intended batch was handed in. False: it was not, and never will be.

        Twice "not there" with some time in between: a provider may still be making a batch whose maker was killed.
        """
        absent, pause = 0, self._first_pause
        while True:
            async with self._turn.taken():
                batch = await asyncio.to_thread(self._store.batch, journey.batch.id)
                if batch is None:
                    return False
                if batch.state != INTENDED:
                    journey.batch = batch
                    return True
                known = await asyncio.to_thread(self._store.known_remotes)
                look = partial(self._api.find, batch.nonce, batch.created_at, batch.requests, known)
                found = await self._watch.insist(look)
                if found.remote is not None:
                    journey.batch = batch
                    await self._named(journey, found.remote)
                    return True
                absent = absent + 1 if found.sure else 0
                if absent > 1:
                    await asyncio.to_thread(self._store.forget, batch.id)
                    return False
            await self._watch.sleep(10 * self._watch.policy.first_wait if found.sure else pause)
            pause = min(pause * _GROWTH, self._settings.poll)

    @property
    def _first_pause(self) -> float:
        return self._settings.poll * _FIRST_LOOK

    async def _wait(self, journey: InflightBatch) -> Look | None:
        """Look at a batch until it is over. None when another run has collected it meanwhile."""
        pause = self._first_pause
        remote = journey.batch.remote or ""
        while True:
            await self._watch.sleep(pause)
            stored = await asyncio.to_thread(self._store.batch, journey.batch.id)
            if stored is None or stored.state != WORKING:
                return None
            try:
                look = await self._watch.insist(lambda: self._api.look(remote))
            except Refusal as refusal:
                hint = "was it made with another key? Its answers can be collected with the key it was made with only"
                message = f"{self._api.provider.address} does not know its batch {remote} any more: {refusal.detail}"
                raise InputError(Problem("batch-unknown", message, hint=hint)) from refusal
            if look.over:
                return look
            pause = min(pause * _GROWTH, self._settings.poll)

    async def _failed(self, journey: InflightBatch, look: Look) -> None:
        """The provider took none of the batch's requests. When it has too much to do, they are handed in later."""
        batch = journey.batch
        await asyncio.to_thread(self._store.forget, batch.id)
        if look.full:
            self._watch.tell("full for now", why=look.failed)
            await self._watch.sleep(self._settings.poll)
            self._put_back(self._forget(journey))
            return
        message = f"{self._api.provider.address} took none of the requests of batch {batch.remote}: {look.failed}"
        hint = "nothing of it was billed: correct what it names, then run the same command again"
        raise InputError(Problem("batch-failed", message, hint=hint))

    async def _deliver(self, journey: InflightBatch) -> None:
        """Give results to those who wait, and forget them here once they are where no kill can lose them."""
        waiting = journey.waiting
        for start in range(0, len(waiting), _SLICE):
            part = [u for u in waiting[start : start + _SLICE] if not u.over]
            items = [unit.item for unit in part if unit.item is not None]
            found = await asyncio.to_thread(self._store.results, items)
            for unit in part:
                assert unit.item is not None  # noqa: S101
                self._forget_item(unit.item)
                journey.units.pop(unit.item.id, None)
                unit.cancelled = journey.batch.remote or "" if journey.cancelled else ""
                unit.tell(found.get(unit.item.id, BatchedRequest.ELSEWHERE))
            there = [unit for unit in part if unit.item is not None and unit.item.id in found]
            self._delivered += there
            if there:
                await asyncio.wait([unit.kept for unit in there], timeout=_DELIVER_WITHIN)
            await self._clear()

    async def _clear(self) -> None:
        """Forget what was delivered and is safe by now."""
        safe = [u for u in self._delivered if u.kept.done() and u.kept.result()]
        if safe:
            await asyncio.to_thread(self._store.done, [u.item for u in safe if u.item is not None])
        gone = set(map(id, safe))
        self._delivered = [u for u in self._delivered if id(u) not in gone]


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"
