"""One endpoint as the gateway drives it: opened once, sent to within its limits, tried again while that makes sense.

What a failure means, and whether to try, wait or give up, is the watch's to say (`watch`); this is the way a request
takes: its turn, its pace, its place, its money, its time-out, its bill.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.endpoint.budget import Budget
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.limits import AdaptiveConcurrency, RateLimiter
from bezoar_data.llms.endpoint.retry import CircuitBreaker, OnEvent, RequestState, RetryPolicy
from bezoar_data.llms.endpoint.timeouts import Deadlines
from bezoar_data.llms.endpoint.usage import Usage, cost_of
from bezoar_data.llms.providers.base import Completion, Provider, Refusal, Request, Transient, Unauthorised
from bezoar_data.llms.redact import redact

Keep = Callable[[Sequence[Completion]], Awaitable[None]]
"""Puts completions where they are safe."""


class Endpoint:
    """Sends requests to one provider within one model's limits. Belongs to one event loop."""

    def __init__(
        self, provider: Provider, *, budget: Budget | None, retry: RetryPolicy, on_event: OnEvent | None
    ) -> None:
        limits = provider.model.limits
        self.provider = provider
        self.gate = AdaptiveConcurrency(limits.concurrency)
        self.watch = CircuitBreaker(provider.address, limits, retry, self.gate, on_event)
        self._limits = limits
        self._requests = RateLimiter(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = RateLimiter(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self._budget = budget
        self._deadlines = Deadlines()
        self._numbers = itertools.count()
        self._opening: asyncio.Task[None] | None = None
        self._opened = False

    async def close(self) -> None:
        self._deadlines.close()
        if self._opening is not None:
            await self.provider.close()
            self._opening = None

    def state(self) -> dict[str, Any]:
        """What it is doing, for progress displays."""
        return {
            "address": self.provider.address,
            "model": self.provider.model.model,
            "in_flight": self.gate.in_flight,
            "limit": self.gate.limit,
            "peak": self.gate.peak,
            "away_for": round(self.watch.away_for, 1),
        }

    async def complete(
        self, request: Request, flight: InflightRequest, count: Usage, keep: Keep, *, patient: bool
    ) -> Sequence[Completion]:
        """Completions for the request, sooner or later: at least one, at most `request.n`.

        `keep` is awaited with them before their place among those in flight is given to another request: so no more
        answers than the limit are ever out without being in the journal, and a kill repeats no more than that.

        Raises `Refused` when this request gets none, `ProviderAway` when none will (at once if not `patient`),
        `InputError` when nothing will ever be answered here, `BudgetStop`, `Stopped`.
        """
        if self._opening is None:
            self.watch.begin()
            self._opening = asyncio.ensure_future(self.provider.open())
        if not self._opened:
            await asyncio.shield(self._opening)
            self._opened = True
        case, watch = RequestState(next(self._numbers)), self.watch
        while True:
            probe = await watch.turn(patient)
            try:
                completions = await self._send(request, flight, count, keep, case, probe)
            except Transient as failure:
                error = failure
            else:
                if completions is not None:
                    return completions
                continue
            finally:
                if probe:
                    watch.probed()
            flight.busy = False
            count.failures[error.cause] += 1
            watch.failed(case, error, probe=probe)
            if watch.ended is not None:
                raise watch.ended from error
            await watch.sleep(watch.next_try(case, error, patient))

    async def _send(
        self, request: Request, flight: InflightRequest, count: Usage, keep: Keep, case: RequestState, probe: bool
    ) -> Sequence[Completion] | None:
        """One try, within the limits. None when the endpoint went away while this request stood in line."""
        guess = used = 0
        await self.gate.enter()
        try:
            if self._requests is not None:
                await self._requests.spend(1)
            if self._tokens is not None:
                likely = _likely_tokens(request)
                await self._tokens.spend(likely)
                guess = likely
            if self.watch.ended is not None:
                raise self.watch.ended
            if self.watch.closed and not probe:
                return None
            if self._budget is not None and flight.worst:
                await self._budget.reserve(flight.worst)
            flight.busy = True
            count.requests += 1
            count.retries += case.sent > 0
            case.sent += 1
            case.started = time.monotonic()
            completions = await self._exchange(request, flight, count, case)
            used = _tokens_used(completions, guess)
            self.watch.succeeded()
            await keep(completions)
            return completions
        except Transient as error:
            used = guess if error.may_have_cost else 0
            self.watch.slow_down(case, error)
            raise
        except Refusal as refusal:
            raise self.watch.refused(refusal, request.model.model) from refusal
        except Unauthorised as failure:
            denied = self._denied(failure)
            self.watch.end(denied)
            raise denied from failure
        finally:
            self.gate.leave()
            if self._tokens is not None:
                self._tokens.correct(used - guess)

    async def _exchange(
        self, request: Request, flight: InflightRequest, count: Usage, case: RequestState
    ) -> Sequence[Completion]:
        """What goes over the wire, its time-out, and its bill."""
        timeout = min(self._limits.timeout, max(1.0, self._limits.total_timeout - case.used))
        spent = flight.worst
        count.in_flight += 1
        try:
            with self._deadlines.within(timeout):
                completions = await self.provider.complete(request)
            if not completions:
                raise Transient("garbage", "an answer without choices")
            if flight.worst:
                spent = _bill(request.model, completions, flight.worst)
            return completions
        except TimeoutError:
            count.unknown_bills += 1
            raise Transient("timeout", f"no answer within {timeout:g} seconds") from None
        except Transient as error:
            spent = self._bill_failure(request.model, error, flight.worst, count)
            raise
        except (Refusal, Unauthorised):
            spent = 0.0
            raise
        except Exception as bug:
            message = f"provider '{self.provider.kind}' broke: {redact(f'{type(bug).__name__}: {bug}')}"
            raise BezoarError(message) from bug
        finally:
            count.in_flight -= 1
            if self._budget is not None and flight.worst:
                self._budget.settle(flight.worst, spent)

    def _bill_failure(self, model: Model, failure: Transient, worst: float, count: Usage) -> float:
        if failure.billed is not None:
            cost = cost_of(model.price, *failure.billed)
            count.book(*failure.billed, cost)
            return cost or 0.0
        if failure.may_have_cost:
            count.unknown_bills += 1
            return worst
        return 0.0

    def _denied(self, failure: Unauthorised) -> InputError:
        variable = self.provider.model.api_key_env
        hint = f"check the key in the environment variable {variable}" if variable else "name the key's variable"
        message = f"{self.provider.address} does not let us in: {failure}"
        return InputError(Problem("unauthorised", message, hint=hint if variable else f"{hint} with api_key_env"))


def _bill(model: Model, completions: Sequence[Completion], worst: float) -> float:
    """What a try cost in the eyes of the budget: the bill, or the worst when the endpoint gave none."""
    total = 0.0
    for c in completions:
        if c.prompt_tokens is None or c.completion_tokens is None:
            return worst
        total += cost_of(model.price, c.prompt_tokens, c.completion_tokens) or 0.0
    return total


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
