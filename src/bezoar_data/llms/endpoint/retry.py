"""Watches one endpoint: is it well, away or never there, and what that means for those who wait to ask.

Who may be given up, and when, is the heart of it. A request that keeps failing while others are answered is bad in
itself: it is given up after some tries, and only its row is lost. When different requests fail and none succeeds, it
is the endpoint: nothing is given up, everything pauses, one request at a time probes whether it is back, and only
after `max_outage` the run ends, resumable. An endpoint that never said anything ends the run within seconds: then what
was given is wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.errors import INTERRUPTED, BezoarError, InputError, ProviderAway
from bezoar_data.config.files.models import Limits
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.endpoint.limits import AdaptiveConcurrency, Health, backoff
from bezoar_data.llms.providers.base import Refusal, Transient

NO_USABLE_ANSWER = "no_usable_answer"
"""Reason of a row given up after all tries: the endpoint answered, but never with anything that can be used."""

OnEvent = Callable[[str, Mapping[str, Any]], None]
"""Told of what people should know while it happens: `away`, `back`, with the endpoint's address and why."""


class Stopped(BezoarError):
    """The gateway was asked to stop: no new question is taken."""

    exit_code = INTERRUPTED


class NoAnswer(InputError):
    """The endpoint never said anything: its address is wrong, or it does not run."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
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


@dataclass(slots=True)
class RequestState:
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
"""So many "too many requests" in a row speak for the endpoint, not for the requests that were told."""
_IMPATIENT = 3
"""Tries of a request that another model could answer instead."""
_WRONG_ADDRESS = (404, 405)
_NOT_FOUND = 3
"""So many "not found" from the start mean that the address or the model's name is wrong."""


