"""One endpoint asked through its batch API: many requests handed in together, answered within a day, at half price.

To the gateway it is an endpoint like any other: `complete` returns when the answer is in the journal, which here may
be tomorrow. In between, requests are gathered until nothing new comes, written down in the journal's file
(`batch_store`), handed in, waited for, collected. Whoever asks the same later, in this run or the next, joins the
batch that is on its way; what a batch left without an answer goes into another one, a bounded number of times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bezoar_data.config.errors import BezoarError, ProviderAway
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask, Refused
from bezoar_data.llms.batch.api import BatchAPI
from bezoar_data.llms.batch.batched_request import BatchedRequest
from bezoar_data.llms.batch.manager import BatchManager
from bezoar_data.llms.batch.retry import BatchWatch
from bezoar_data.llms.batch.store import BatchLock, BatchStore
from bezoar_data.llms.endpoint.budget import Budget
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.retry import NO_USABLE_ANSWER, OnEvent, RetryPolicy
from bezoar_data.llms.endpoint.usage import Usage, cost_of
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.base import Completion, ProviderError, Refusal, Request, Transient, Unauthorised
from bezoar_data.llms.providers.openai import OpenAI

LONGEST_GATHER = 600.0
"""Seconds after which a batch is handed in although requests still come."""
CLOSE_WITHIN = 15.0
"""Seconds that handing in is given to end when the run ends: to hear the batch's name saves looking for it later."""

Keep = Callable[[Sequence[Completion | None]], Awaitable[None]]
"""Puts completions where they are safe; None stands for samples that did not come yet."""


@dataclass(slots=True)
class _Wanted:
    """One question while it is brought together: its samples by key, and what is still missing."""

    request: Request
    flight: InflightRequest
    count: Usage
    keep: Keep
    places: dict[str, int]
    missing: dict[str, None]
    failures: int = 0
    last: ProviderError | None = None
    spent: float = 0.0
    gone: bool = False
    handed: int = field(default=0)


