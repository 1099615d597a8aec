"""One endpoint asked through its batch API: many requests submitted together, answered within a day, at half price.

To the gateway it is an endpoint like any other: `complete` returns when the answer is in the journal, which here may
be tomorrow. In between, requests are gathered until nothing new comes, written down in the journal's file
(`store`), submitted, polled, collected. Whoever asks the same later, in this run or the next, joins the
batch that is on its way; what a batch left without an answer goes into another one, a bounded number of times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bezoar_data.config.errors import BezoarError, ProviderAway
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask, Refused
from bezoar_data.llms.batch.anthropic import AnthropicBatch
from bezoar_data.llms.batch.api import BatchAPI
from bezoar_data.llms.batch.batched_request import BatchedRequest
from bezoar_data.llms.batch.manager import BatchManager
from bezoar_data.llms.batch.openai import OpenAIBatch
from bezoar_data.llms.batch.retry import BatchRetry
from bezoar_data.llms.batch.store import BatchLock, BatchStore
from bezoar_data.llms.endpoint.budget import Budget
from bezoar_data.llms.endpoint.circuit_breaker import NO_USABLE_ANSWER, RequestState
from bezoar_data.llms.endpoint.health import ADAPTED, OnEvent
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.usage import Usage, billed_or
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.providers.common.received import received
from bezoar_data.llms.providers.openai import OpenAI
from bezoar_data.llms.retry_policy import ProviderError, Refusal, RetryPolicy, Transient, Unauthorised

APIS: dict[str, type[BatchAPI]] = {"openai": OpenAIBatch, "anthropic": AnthropicBatch}
"""The batch API of each kind of provider that has one."""
LONGEST_GATHER = 600.0
"""Seconds after which a batch is submitted although requests still come."""
CLOSE_WITHIN = 15.0
"""Seconds that submitting is given to end when the run ends: to hear the batch's name saves looking for it later."""

Keep = Callable[[Sequence[Completion | None]], Awaitable[None]]
"""Puts completions where they are safe; None stands for samples that did not come yet."""


@dataclass(slots=True)
class _Wanted:
    """One question while it is brought together: its samples by key, and what is still missing."""

    request: Request
    inflight: InflightRequest
    usage: Usage
    keep: Keep
    places: dict[str, int]
    missing: dict[str, None]
    failures: int = 0
    spent: float = 0.0
    gone: bool = False
    submitted: int = 0
    adapted: bool = False