class CircuitBreaker:
    """The state of one endpoint, drawn from how its requests go. Belongs to one event loop."""

    def __init__(
        self, address: str, limits: Limits, retry: RetryPolicy, gate: AdaptiveConcurrency, on_event: OnEvent | None
    ) -> None:
        self.ended: BezoarError | None = None
        self.health = Health()
        self._address = address
        self._limits = limits
        self._retry = retry
        self._gate = gate
        self._on_event = on_event
        self._over = asyncio.Event()
        self._change: asyncio.Future[None] | None = None
        """While the endpoint is away: done when it is back, or the run over."""
        self._probing = False
        self._probes = 0
        self._next_probe = 0.0
        self._held_until = 0.0
        self._holds = 0
        self._began = 0.0

    @property
    def away_for(self) -> float:
        """Seconds since it went away; 0 while it is there."""
        return self.health.trouble if self._change is not None else 0.0

    @property
    def given_up(self) -> bool:
        """Whether it has been away for longer than a run waits."""
        return self.ended is not None or self.health.trouble >= self._longest_outage

    @property
    def closed(self) -> bool:
        """Whether nobody but a probe may send right now."""
        return self._change is not None or self._held_until > time.monotonic()

    @property
    def _longest_outage(self) -> float:
        return max(self._limits.max_outage, 1.0)

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self, error: BezoarError) -> None:
        """No request is sent any more; those that wait raise `error`."""
        if self.ended is None:
            self.ended = error
        self._over.set()
        self._wake()

    def vouched(self, refusal: Refused) -> bool:
        """Whether a refusal may be remembered. "Not found" from an endpoint that never answered anything tells more of
        its address than of the question, and the address is not part of the journal's key."""
        return self.health.successes > 0 or refusal.reason not in [f"http_{status}" for status in _WRONG_ADDRESS]

    def succeeded(self) -> None:
        self.health.succeeded()
        self._holds = 0
        self._gate.went_well()
        if self._change is not None:
            self._wake()
            self._change = None
            self._tell("back")

    def probed(self) -> None:
        """The probe that `turn` asked for came back, one way or the other."""
        self._probing = False

    async def turn(self, patient: bool) -> bool:
        """Wait while the endpoint is away or wants to be left alone. True: the caller is to probe it."""
        while True:
            if self.ended is not None:
                raise self.ended
            now = time.monotonic()
            if self._change is None:
                if self._held_until <= now:
                    return False
                await self.sleep(self._held_until - now)
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

    def slow_down(self, case: RequestState, error: Transient) -> None:
        """Let fewer through after a failure that says so. Before the failed request leaves its place."""
        if error.cause == "rate_limited":
            now, gate = time.monotonic(), self._gate
            self.health.too_many()
            crowd = self.health.throttled >= _CROWD
            gate.too_many(now - case.started, crowd=crowd)
            if crowd and gate.in_flight <= 1:
                # It takes nothing at all: a spent quota, not too many at once.
                self._holds += 1
                pause = self._backoff(self._holds, self._retry.probe)
                self._held_until = max(self._held_until, now + max(pause, error.retry_after or 0.0))
        elif error.cause in ("timeout", "unavailable"):
            self._gate.too_many(time.monotonic() - case.started)

    def failed(self, case: RequestState, error: Transient, *, probe: bool) -> None:
        """Draw the conclusions of a failure for everybody."""
        health, now = self.health, time.monotonic()
        if error.cause != "rate_limited":
            health.failed(case.number, reached=error.cause not in ("connection", "cut", "timeout"))
        if not health.reached and health.unreached >= 3 and now - self._began >= self._retry.at_start:
            self.end(self._nobody(error))
        elif self._change is not None:
            if probe:
                self._plan_probe(error)
        elif health.away:
            self._change = asyncio.get_running_loop().create_future()
            self._probes = 0
            self._plan_probe(error)
            self._tell("away", why=str(error))

    def _backoff(self, tries: int, ceiling: float = 30.0) -> float:
        # Short while it never said anything: a wrong address is to be told within seconds.
        return backoff(tries, base=self._retry.first_wait, ceiling=ceiling if self.health.reached else 1.0)

    def _plan_probe(self, error: Transient) -> None:
        self._probes += 1
        wait = self._backoff(min(self._probes, 8), self._retry.probe)
        self._next_probe = time.monotonic() + max(wait, error.retry_after or 0.0)

    def _wake(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not through the end of the run."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
            except TimeoutError:
                pass
        if self.ended is not None:
            raise self.ended

    def _may_give_up(self, case: RequestState, error: Transient, now: float) -> bool:
        """Whether it is this request that is bad, not the endpoint."""
        health = self.health
        if case.tries < self._retry.tries and case.used < self._limits.total_timeout:
            return False
        if health.successes - case.seen_well >= _OTHERS_WELL:
            return True
        # Nobody else tells: the last rows of a run. A server that answers this one with rubbish for a whole minute,
        # after it has answered others, is taken at its word, a few times in a row.
        alive = error.cause in ("server_error", "garbage", "cut", "timeout") and health.successes > 0
        alone = health.failing <= _FEW and health.given_up < _FEW
        return alive and alone and now - case.first_failure >= min(self._retry.alone, self._limits.max_outage / 2)

    def next_try(self, case: RequestState, error: Transient, patient: bool) -> float:
        """Seconds until a failed request is tried again. Raises when it is not to be."""
        health, now, outage = self.health, time.monotonic(), self._longest_outage
        if health.trouble >= outage:
            raise self._away(str(error)) from error
        if error.cause == "rate_limited":
            # Whoever is asked for patience has it: this neither counts as a try nor against the total time-out.
            if error.retry_after is not None and error.retry_after > outage:
                raise self._away(f"it asks to wait {error.retry_after:.0f} seconds") from error
            if not patient and health.throttled >= _CROWD:
                raise self._away(str(error)) from error
            case.throttled += 1
            wait = backoff(case.throttled, base=self._retry.first_wait)
            return max(wait, error.retry_after or 0.0)
        if self._change is not None:
            return 0.0  # what fails while the endpoint is away says nothing about the request; `turn` waits
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
        wait = max(self._backoff(case.tries), error.retry_after or 0.0)
        case.used += wait
        return wait

    def refused(self, refusal: Refusal, model: str) -> BezoarError:
        """What a refusal is to the run: one row's loss, or the sign of a wrong address."""
        health = self.health
        health.refused(not_found=refusal.status in _WRONG_ADDRESS)
        if refusal.status in _WRONG_ADDRESS and not health.successes and health.not_found >= _NOT_FOUND:
            message = f"{self._address} does not know the model '{model}', or is not the right address"
            wrong = InputError(Problem("not-found", message, hint=f"it says: {refusal.detail}"))
            self.end(wrong)
            return wrong
        return Refused(f"http_{refusal.status}", refusal.detail)

    def _nobody(self, error: Transient) -> NoAnswer:
        message = f"no answer from {self._address}: {error.detail or error.cause}"
        return NoAnswer(Problem("no-answer", message, hint="is the address right, and does the server run?"))

    def _away(self, why: str) -> ProviderAway:
        return ProviderAway(
            f"{self._address} has been away for {self.health.trouble:.0f} seconds ({why}). "
            "What was answered is kept: the same command goes on from here"
        )

    def _tell(self, what: str, **more: str) -> None:
        if self._on_event is not None:
            self._on_event(what, {"address": self._address, **more})
