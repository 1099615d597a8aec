"""One endpoint as the gateway drives it: when to send, when to try again, when to wait, when to give up.

Who may be given up, and when, is the heart of it. A request that keeps failing while others are answered is bad in
itself: it is given up after some tries, and only its row is lost. When different requests fail and none succeeds, it
is the endpoint: nothing is given up, everything pauses, one request at a time probes whether it is back, and only
after `max_outage` the run ends, resumable. An endpoint that never said anything, or does not take the key, ends the
run within seconds: then what was given is wrong.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.llms.ask import Refused
from bezoar_data.llms.budget import Budget
from bezoar_data.llms.limits import Gate, Health, Pace, backoff
from bezoar_data.llms.providers.base import Completion, Provider, Refusal, Request, Transient, Unauthorised
from bezoar_data.llms.redact import redact
from bezoar_data.llms.tally import Count, cost_of
from bezoar_data.spec.errors import INTERRUPTED, BezoarError, InputError, Problem, ProviderAway
from bezoar_data.spec.models_file import Model

NO_USABLE_ANSWER = "no_usable_answer"
"""Reason of a row given up after all tries: the endpoint answered, but never with anything that can be used."""

Listen = Callable[[str, Mapping[str, Any]], None]
"""Told of what people should know while it happens: `away`, `back`, with the endpoint's address and why."""


class Stopped(BezoarError):
    """The gateway was asked to stop: no new question is taken."""

    exit_code = INTERRUPTED


class NoAnswer(InputError):
    """The endpoint never said anything: its address is wrong, or it does not run."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to keep trying, beyond the limits a user sets. Seconds."""

    tries: int = 6
    """Failures of one request before it may be given up."""
    first_wait: float = 0.5
    """Back-off after the first failure; doubles with each."""
    at_start: float = 5.0
    """How long an endpoint that never said anything is tried."""
    alone: float = 60.0
    """How long a failing request with no company is tried, when no other tells whether it or the endpoint is bad."""
    probe: float = 5.0
    """Longest wait between two probes of an endpoint that is away."""


@dataclass(slots=True, eq=False)
class Flight:
    """One request on its way through all its tries, as the gateway watches it.

    `busy` is true from sending until the answer is in the journal: what a clean stop waits for.
    """

    busy: bool = False
    worst: float = 0.0
    """What one try can cost at most, in dollars; 0 without a budget."""
    task: asyncio.Task[Any] | None = None


@dataclass(slots=True)
class _Case:
    """What is known of one request's failures."""

    number: int
    sent: int = 0
    tries: int = 0
    """Failures that count against the request."""
    throttled: int = 0
    used: float = 0.0
    """Seconds that count against its total time-out: sending and backing off, not standing in line or pausing."""
    started: float = 0.0
    first_failure: float = 0.0
    seen_well: int = 0
    """Successes of the endpoint when it first failed."""


_OTHERS_WELL = 3
"""Successes of others that show that a failing request is bad in itself."""
_FEW = 4
"""At most so many requests are given up in a row without a success that vouches for the endpoint."""
_CROWD = 8
"""So many "too many requests" in a row hold everybody back, not only those who were told."""
_IMPATIENT = 3
"""Tries of a request that another model could answer instead."""
_WRONG_ADDRESS = (404, 405)
_NOT_FOUND = 3
"""So many "not found" from the start mean that the address or the model's name is wrong."""