class BatchEndpoint:
    """Asks one model through its provider's batch API. Belongs to one event loop."""

    def __init__(
        self,
        provider: OpenAI,
        api: BatchAPI,
        journal: Journal,
        *,
        retry_failed: bool,
        budget: Budget | None,
        retry: RetryPolicy,
        on_event: OnEvent | None,
    ) -> None:
        self.provider = provider
        self.watch = BatchWatch(provider, retry, on_event, self._over)
        self._api = api
        self._settings = provider.model.batch
        self._budget = budget
        self._journal = journal
        self._retry_failed = retry_failed
        self._trip: BatchManager | None = None
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
        self, request: Request, flight: InflightRequest, count: Usage, keep: Keep, *, patient: bool
    ) -> Sequence[Completion]:
        """Keep the completions for the request, sooner or later: those of them that this run is to write down.

        Returns without having kept all of them when another run wrote them into the journal meanwhile: look there.
        Raises `Refused` when this request gets none, and what ends the run.
        """
        await self._opened()
        keys = self._keys_of(request)
        wanted = _Wanted(request, flight, count, keep, {k: i for i, k in enumerate(keys)}, dict.fromkeys(keys))
        reserved = 0.0
        self._waiting += 1
        self._peak = max(self._peak, self._waiting)
        count.in_flight += 1
        try:
            while wanted.missing and not wanted.gone:
                if self.watch.ended is not None:
                    raise self.watch.ended
                if self._budget is not None and flight.worst and not reserved and not self._all_known(wanted):
                    await self._budget.reserve(flight.worst)
                    reserved = flight.worst
                units = self._units(wanted)
                if len(units) == 1:
                    # Nearly always; a task for each of tens of thousands of requests would be felt in memory.
                    errors = [await self._settle(units[0], wanted)]
                else:
                    errors = await asyncio.gather(*(self._settle(unit, wanted) for unit in units))
                failed = [error for error in errors if error is not None]
                if failed:
                    self._judge(wanted, failed)
            return ()
        finally:
            self._waiting -= 1
            count.in_flight -= 1
            if self._budget is not None:
                if reserved:
                    self._budget.settle(reserved, wanted.spent)
                else:
                    self._budget.spent += wanted.spent  # an earlier run's: it is spent, whatever the cap says

    async def close(self) -> None:
        """Let go, but for handing in, which is given a moment to end. Batches at the provider go on by themselves."""
        if self._gatherer is not None:
            self._gatherer.cancel()
            await asyncio.gather(self._gatherer, return_exceptions=True)
            self._gatherer = None
        if self._trip is not None:
            await self._trip.close(CLOSE_WITHIN)
            self._trip = None
        if self._opening is not None:
            await self.provider.close()
            self._opening = None

    def state(self) -> dict[str, Any]:
        """What it is doing, for progress displays."""
        under = self._trip.state() if self._trip is not None else {}
        return {
            "address": self.provider.address,
            "model": self.provider.model.model,
            "in_flight": self._waiting,
            "limit": self._most_requests,
            "peak": self._peak,
            "away_for": round(self.watch.away_for, 1),
            "gathering": len(self._queue),
            **under,
        }

    async def _opened(self) -> None:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        if not self._opening.done() or self._trip is None:
            await asyncio.shield(self._opening)

    async def _open(self) -> None:
        await self.provider.open()
        model = self.provider.model
        path, address = self._journal.path, self.provider.address
        store = await asyncio.to_thread(BatchStore, path, model.provider, address, model.model)
        self._trip = BatchManager(
            self._api, store, BatchLock(path), self.watch, self._settings, self._put_back, self._answered
        )
        await self._trip.begin()
        self._gatherer = asyncio.create_task(self._guarded(self._gather()))

    def _keys_of(self, request: Request) -> list[str]:
        known = self._keys.get(id(request.model))
        if known is None:
            known = self._keys[id(request.model)] = (request.model, KeyMaker(request.model))
        top = max(request.samples) + 1
        keys = known[1].keys(Ask(request.messages, request.schema, top, request.attempt))
        return [keys[i] for i in request.samples]

    def _all_known(self, wanted: _Wanted) -> bool:
        assert self._trip is not None  # noqa: S101
        limit = wanted.request.max_tokens
        return all(self._trip.item_for(key, limit) is not None for key in wanted.missing)

    def _units(self, wanted: _Wanted) -> list[BatchedRequest]:
        """What is to be waited for: requests on their way that bring missing samples, and new ones for the rest."""
        assert self._trip is not None  # noqa: S101
        request, limit = wanted.request, wanted.request.max_tokens
        units: dict[int, BatchedRequest] = {}
        fresh: list[str] = []
        for key in wanted.missing:
            item = self._trip.item_for(key, limit)
            if item is None:
                fresh.append(key)
            elif item.id not in units:
                units[item.id] = self._trip.join(item, replace(request, samples=tuple(range(len(item.keys)))))
        parts = [[key] for key in fresh] if self._api.splits else [fresh] if fresh else []
        made = []
        for part in parts:
            samples = tuple(request.samples[wanted.places[key]] for key in part)
            unit = BatchedRequest(replace(request, samples=samples), tuple(part), limit)
            unit.size = len(self._api.line("x" * 32, unit.request)) + 1
            wanted.count.requests += 1
            wanted.count.retries += wanted.handed > 0
            made.append(unit)
        wanted.handed += bool(made)
        self._enqueue(made)
        return [*units.values(), *made]

    async def _settle(self, unit: BatchedRequest, wanted: _Wanted) -> ProviderError | None:
        """Wait for one request and put what it brought where it is safe; what went wrong is returned."""
        raw = await unit.outcome()
        if raw is BatchedRequest.ELSEWHERE:
            wanted.count.requests -= unit.item is None
            wanted.gone = True
            return None
        if raw is BatchedRequest.AGAIN:
            wanted.count.requests -= 1
            wanted.handed = 0
            return None
        try:
            if not isinstance(raw, bytes):
                raise Transient("unavailable", "the batch ended without an answer to it")
            completions = self._api.read(raw, unit.request)
            if not completions:
                raise Transient("garbage", "an answer without choices")
        except Refusal as error:
            # Only when the whole question is settled does its refusal stand in the journal.
            unit.safe_with(wanted.flight.task)
            return error
        except Transient as error:
            self._book_failure(error, wanted)
            unit.safe()
            if unit.cancelled:
                self.watch.end(
                    ProviderAway(
                        f"batch {unit.cancelled} was cancelled at {self.provider.address}. What it answered is kept; "
                        "the same command hands the rest in again"
                    )
                )
            return error
        except Unauthorised as error:
            unit.unsafe()
            return error
        self.watch.answered = True
        got: list[Completion | None] = [None] * wanted.request.n
        for key, completion in zip(unit.keys, completions, strict=False):
            if key in wanted.missing:
                got[wanted.places[key]] = completion
                wanted.spent += _cost(wanted.request.model, completion, wanted.flight.worst)
        wanted.flight.busy = True
        try:
            await wanted.keep(got)
            for key in unit.keys[: len(completions)]:
                wanted.missing.pop(key, None)
            unit.safe()
        finally:
            wanted.flight.busy = False
            unit.unsafe()
        return None

    def _book_failure(self, error: Transient, wanted: _Wanted) -> None:
        if error.billed is not None:
            cost = cost_of(wanted.request.model.price, *error.billed)
            wanted.count.book(*error.billed, cost)
            wanted.spent += cost or 0.0
        elif error.may_have_cost:
            wanted.count.unknown_bills += 1
            wanted.spent += wanted.flight.worst

    def _judge(self, wanted: _Wanted, failed: Sequence[ProviderError]) -> None:
        """Raise what failures mean to the question or the run; return when it is to be asked again."""
        for error in failed:
            if isinstance(error, Unauthorised):
                denied = self.watch.denied(error)
                self.watch.end(denied)
                raise denied from error
            if isinstance(error, Refusal):
                raise self.watch.refused(error) from error
        if self.watch.ended is not None:
            raise self.watch.ended
        wanted.failures += 1
        last = failed[-1]
        for error in failed:
            wanted.count.failures[error.cause if isinstance(error, Transient) else "unavailable"] += 1
        if wanted.failures >= self._settings.tries:
            raise Refused(NO_USABLE_ANSWER, f"{wanted.failures} batches, the last: {last}") from last

    def _enqueue(self, units: Sequence[BatchedRequest]) -> None:
        if not units:
            return
        self._added = time.monotonic()
        if not self._queue:
            self._first = self._added
        self._queue.extend(units)
        self._queue_bytes += sum(unit.size for unit in units)
        self._news.set()

    def _put_back(self, units: Sequence[BatchedRequest]) -> None:
        """Requests whose batch never came to be go into the next one."""
        self._enqueue([unit for unit in units if not unit.over])

    def _answered(self, key: str, max_tokens: int | None) -> bool:
        return self._journal.find(key, max_tokens, retry_failed=self._retry_failed) is not None

    async def _gather(self) -> None:
        """Hand in a batch whenever nothing new came for a while, or no more goes in."""
        assert self._trip is not None  # noqa: S101
        while True:
            await self._news.wait()
            while not self._full:
                self._news.clear()
                now = time.monotonic()
                left = min(self._added + self._settings.gather, self._first + LONGEST_GATHER) - now
                if left <= 0:
                    break
                await asyncio.sleep(min(left, 0.25))
            units = self._take()
            if units:
                await self._trip.hand_in(units)
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
        for at, unit in enumerate(self._queue):
            if unit.over:
                continue
            if taken and (len(taken) >= self._most_requests or size + unit.size > self._most_bytes):
                self._queue = self._queue[at:]
                break
            taken.append(unit)
            size += unit.size
        else:
            self._queue = []
        self._queue_bytes = sum(unit.size for unit in self._queue)
        self._first = time.monotonic()
        return taken

    def _over(self, error: BezoarError) -> None:
        """The run is over: tell everyone who waits."""
        for unit in self._queue:
            unit.fail(error)
        if self._trip is not None:
            self._trip.fail(error)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What goes wrong in the background ends the run: nobody would wait for an answer for ever."""
        try:
            await work
        except BezoarError as error:
            self.watch.end(error)
        except Exception as bug:
            self.watch.end(BezoarError(f"asking {self.provider.address} in batches broke: {type(bug).__name__}: {bug}"))


def batch_endpoint(
    provider: OpenAI,
    journal: Journal,
    *,
    retry_failed: bool,
    budget: Budget | None,
    retry: RetryPolicy,
    on_event: OnEvent | None,
) -> BatchEndpoint:
    """The endpoint for a provider in batch mode. The models file was checked: it is one that has a batch API."""
    api: BatchAPI
    if provider.kind == "anthropic":
        from bezoar_data.llms.batch.anthropic import AnthropicBatch

        api = AnthropicBatch(provider)
    else:
        from bezoar_data.llms.batch.openai import OpenAIBatch

        api = OpenAIBatch(provider)
    how: dict[str, Any] = {"retry_failed": retry_failed, "budget": budget, "retry": retry, "on_event": on_event}
    return BatchEndpoint(provider, api, journal, **how)


def _cost(model: Model, completion: Completion, worst: float) -> float:
    """What an answer cost in the eyes of the budget: the bill, or the worst when there was none."""
    if completion.prompt_tokens is None or completion.completion_tokens is None:
        return worst
    return cost_of(model.price, completion.prompt_tokens, completion.completion_tokens) or 0.0
