"""Batches from submission to delivery: submitted, polled, collected, delivered to those who wait; and found again
after a kill.

Each batch has a task of its own here, also those that an earlier run left behind.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.files.models import Batching
from bezoar_data.config.problems import Problem
from bezoar_data.llms.batch.api import BatchAPI, BatchStatus
from bezoar_data.llms.batch.batched_request import BatchedRequest, InflightBatch
from bezoar_data.llms.batch.retry import BatchRetry
from bezoar_data.llms.batch.store import COLLECTED, INTENDED, WORKING, Batch, BatchLock, BatchStore, Item
from bezoar_data.llms.providers.base import Request
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import Refusal, Transient

_CHUNK = 1000
"""So many results are written, and delivered, together."""
_GROWTH = 1.5
_FIRST_POLL = 1 / 12
"""The first poll of a batch comes after this share of the longest pause."""
_DELIVER_WITHIN = 60.0


class BatchManager:
    """All batches of one endpoint that are on their way. `put_back` gets requests whose batch never came to be;
    `answered` says whether the journal has the answer to a key asked with so many tokens."""

    def __init__(
        self,
        api: BatchAPI,
        store: BatchStore,
        lock: BatchLock,
        retry: BatchRetry,
        settings: Batching,
        put_back: Callable[[Sequence[BatchedRequest]], None],
        answered: Callable[[str, int | None], bool],
    ) -> None:
        self._api = api
        self._store = store
        self._lock = lock
        self._retry = retry
        self._settings = settings
        self._put_back = put_back
        self._answered = answered
        self._known: dict[tuple[str, int | None], Item] = {}
        self._seen = 0
        self._inflight: dict[int, InflightBatch] = {}
        self._submitting: asyncio.Task[None] | None = None
        self._delivered: list[BatchedRequest] = []

    async def resume(self) -> None:
        """Take up what earlier runs left on its way."""
        async with self._lock.held():
            await asyncio.to_thread(self._store.purge)
        for batch in await asyncio.to_thread(self._store.open):
            self._inflight[batch.id] = InflightBatch(batch)
        self._learn(await asyncio.to_thread(self._store.items))
        for inflight in self._inflight.values():
            self._start_polling(inflight)

    async def close(self, within: float) -> None:
        """End what goes on here, and say what goes on at the provider."""
        if self._submitting is not None:
            await asyncio.wait({self._submitting}, timeout=within)
        tasks = [t for t in (self._submitting, *(b.task for b in self._inflight.values())) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._forget_saved()
        left = [b.batch for b in self._inflight.values() if b.requests and b.batch.state != COLLECTED]
        if left:
            requests = sum(batch.requests for batch in left)
            batches = f"{len(left)} batch{'' if len(left) == 1 else 'es'}"
            self._retry.notify(
                f"still working on {batches} with {_requests(requests)}", then="the same command collects what is ready"
            )
        await asyncio.to_thread(self._store.close)

    def state(self) -> dict[str, Any]:
        """How many batches are out, with how many requests, and since when."""
        out = [b.batch for b in self._inflight.values() if b.batch.state != COLLECTED]
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
        inflight = self._inflight.get(item.batch)
        if inflight is None:
            inflight = self._inflight[item.batch] = InflightBatch(
                Batch(item.batch, "", None, COLLECTED, 0, time.time())
            )
        batched = inflight.requests.get(item.id)
        if batched is None or batched.done:
            batched = BatchedRequest(request, item.keys, item.max_tokens)
            batched.item = item
            inflight.requests[item.id] = batched
        inflight.joined.set()
        self._start_polling(inflight)
        return batched

    def fail(self, error: BezoarError) -> None:
        for inflight in self._inflight.values():
            for batched in inflight.requests.values():
                batched.fail(error)

    async def submit(self, requests: Sequence[BatchedRequest]) -> None:
        """Make a batch of these, unless another run has them on their way."""
        self._submitting = asyncio.create_task(self._submit(requests))
        try:
            # Shielded: a run that ends lets this end first, to hear the batch's name.
            await asyncio.shield(self._submitting)
        finally:
            if self._submitting.done():
                self._submitting = None

    async def _submit(self, requests: Sequence[BatchedRequest]) -> None:
        nonce = f"bz{secrets.token_hex(10)}"
        async with self._lock.held():
            for batched in requests:
                # Another run may have been answered while these were gathered: its batch is no longer on its way.
                if all(self._answered(key, batched.max_tokens) for key in batched.keys):
                    batched.resolve(BatchedRequest.JOURNALLED)
            requests = [batched for batched in requests if not batched.done]
            wanted = [(batched.keys, batched.max_tokens) for batched in requests]
            theirs, ours = await asyncio.to_thread(self._store.intend, nonce, wanted, self._seen)
            self._learn(theirs)
            by_keys = {(item.keys, item.max_tokens): item for item in ours}
            mine: list[BatchedRequest] = []
            for batched in requests:
                batched.item = by_keys.get((batched.keys, batched.max_tokens))
                if batched.item is None:
                    batched.resolve(BatchedRequest.TAKEN)
                else:
                    mine.append(batched)
            if not mine:
                return
            batch = Batch(ours[0].batch, nonce, None, INTENDED, len(ours), time.time())
            inflight = self._inflight[batch.id] = InflightBatch(
                batch, {u.item.id: u for u in mine if u.item is not None}
            )
            self._learn(ours)
            try:
                remote = await self._upload(batch, mine)
            except Transient:
                pass  # it may exist: its task looks for it
            except Refusal as refusal:
                await asyncio.to_thread(self._store.forget, batch.id)
                hint = "nothing of it was submitted: correct what it names, then run the same command again"
                message = f"{self._api.provider.address} rejected the batch: {refusal}"
                raise InputError(Problem("batch-refused", message, hint=hint)) from refusal
            except BezoarError:
                await asyncio.to_thread(self._store.forget, batch.id)
                raise
            else:
                await self._named(inflight, remote)
        self._start_polling(inflight)

    async def _upload(self, batch: Batch, requests: Sequence[BatchedRequest]) -> str:
        """Make the batch; its name at the provider. Raises `Transient` when it may or may not exist."""
        names = [f"{batch.nonce}-{batched.item.number}" for batched in requests if batched.item is not None]
        lines = await asyncio.to_thread(
            lambda: [self._api.line(name, batched.request) for name, batched in zip(names, requests, strict=True)]
        )
        prepared = await self._retry.insist(lambda: self._api.prepare(batch.nonce, lines))
        tries = 0
        while True:
            if self._retry.ended is not None:
                raise self._retry.ended
            try:
                return await self._retry.once(lambda: self._api.submit(batch.nonce, prepared, lines))
            except Transient as failure:
                if failure.cause not in ("rate_limited", "connection"):
                    raise
                tries += 1
                await self._retry.wait(failure, tries)

    async def _named(self, inflight: InflightBatch, remote: str) -> None:
        batch = inflight.batch
        await asyncio.to_thread(self._store.submitted, batch.id, remote)
        inflight.batch = replace(batch, remote=remote, state=WORKING)
        inflight.fresh = True
        self._retry.notify(f"working on a batch of {_requests(batch.requests)}", batch=remote)

    def _learn(self, items: Sequence[Item]) -> None:
        for item in items:
            self._seen = max(self._seen, item.id)
            for key in item.keys:
                self._known[key, item.max_tokens] = item

    def _forget_item(self, item: Item) -> None:
        for key in item.keys:
            if self._known.get((key, item.max_tokens)) is item:
                del self._known[key, item.max_tokens]

    def _forget(self, inflight: InflightBatch) -> list[BatchedRequest]:
        """A batch that is none: what waited for it, with nothing known of it any more."""
        self._inflight.pop(inflight.batch.id, None)
        for item in [item for item in self._known.values() if item.batch == inflight.batch.id]:
            self._forget_item(item)
        return inflight.waiting

    def _start_polling(self, inflight: InflightBatch) -> None:
        if inflight.task is None or inflight.task.done():
            inflight.task = asyncio.create_task(self._poll(inflight))

    async def _poll(self, inflight: InflightBatch) -> None:
        try:
            await self._follow(inflight)
        except Exception as error:
            if not inflight.waiting or self._retry.ended is not None:
                return  # nobody suffers from it now; whoever asks for one of its requests sees for himself
            if isinstance(error, BezoarError):
                self._retry.end(error)
            else:
                words = redact(f"{type(error).__name__}: {error}")
                self._retry.end(BezoarError(f"internal error in a batch of {self._api.provider.address}: {words}"))

    async def _follow(self, inflight: InflightBatch) -> None:
        """A batch's way to its end, and on for those who come later."""
        stored = await asyncio.to_thread(self._store.batch, inflight.batch.id)
        if stored is not None:
            inflight.batch = stored
        if inflight.batch.state == INTENDED and not await self._recover(inflight):
            self._put_back(self._forget(inflight))
            return
        if inflight.batch.state == WORKING and not inflight.fresh:
            requests = _requests(inflight.batch.requests)
            self._retry.notify(f"still working on a batch of {requests}", batch=inflight.batch.remote or "")
        status = await self._wait_until_over(inflight) if inflight.batch.state == WORKING else None
        if status is not None and status.failed:
            await self._rejected(inflight, status)
            return
        while True:
            inflight.joined.clear()
            async with self._lock.held():
                stored = await asyncio.to_thread(self._store.batch, inflight.batch.id)
                if stored is not None and stored.state == WORKING and status is not None:
                    await self._retry.insist(partial(self._collect, stored, status, itertools.count(1)))
                    await asyncio.to_thread(self._store.collected, stored.id)
                    inflight.cancelled = status.cancelled
                await self._deliver(inflight)
                inflight.batch = replace(inflight.batch, state=COLLECTED)
            await inflight.joined.wait()

    async def _recover(self, inflight: InflightBatch) -> bool:
        """Find out whether an intended batch was submitted. False: it was not, and never will be.

        Twice "not there" with some time in between: a provider may still be making a batch whose maker was killed.
        """
        absent, pause = 0, self._first_pause
        while True:
            async with self._lock.held():
                batch = await asyncio.to_thread(self._store.batch, inflight.batch.id)
                if batch is None:
                    return False
                if batch.state != INTENDED:
                    inflight.batch = batch
                    return True
                known = await asyncio.to_thread(self._store.known_remotes)
                find = partial(self._api.find, batch.nonce, batch.created_at, batch.requests, known)
                found = await self._retry.insist(find)
                if found.remote is not None:
                    inflight.batch = batch
                    await self._named(inflight, found.remote)
                    return True
                absent = absent + 1 if found.sure else 0
                if absent > 1:
                    await asyncio.to_thread(self._store.forget, batch.id)
                    return False
            await self._retry.sleep(10 * self._retry.policy.first_wait if found.sure else pause)
            pause = min(pause * _GROWTH, self._settings.poll)

    @property
    def _first_pause(self) -> float:
        return self._settings.poll * _FIRST_POLL

    async def _wait_until_over(self, inflight: InflightBatch) -> BatchStatus | None:
        """Poll a batch until it is over. None when another run has collected it meanwhile."""
        pause = self._first_pause
        remote = inflight.batch.remote or ""
        while True:
            await self._retry.sleep(pause)
            stored = await asyncio.to_thread(self._store.batch, inflight.batch.id)
            if stored is None or stored.state != WORKING:
                return None
            try:
                status = await self._retry.insist(lambda: self._api.status(remote))
            except Refusal as refusal:
                hint = "was it made with another key? Its answers can be collected with the key it was made with only"
                message = f"{self._api.provider.address} does not know its batch {remote} any more: {refusal.detail}"
                raise InputError(Problem("batch-unknown", message, hint=hint)) from refusal
            if status.over:
                return status
            pause = min(pause * _GROWTH, self._settings.poll)

    async def _rejected(self, inflight: InflightBatch, status: BatchStatus) -> None:
        """The provider took none of the batch's requests. When it has too much to do, they are submitted later."""
        batch = inflight.batch
        await asyncio.to_thread(self._store.forget, batch.id)
        if status.full:
            self._retry.notify("full for now", why=status.failed)
            await self._retry.sleep(self._settings.poll)
            self._put_back(self._forget(inflight))
            return
        message = f"{self._api.provider.address} took none of the requests of batch {batch.remote}: {status.failed}"
        hint = "nothing of it was billed: correct what it names, then run the same command again"
        raise InputError(Problem("batch-failed", message, hint=hint))

    async def _collect(self, batch: Batch, status: BatchStatus, collections: Iterator[int]) -> None:
        """Read a finished batch's results into the store. Raises `Transient` while the provider keeps some back."""
        part: list[tuple[int, bytes]] = []
        async with aclosing(self._api.results(status)) as results:
            async for name, raw in results:
                nonce, _, number = name.rpartition("-")
                if nonce == batch.nonce and number.isdecimal():
                    part.append((int(number), redact(raw.decode("utf-8", "replace")).encode()))
                if len(part) >= _CHUNK:
                    await asyncio.to_thread(self._store.keep_results, batch.id, part)
                    part = []
        await asyncio.to_thread(self._store.keep_results, batch.id, part)
        there = batch.requests - await asyncio.to_thread(self._store.unanswered, batch.id)
        missing = status.finished is not None and there < min(status.finished, batch.requests)
        if next(collections) < self._retry.policy.batch_collections and missing:
            raise Transient("cut", f"{there} results of {status.finished}")

    async def _deliver(self, inflight: InflightBatch) -> None:
        """Give results to those who wait, and forget them here once they are where no kill can lose them."""
        waiting = inflight.waiting
        for start in range(0, len(waiting), _CHUNK):
            part = [u for u in waiting[start : start + _CHUNK] if not u.done]
            items = [batched.item for batched in part if batched.item is not None]
            found = await asyncio.to_thread(self._store.results, items)
            for batched in part:
                assert batched.item is not None  # noqa: S101
                self._forget_item(batched.item)
                inflight.requests.pop(batched.item.id, None)
                batched.cancelled = inflight.batch.remote or "" if inflight.cancelled else ""
                batched.resolve(found.get(batched.item.id, BatchedRequest.JOURNALLED))
            there = [batched for batched in part if batched.item is not None and batched.item.id in found]
            self._delivered += there
            if there:
                await asyncio.wait([batched.saved for batched in there], timeout=_DELIVER_WITHIN)
            await self._forget_saved()

    async def _forget_saved(self) -> None:
        """Forget what was delivered and is saved by now."""
        saved = [u for u in self._delivered if u.saved.done() and u.saved.result()]
        if saved:
            await asyncio.to_thread(self._store.done, [u.item for u in saved if u.item is not None])
        gone = set(map(id, saved))
        self._delivered = [u for u in self._delivered if id(u) not in gone]


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"
