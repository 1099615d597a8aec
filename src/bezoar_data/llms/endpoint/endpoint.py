"""One endpoint as the gateway drives it: opened once, sent to within its limits, tried again while that makes sense.

What a failure means, and whether to try, wait or give up, `retry_policy` says and `circuit_breaker` does; this is the
way a request takes: concurrency, rate limits, budget, time-out, bill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.endpoint.budget import Budget
from bezoar_data.llms.endpoint.circuit_breaker import CircuitBreaker, RequestState
from bezoar_data.llms.endpoint.cut_prompts import CUTTING, cut_prompt
from bezoar_data.llms.endpoint.first_answer import FirstAnswer
from bezoar_data.llms.endpoint.health import ADAPTED, OnEvent
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.limits import AdaptiveConcurrency, RateLimiter
from bezoar_data.llms.endpoint.share import Part, Share
from bezoar_data.llms.endpoint.timeouts import Timeouts
from bezoar_data.llms.endpoint.usage import Usage, billed_or
from bezoar_data.llms.providers.base import Completion, Provider, Request
from bezoar_data.llms.providers.common.received import received
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import Refusal, RetryPolicy, Transient, Unauthorised

Keep = Callable[[Sequence[Completion]], Awaitable[None]]
"""Puts completions where they are safe."""


class Elsewhere(Exception):
    """A try failed that is better made at another endpoint. Here it may be made again `after` so many seconds."""

    def __init__(self, after: float) -> None:
        super().__init__()
        self.after = after


class Endpoint:
    """Sends requests to one provider within one model's limits. Belongs to one event loop."""

    def __init__(
        self,
        provider: Provider,
        *,
        budget: Budget | None,
        retry: RetryPolicy,
        on_event: OnEvent | None,
        share: Share | None = None,
    ) -> None:
        limits = provider.model.limits
        self.provider = provider
        self.concurrency = AdaptiveConcurrency(limits.concurrency, retry)
        self.health = CircuitBreaker(provider, retry, self.concurrency, on_event)
        self._limits = limits
        self._requests = RateLimiter(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = RateLimiter(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self._budget = budget
        self._timeouts = Timeouts()
        self._cutting: set[str] = set()
        """Models that are known to be given their prompts cut short."""
        self._opening: asyncio.Task[None] | None = None
        self._opened = False
        if share is not None:
            share.join(self)

    @property
    def is_within(self) -> bool:
        return self.concurrency.in_flight <= self.concurrency.ceiling

    def hold(self, parts: Sequence[Part]) -> None:
        """Use the least of these parts of the limits from now on; of none nothing."""
        self.concurrency.bound(min((part.count(self._limits.concurrency) for part in parts), default=0))
        of = max((part.of for part in parts), default=1)
        if self._requests is not None and self._limits.requests_per_minute:
            self._requests.pace(self._limits.requests_per_minute / of)
        if self._tokens is not None and self._limits.tokens_per_minute:
            self._tokens.pace(self._limits.tokens_per_minute / of)

    async def close(self) -> None:
        self._timeouts.close()
        if self._opening is not None:
            await self.provider.close()
            self._opening = None

    @property
    def parts(self) -> tuple[Endpoint, ...]:
        return (self,)

    def state(self) -> dict[str, Any]:
        """What it is doing, for progress displays."""
        return {
            "address": self.provider.address,
            "model": self.provider.model.model,
            "in_flight": self.concurrency.in_flight,
            "limit": self.concurrency.limit,
            "peak": self.concurrency.peak,
            "away_for": round(self.health.away_for, 1),
        }

    async def complete(
        self,
        request: Request,
        inflight: InflightRequest,
        usage: Usage,
        keep: Keep,
        state: RequestState,
        *,
        patient: bool,
        roving: bool = False,
    ) -> Sequence[Completion]:
        """Completions for the request, sooner or later: at least one, at most `request.n`.

        `keep` is awaited with them before their place among those in flight is given to another request: so no more
        answers than the limit are ever out without being in the journal, and a kill repeats no more than that. `state`
        is what is known of the request's failures: it stays the caller's. `roving`: another endpoint of the model may
        take it, so that a failed try raises `Elsewhere` at once.

        Raises `Refused` when this request gets none, `ProviderAway` when none will (at once if not `patient`),
        `InputError` when nothing will ever be answered here, `BudgetStop`, `Stopped`.
        """
        if self._opening is None:
            self.health.begin()
            self._opening = asyncio.ensure_future(self.provider.open())
        if not self._opened:
            await asyncio.shield(self._opening)
            self._opened = True
        health = self.health
        way = health.way(request)
        failure: Transient | Refusal
        while True:
            probe = await health.wait_until_closed(way, patient)
            try:
                completions = await self._send(request, inflight, usage, keep, state, way, probe)
            except (Transient, Refusal) as error:
                failure = error
            else:
                if completions is not None:
                    return completions
                continue
            finally:
                if probe:
                    health.probed()
            inflight.busy = False
            if isinstance(failure, Refusal):
                await self._refused(failure, request, way)
                continue
            usage.failures[failure.cause] += 1
            health.failed(state, failure, probe=probe)
            wait = health.next_try(state, failure, patient)
            if roving:
                raise Elsewhere(wait) from failure
            await health.sleep(wait)

    async def _refused(self, refusal: Refusal, request: Request, way: FirstAnswer) -> None:
        """Returns where the request is to be made again in another way; raises what the refusal means."""
        change = self.provider.adapt(refusal, request)
        if change is None:
            raise await self.health.refusal(refusal, way) from refusal
        self._tell(change)

    def _tell(self, change: str | None) -> None:
        if change:
            self.health.notify(ADAPTED, why=change)

    def _look_at_prompt(self, request: Request, completions: Sequence[Completion]) -> None:
        """Tell people once for each model when it does not read its prompts whole."""
        model = request.model.model
        if model not in self._cutting and (why := cut_prompt(request, completions)):
            self._cutting.add(model)
            self.health.notify(CUTTING, why=why)

    async def _send(
        self,
        request: Request,
        inflight: InflightRequest,
        usage: Usage,
        keep: Keep,
        state: RequestState,
        way: FirstAnswer,
        probe: bool,
    ) -> Sequence[Completion] | None:
        """One try, within the limits. None when the endpoint went away while this request waited for its place."""
        guess = used = 0
        await self.concurrency.enter()
        try:
            if self._requests is not None:
                await self._requests.spend(1)
            if self._tokens is not None:
                likely = _likely_tokens(request)
                await self._tokens.spend(likely)
                guess = likely
            if self.health.ended is not None:
                raise self.health.ended
            if (self.health.is_open and not probe) or way.in_doubt or self.health.ending:
                return None
            if self._budget is not None and inflight.worst:
                await self._budget.reserve(inflight.worst)
            inflight.busy = True
            usage.requests += 1
            usage.retries += state.sent > 0
            state.sent += 1
            state.started = time.monotonic()
            if way.there:
                completions = await self._exchange(request, inflight, usage, state)
            else:
                completions = await self._first_exchange(request, inflight, usage, state, way)
            used = _tokens_used(completions, guess)
            self.health.answered()
            await keep(completions)
            return completions
        except Transient as failure:
            used = guess if failure.rule.may_have_cost else 0
            self.health.slow_down(state, failure)
            raise
        except Unauthorised as failure:
            raise self.health.unauthorised(failure) from failure
        finally:
            self.concurrency.leave()
            if self._tokens is not None:
                self._tokens.correct(used - guess)

    async def _first_exchange(
        self, request: Request, inflight: InflightRequest, usage: Usage, state: RequestState, way: FirstAnswer
    ) -> Sequence[Completion]:
        """An exchange before anything that is asked in this way was answered."""
        fresh = not state.tries
        way.leaves(fresh)
        try:
            completions = await self._exchange(request, inflight, usage, state)
        finally:
            way.returns(fresh)
        way.answered()
        return completions

    async def _exchange(
        self, request: Request, inflight: InflightRequest, usage: Usage, state: RequestState
    ) -> Sequence[Completion]:
        """What goes over the wire, its time-out, and its bill."""
        timeout = min(self._limits.timeout, max(1.0, self._limits.total_timeout - state.used))
        spent = inflight.worst
        usage.in_flight += 1
        try:
            with self._timeouts.within(timeout):
                given = await self.provider.complete(request)
            if not given:
                raise Transient("garbage", "an answer without choices")
            if len(given) < request.n:
                self._tell(self.provider.gave_fewer(request, len(given)))
            completions = received(given)
            self._look_at_prompt(request, completions)
            if inflight.worst:
                spent = billed_or(inflight.worst, request.model, completions)
            return completions
        except TimeoutError:
            usage.unknown_bills += 1
            raise Transient("timeout", f"no answer within {timeout:g} seconds") from None
        except Transient as failure:
            spent = usage.book_failure(failure, request.model.price, inflight.worst)
            raise
        except (Refusal, Unauthorised):
            spent = 0.0
            raise
        except Exception as bug:
            message = f"internal error in provider '{self.provider.kind}': {redact(f'{type(bug).__name__}: {bug}')}"
            raise BezoarError(message) from bug
        finally:
            usage.in_flight -= 1
            if self._budget is not None and inflight.worst:
                self._budget.settle(inflight.worst, spent)


def _likely_tokens(request: Request) -> int:
    """A fair guess for tokens per minute, corrected by the bill: four bytes a token, and what the answer may take."""
    size = sum(len(m["content"]) for m in request.messages) // 4
    return size + request.n * (request.max_tokens or 512)


def _tokens_used(completions: Sequence[Completion], guess: int) -> int:
    total = 0
    for c in completions:
        if c.prompt_tokens is None or c.completion_tokens is None:
            return guess
        total += c.prompt_tokens + c.completion_tokens
    return total