class Endpoint:
    """Sends requests to one provider within one model's limits. Belongs to one event loop."""

    def __init__(self, provider: Provider, *, budget: Budget | None, patience: Patience, listen: Listen | None) -> None:
        limits = provider.model.limits
        self.provider = provider
        self.gate = Gate(limits.concurrency)
        self.health = Health()
        self._limits = limits
        self._requests = Pace(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = Pace(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self._budget = budget
        self._patience = patience
        self._listen = listen
        self._numbers = itertools.count()
        self._opening: asyncio.Task[None] | None = None
        self._opened = False
        self._ended: BezoarError | None = None
        self._over = asyncio.Event()
        self._change: asyncio.Future[None] | None = None
        self._probing = False
        self._probes = 0
        self._next_probe = 0.0
        self._held_until = 0.0
        self._began = 0.0

    async def close(self) -> None:
        if self._opening is not None:
            await self.provider.close()
            self._opening = None

    def end(self, error: BezoarError) -> None:
        """No request is sent any more; those that wait raise `error`."""
        if self._ended is None:
            self._ended = error
        self._over.set()
        self._wake()

    @property
    def given_up(self) -> bool:
        """Whether it has been away for longer than a run waits."""
        unknown = not self.health.reached and self._began and time.monotonic() - self._began >= self._patience.at_start
        return bool(unknown) or self.health.trouble >= max(self._limits.max_outage, 1.0)

    def vouched(self, refusal: Refused) -> bool:
        """Whether a refusal may be remembered. "Not found" from an endpoint that never answered anything tells more of
        its address than of the question, and the address is not part of the journal's key."""
        return self.health.successes > 0 or refusal.reason not in [f"http_{status}" for status in _WRONG_ADDRESS]

    def state(self) -> dict[str, Any]:
        """What it is doing, for progress displays."""
        return {
            "address": self.provider.address,
            "model": self.provider.model.model,
            "in_flight": self.gate.in_flight,
            "limit": self.gate.limit,
            "peak": self.gate.peak,
            "away_for": round(self.health.trouble, 1) if self._change is not None else 0.0,
        }

    async def complete(self, request: Request, flight: Flight, count: Count, *, patient: bool) -> Sequence[Completion]:
        """Completions for the request, sooner or later: at least one, at most `request.n`.

        Raises `Refused` when this request gets none, `ProviderAway` when none will (at once if not `patient`),
        `InputError` when nothing will ever be answered here, `BudgetStop`, `Stopped`.
        """
        if self._opening is None:
            self._began = time.monotonic()
            self._opening = asyncio.ensure_future(self.provider.open())
        if not self._opened:
            await asyncio.shield(self._opening)
            self._opened = True
        case = _Case(next(self._numbers))
        while True:
            probe = await self._turn(patient)
            try:
                completions = await self._send(request, flight, count, case, probe)
            except Transient as error:
                flight.busy = False
                count.failures[error.cause] += 1
                self._failed(case, error)
                if self._ended is not None:
                    raise self._ended from error
                await self._sleep(self._next_try(case, error, patient))
            else:
                if completions is not None:
                    return completions
            finally:
                if probe:
                    self._probing = False

    async def _send(
        self, request: Request, flight: Flight, count: Count, case: _Case, probe: bool
    ) -> Sequence[Completion] | None:
        """One try, within the limits. None when the endpoint went away while this request stood in line."""
        if self._requests is not None:
            await self._requests.spend(1)
        guess = 0
        if self._tokens is not None:
            guess = _likely_tokens(request)
            await self._tokens.spend(guess)
        used = 0
        await self.gate.enter()
        try:
            if self._ended is not None:
                raise self._ended
            if not probe and (self._change is not None or self._held_until > time.monotonic()):
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
            self.health.succeeded()
            self.gate.went_well()
            if self._change is not None:
                self._back()
            return completions
        except Transient as error:
            used = guess if error.may_have_cost else 0
            raise
        except Refusal as refusal:
            raise self._refused(refusal, request.model) from refusal
        except Unauthorised as failure:
            denied = self._denied(failure)
            self.end(denied)
            raise denied from failure
        finally:
            self.gate.leave()
            if self._tokens is not None:
                self._tokens.correct(used - guess)

    async def _exchange(self, request: Request, flight: Flight, count: Count, case: _Case) -> Sequence[Completion]:
        """What goes over the wire, its time-out, and its bill."""
        timeout = min(self._limits.timeout, max(1.0, self._limits.total_timeout - case.used))
        spent = flight.worst
        count.in_flight += 1
        try:
            async with asyncio.timeout(timeout):
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

    def _next_try(self, case: _Case, error: Transient, patient: bool) -> float:
        """Seconds until a failed request is tried again. Raises when it is not to be."""
        health, limits = self.health, self._limits
        now = time.monotonic()
        outage = max(limits.max_outage, 1.0)
        if health.trouble >= outage:
            raise self._away(str(error)) from error
        if error.cause == "rate_limited":
            # Whoever is asked for patience has it: this neither counts as a try nor against the total time-out.
            if error.retry_after is not None and error.retry_after > outage:
                raise self._away(f"it asks to wait {error.retry_after:.0f} seconds") from error
            if not patient and health.throttled >= _CROWD:
                raise self._away(str(error)) from error
            case.throttled += 1
            wait = backoff(case.throttled, base=self._patience.first_wait)
            return max(wait, error.retry_after or 0.0)
        if self._change is not None:
            return 0.0  # what fails while the endpoint is away says nothing about the request; `_turn` waits
        if not case.tries:
            case.first_failure, case.seen_well = now, health.successes
        case.tries += 1
        case.used += now - case.started
        if self._may_give_up(case, error, now):
            health.forget(case.number)
            detail = f"{case.tries} tries in {now - case.first_failure:.0f} seconds, the last: {error}"
            raise Refused(NO_USABLE_ANSWER, detail) from error
        if not patient and case.tries >= _IMPATIENT:
            raise self._away(str(error)) from error
        wait = max(backoff(case.tries, base=self._patience.first_wait), error.retry_after or 0.0)
        case.used += wait
        return wait

    async def _turn(self, patient: bool) -> bool:
        """Wait while the endpoint is away or wants to be left alone. True: the caller is to probe it."""
        while True:
            if self._ended is not None:
                raise self._ended
            now = time.monotonic()
            if self._change is None:
                if self._held_until <= now:
                    return False
                await self._sleep(self._held_until - now)
                continue
            if not self._probing and now >= self._next_probe:
                self._probing = True
                return True
            if not patient:
                raise self._away("it does not answer at the moment")
            left = self._limits.max_outage - self.health.trouble
            if left <= 0:
                raise self._away("it did not come back")
            until = left if self._probing else min(left, self._next_probe - now)
            # Woken by a change; else look again when the next probe is due.
            await asyncio.wait([self._change], timeout=until + 0.001)

    def _failed(self, case: _Case, error: Transient) -> None:
        """Draw the conclusions of a failure for everybody."""
        health, now = self.health, time.monotonic()
        if error.cause == "rate_limited":
            health.too_many()
            self.gate.too_many(now - case.started)
            if health.throttled >= _CROWD:
                pause = backoff(
                    health.throttled // _CROWD, base=self._patience.first_wait, ceiling=self._patience.probe
                )
                self._held_until = max(self._held_until, now + max(pause, error.retry_after or 0.0))
        else:
            health.failed(case.number, reached=error.cause not in ("connection", "cut", "timeout"))
            if error.cause in ("timeout", "unavailable"):
                self.gate.too_many(now - case.started)
        if not health.reached and health.unreached >= 3 and now - self._began >= self._patience.at_start:
            self.end(self._nobody(error))
        elif self._change is not None:
            self._plan_probe(error)
        elif health.away:
            self._change = asyncio.get_running_loop().create_future()
            self._probes = 0
            self._plan_probe(error)
            if self._listen is not None:
                self._listen("away", {"address": self.provider.address, "why": str(error)})

    def _plan_probe(self, error: Transient) -> None:
        self._probes += 1
        wait = backoff(min(self._probes, 8), base=self._patience.first_wait, ceiling=self._patience.probe)
        self._next_probe = time.monotonic() + max(wait, error.retry_after or 0.0)

    def _back(self) -> None:
        self._wake()
        self._change = None
        if self._listen is not None:
            self._listen("back", {"address": self.provider.address})

    def _wake(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not through the end of the run."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
            except TimeoutError:
                pass
        if self._ended is not None:
            raise self._ended

    def _may_give_up(self, case: _Case, error: Transient, now: float) -> bool:
        """Whether it is this request that is bad, not the endpoint."""
        health = self.health
        if case.tries < self._patience.tries and case.used < self._limits.total_timeout:
            return False
        if health.successes - case.seen_well >= _OTHERS_WELL:
            return True
        # Nobody else tells: the last rows of a run. A server that answers this one with rubbish for a whole minute,
        # after it has answered others, is taken at its word, a few times in a row.
        alive = error.cause in ("server_error", "garbage", "cut", "timeout") and health.successes > 0
        alone = health.failing <= _FEW and health.given_up < _FEW
        return alive and alone and now - case.first_failure >= min(self._patience.alone, self._limits.max_outage / 2)

    def _bill_failure(self, model: Model, failure: Transient, worst: float, count: Count) -> float:
        if failure.billed is not None:
            cost = cost_of(model.price, *failure.billed)
            count.book(*failure.billed, cost)
            return cost or 0.0
        if failure.may_have_cost:
            count.unknown_bills += 1
            return worst
        return 0.0

    def _refused(self, refusal: Refusal, model: Model) -> BezoarError:
        health = self.health
        health.refused(not_found=refusal.status in _WRONG_ADDRESS)
        if refusal.status in _WRONG_ADDRESS and not health.successes and health.not_found >= _NOT_FOUND:
            message = f"{self.provider.address} does not know the model '{model.model}', or is not the right address"
            wrong = InputError(Problem("not_found", message, hint=f"it says: {refusal.detail}"))
            self.end(wrong)
            return wrong
        return Refused(f"http_{refusal.status}", refusal.detail)

    def _denied(self, failure: Unauthorised) -> InputError:
        variable = self.provider.model.api_key_env
        hint = f"check the key in the environment variable {variable}" if variable else "name the key's variable"
        message = f"{self.provider.address} does not let us in: {failure}"
        return InputError(Problem("unauthorised", message, hint=hint if variable else f"{hint} with api_key_env"))

    def _nobody(self, error: Transient) -> NoAnswer:
        message = f"no answer from {self.provider.address}: {error.detail or error.cause}"
        return NoAnswer(Problem("no_answer", message, hint="is the address right, and does the server run?"))

    def _away(self, why: str) -> ProviderAway:
        return ProviderAway(
            f"{self.provider.address} has been away for {self.health.trouble:.0f} seconds ({why}). "
            "What was answered is kept: the same command goes on from here"
        )


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