class BatchEndpoint:
    """Asks one model through its provider's batch API. Belongs to one event loop."""

    def __init__(
        self,
        provider: OpenAI,
        journal: Journal,
        *,
        retry_failed: bool,
        budget: Budget | None,
        retry: RetryPolicy,
        on_event: OnEvent | None,
    ) -> None:
        self.provider = provider
        self.health = BatchRetry(provider, retry, on_event, self._over)
        self._api = api = APIS[provider.kind](provider)
        self._settings = provider.model.batch
        self._budget = budget
        self._journal = journal
        self._retry_failed = retry_failed
        self._manager: BatchManager | None = None
        self._opening: asyncio.Task[None] | None = None
        self._gatherer: asyncio.Task[None] | None = None
        self._keys: dict[int, tuple[Model, KeyMaker]] = {}
        self._queue: list[BatchedRequest] = []
        self._queue_bytes = 0
        self._added = 0.0
        self._first = 0.0
        self._news = asyncio.Event()
        self._waiting = self._peak = 0
        self._most_requests = min(api.most_requests, self._settings.max_requests or api.most_requests)
        self._most_bytes = min(api.most_bytes, self._settings.max_bytes or api.most_bytes)

    async def complete(
        self,
        request: Request,
        inflight: InflightRequest,
        usage: Usage,
        keep: Keep,
        state: RequestState,
        *,
        patient: bool,
    ) -> Sequence[Completion]:
        """Keep the completions for the request, sooner or later: those of them that this run is to write down.

        Returns without having kept all of them when another run wrote them into the journal meanwhile: look there.
        Raises `Refused` when this request gets none, and what ends the run.
        """
        await self._opened()
        keys = self._keys_of(request)
        wanted = _Wanted(request, inflight, usage, keep, {k: i for i, k in enumerate(keys)}, dict.fromkeys(keys))
        reserved = 0.0
        self._waiting += 1
        self._peak = max(self._peak, self._waiting)
        usage.in_flight += 1
        try:
            while wanted.missing and not wanted.gone:
                if self.health.ended is not None:
                    raise self.health.ended
                if self._budget is not None and inflight.worst and not reserved and not self._all_known(wanted):
                    await self._budget.reserve(inflight.worst)
                    reserved = inflight.worst
                requests = self._requests_for(wanted)
                if len(requests) == 1:
                    # Nearly always; a task for each of tens of thousands of requests would be felt in memory.
                    errors = [await self._settle(requests[0], wanted)]
                else:
                    errors = await asyncio.gather(*(self._settle(batched, wanted) for batched in requests))
                failed = [error for error in errors if error is not None]
                if failed:
                    await self._judge(wanted, failed)
            return ()
        finally:
            self._waiting -= 1
            usage.in_flight -= 1
            if self._budget is not None:
                if reserved:
                    self._budget.settle(reserved, wanted.spent)
                else:
                    self._budget.spent += wanted.spent  # an earlier run's: it is spent, whatever the cap says

    async def close(self) -> None:
        """Let go, but for submitting, which is given a moment to end. Batches at the provider go on by themselves."""
        if self._gatherer is not None:
            self._gatherer.cancel()
            await asyncio.gather(self._gatherer, return_exceptions=True)
            self._gatherer = None
        if self._manager is not None:
            await self._manager.close(CLOSE_WITHIN)
            self._manager = None
        if self._opening is not None:
            await self.provider.close()
            self._opening = None

    @property
    def parts(self) -> tuple[BatchEndpoint, ...]:
        return (self,)

    def state(self) -> dict[str, Any]:
        """What it is doing, for progress displays."""
        under = self._manager.state() if self._manager is not None else {}
        return {
            "address": self.provider.address,
            "model": self.provider.model.model,
            "in_flight": self._waiting,
            "limit": self._most_requests,
            "peak": self._peak,
            "away_for": round(self.health.away_for, 1),
            "gathering": len(self._queue),
            **under,
        }

    async def _opened(self) -> None:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        if not self._opening.done() or self._manager is None:
            await asyncio.shield(self._opening)

    async def _open(self) -> None:
        await self.provider.open()
        model = self.provider.model
        path, address = self._journal.path, self.provider.address
        store = await asyncio.to_thread(BatchStore, path, model.provider, address, model.model)
        self._manager = BatchManager(
            self._api, store, BatchLock(path), self.health, self._settings, self._put_back, self._answered
        )
        await self._manager.resume()
        self._gatherer = asyncio.create_task(self._guarded(self._gather()))

    def _keys_of(self, request: Request) -> list[str]:
        known = self._keys.get(id(request.model))
        if known is None:
            known = self._keys[id(request.model)] = (request.model, KeyMaker(request.model))
        top = max(request.samples) + 1
        keys = known[1].keys(Ask(request.messages, request.schema, top, request.attempt))
        return [keys[i] for i in request.samples]

    def _all_known(self, wanted: _Wanted) -> bool:
        assert self._manager is not None  # noqa: S101
        limit = wanted.request.max_tokens
        return all(self._manager.item_for(key, limit) is not None for key in wanted.missing)

    def _requests_for(self, wanted: _Wanted) -> list[BatchedRequest]:
        """What is to be waited for: requests on their way that bring missing samples, and new ones for the rest."""
        assert self._manager is not None  # noqa: S101
        request, limit = wanted.request, wanted.request.max_tokens
        requests: dict[int, BatchedRequest] = {}
        fresh: list[str] = []
        for key in wanted.missing:
            item = self._manager.item_for(key, limit)
            if item is None:
                fresh.append(key)
            elif item.id not in requests:
                requests[item.id] = self._manager.join(item, replace(request, samples=tuple(range(len(item.keys)))))
        parts = [[key] for key in fresh] if self._api.splits else [fresh] if fresh else []
        made = []
        for part in parts:
            samples = tuple(request.samples[wanted.places[key]] for key in part)
            batched = BatchedRequest(replace(request, samples=samples), tuple(part), limit)
            batched.made_as = self.provider.dialect
            batched.size = len(self._api.line("x" * 32, batched.request)) + 1
            wanted.usage.requests += 1
            wanted.usage.retries += wanted.submitted > 0
            made.append(batched)
        wanted.submitted += bool(made)
        self._enqueue(made)
        return [*requests.values(), *made]

    async def _settle(self, batched: BatchedRequest, wanted: _Wanted) -> ProviderError | None:
        """Wait for one request and put what it brought where it is safe; what went wrong is returned."""
        raw = await batched.outcome()
        if raw is BatchedRequest.JOURNALLED:
            wanted.usage.requests -= batched.item is None
            wanted.gone = True
            return None
        if raw is BatchedRequest.TAKEN:
            wanted.usage.requests -= 1
            wanted.submitted = 0
            return None
        completions = self._read(raw, batched, wanted)
        if isinstance(completions, ProviderError):
            return completions
        self.health.answers += 1
        self.health.way(wanted.request).there = True
        got: list[Completion | None] = [None] * wanted.request.n
        for key, completion in zip(batched.keys, completions, strict=False):
            if key in wanted.missing:
                got[wanted.places[key]] = completion
                wanted.spent += billed_or(wanted.inflight.worst, wanted.request.model, [completion])
        wanted.inflight.busy = True
        try:
            await wanted.keep(got)
            for key in batched.keys[: len(completions)]:
                wanted.missing.pop(key, None)
            batched.set_saved(True)
        finally:
            wanted.inflight.busy = False
            batched.set_saved(False)
        return None

    def _read(self, raw: object, batched: BatchedRequest, wanted: _Wanted) -> Sequence[Completion] | ProviderError:
        """The completions in a line of results, or what went wrong, which is booked."""
        try:
            if not isinstance(raw, bytes):
                raise Transient("unavailable", "the batch ended without an answer to it")
            completions = received(self._api.read(raw, batched.request))
            if not completions:
                raise Transient("garbage", "an answer without choices")
            return self.provider.noted(completions, batched.request, batched.made_as)
        except Refusal as error:
            error.sent = batched.made_as
            wanted.adapted = self._adapts(error, batched.request)
            if wanted.adapted:
                batched.set_saved(True)
                return error
            # Only when the whole question is settled does its refusal stand in the journal.
            batched.saved_with(wanted.inflight.task)
            return error
        except Transient as error:
            wanted.spent += wanted.usage.book_failure(error, wanted.request.model.price, wanted.inflight.worst)
            batched.set_saved(True)
            if batched.cancelled:
                gone = f"batch {batched.cancelled} was cancelled at {self.provider.address}"
                self.health.end(
                    ProviderAway(f"{gone}. What it answered is kept; the same command submits the rest again")
                )
            return error
        except Unauthorised as error:
            batched.set_saved(False)
            return error

    def _adapts(self, refusal: Refusal, request: Request) -> bool:
        """Whether a refused request is to be made again in another way."""
        change = self.provider.adapt(refusal, request)
        if change:
            self.health.notify(ADAPTED, why=change)
        return change is not None

    async def _judge(self, wanted: _Wanted, failed: Sequence[ProviderError]) -> None:
        """Raise what failures mean to the question or the run; return when it is to be asked again."""
        if wanted.adapted:
            wanted.adapted = False
            return
        await asyncio.sleep(0)  # what came with the same batch is read first: it may hold the first answer
        for error in failed:
            if isinstance(error, Unauthorised):
                raise self.health.unauthorised(error) from error
            if isinstance(error, Refusal):
                raise await self.health.refusal(error, self.health.way(wanted.request)) from error
        if self.health.ended is not None:
            raise self.health.ended
        wanted.failures += 1
        last = failed[-1]
        for error in failed:
            wanted.usage.failures[error.cause if isinstance(error, Transient) else "unavailable"] += 1
        if wanted.failures >= self._settings.tries:
            raise Refused(NO_USABLE_ANSWER, f"{wanted.failures} batches, the last: {last}") from last

    def _enqueue(self, requests: Sequence[BatchedRequest]) -> None:
        if not requests:
            return
        self._added = time.monotonic()
        if not self._queue:
            self._first = self._added
        self._queue.extend(requests)
        self._queue_bytes += sum(batched.size for batched in requests)
        self._news.set()

    def _put_back(self, requests: Sequence[BatchedRequest]) -> None:
        """Requests whose batch never came to be go into the next one."""
        self._enqueue([batched for batched in requests if not batched.done])

    def _answered(self, key: str, max_tokens: int | None) -> bool:
        return self._journal.find(key, max_tokens, retry_failed=self._retry_failed) is not None

    async def _gather(self) -> None:
        """Submit a batch whenever nothing new came for a while, or no more goes in."""
        assert self._manager is not None  # noqa: S101
        while True:
            await self._news.wait()
            while not self._full:
                self._news.clear()
                now = time.monotonic()
                left = min(self._added + self._settings.gather, self._first + LONGEST_GATHER) - now
                if left <= 0:
                    break
                await asyncio.sleep(min(left, 0.25))
            requests = self._take()
            if requests:
                await self._manager.submit(requests)
            if self._queue:
                self._news.set()
            else:
                self._news.clear()

    @property
    def _full(self) -> bool:
        return len(self._queue) >= self._most_requests or self._queue_bytes >= self._most_bytes

    def _take(self) -> list[BatchedRequest]:
        """As many of the gathered requests as one batch holds; those nobody waits for any more are let go."""
        taken: list[BatchedRequest] = []
        size = 0
        for at, batched in enumerate(self._queue):
            if batched.done:
                continue
            if taken and (len(taken) >= self._most_requests or size + batched.size > self._most_bytes):
                self._queue = self._queue[at:]
                break
            taken.append(batched)
            size += batched.size
        else:
            self._queue = []
        self._queue_bytes = sum(batched.size for batched in self._queue)
        self._first = time.monotonic()
        return taken

    def _over(self, error: BezoarError) -> None:
        """The run is over: tell everyone who waits."""
        for batched in self._queue:
            batched.fail(error)
        if self._manager is not None:
            self._manager.fail(error)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What goes wrong in the background ends the run: nobody would wait for an answer for ever."""
        try:
            await work
        except BezoarError as error:
            self.health.end(error)
        except Exception as bug:
            self.health.end(
                BezoarError(f"internal error in batches of {self.provider.address}: {type(bug).__name__}: {bug}")
            )
