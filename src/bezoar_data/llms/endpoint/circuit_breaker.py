"""What each failure of a request does to its endpoint and to the request itself, by `RetryPolicy`.

The circuit breaker is closed while requests may be sent. It opens when different requests fail and none is answered;
then one request at a time probes whether the endpoint is back.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.endpoint.first_answer import FirstAnswer
from bezoar_data.llms.endpoint.health import EndpointHealth, OnEvent
from bezoar_data.llms.endpoint.limits import AdaptiveConcurrency
from bezoar_data.llms.providers.base import Provider
from bezoar_data.llms.refusals import RefusalReason
from bezoar_data.llms.retry_policy import Refusal, RetryPolicy, Transient, Unauthorised

NO_USABLE_ANSWER: RefusalReason = "no_usable_answer"
"""Reason of a row given up after all tries: the endpoint answered, but never with anything that can be used."""
CONTENT_FILTER: RefusalReason = "content_filter"
TOO_LARGE: RefusalReason = "too_large"
"""Reason of a row whose one request is larger than the endpoint's rate limit, as that says itself."""


@dataclass(slots=True, eq=False)
class RequestState:
    """What is known of one request's failures."""

    sent: int = 0
    tries: int = 0
    """Failures that count against the request."""
    rate_limited: int = 0
    used: float = 0.0
    """Seconds that count against its total time-out: sending and backing off, not waiting for its turn."""
    started: float = 0.0
    first_failure: float = 0.0
    at: dict[EndpointHealth, FailedAt] = field(default_factory=dict)
    """Where it failed: several endpoints where a model has them."""

    def others_answered(self) -> int:
        """How many others were answered since by the endpoints at which it failed."""
        return sum(health.answers - failed.answers_before for health, failed in self.at.items())

    def tries_beside_others(self) -> int:
        """Its failures at endpoints that answered others since: the rest may be the endpoints' fault."""
        return sum(failed.tries for health, failed in self.at.items() if health.answers > failed.answers_before)


@dataclass(slots=True)
class FailedAt:
    """A request's failures at one endpoint."""

    answers_before: int
    """Answers of the endpoint when it first failed there."""
    tries: int = 0


class CircuitBreaker(EndpointHealth):
    """Whether requests may be sent one by one to one endpoint. Belongs to one event loop."""

    def __init__(
        self, provider: Provider, policy: RetryPolicy, concurrency: AdaptiveConcurrency, on_event: OnEvent | None
    ) -> None:
        super().__init__(provider, policy, on_event)
        self._limits = provider.model.limits
        self._concurrency = concurrency
        self._began = 0.0
        self._all_well = True
        self._failing: set[RequestState] = set()
        """Requests that failed since the last answer."""
        self._unreached = 0
        self._unusable = 0
        self._unusable_since = 0.0
        self._rate_limited = 0
        self._given_up = 0
        self._told = False
        self._blocked = 0
        """Requests that a page forbade since the last answer."""
        self._closing: asyncio.Future[None] | None = None
        """While the breaker is open: done when it closes, or the run ends."""
        self._probing = False
        self._probes = 0
        self._next_probe = 0.0
        self._paused_until = 0.0
        self._pauses = 0

    @property
    def is_open(self) -> bool:
        """Whether nobody but a probe may send right now."""
        return self._closing is not None or self._paused_until > time.monotonic()

    @property
    def may_be_tried(self) -> bool:
        """Whether a request that is sent now would not have to wait: it is closed, or a probe is due."""
        now = time.monotonic()
        if self._closing is None:
            return self._paused_until <= now
        return not self._probing and self._next_probe <= now

    @property
    def is_failing(self) -> bool:
        """Whether requests failed, and none was answered since."""
        return bool(self._failing)

    @property
    def away_for(self) -> float:
        """Seconds since the endpoint went away; 0 while it is there."""
        return self.trouble if self._closing is not None else 0.0

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self, error: BezoarError) -> None:
        super().end(error)
        self._wake()

    def answered(self) -> None:
        """A request was answered."""
        self.answers += 1
        self.reached = True
        self._pauses = 0
        self._concurrency.grow()
        if not self._all_well:
            self._all_well = True
            self._told = False
            self._trouble_since = None
            self._unreached = self._unusable = self._rate_limited = self._given_up = self._blocked = 0
            self._failing.clear()
        if self._closing is not None:
            self._wake()
            self._closing = None
            self.notify("back")

    async def refusal(self, refusal: Refusal, way: FirstAnswer) -> BezoarError:
        self._all_well = False
        self._unreached = self._unusable = 0
        return await super().refusal(refusal, way)

    def unauthorised(self, failure: Unauthorised) -> BezoarError:
        """A page of a firewall may be about this one request, where others are answered: a few are let pass."""
        if not failure.page or not self.answers or self._blocked >= self.policy.few:
            return super().unauthorised(failure)
        self._all_well = False
        self._blocked += 1
        return Refused(CONTENT_FILTER, str(failure), lasting=False)

    async def wait_until_closed(self, way: FirstAnswer, patient: bool) -> bool:
        """Wait until a request may be sent. True: it is a probe, and `probed` is to be called after it.

        Raises `ProviderAway` when the endpoint stays away, at once for who is not `patient`.
        """
        if way.in_doubt or self.ending:
            await self.until_known(way)
        while True:
            if self.ended is not None:
                raise self.ended
            now = time.monotonic()
            if self._closing is None:
                if self._paused_until <= now:
                    return False
                await self.sleep(self._paused_until - now)
                continue
            if not self._probing and now >= self._next_probe:
                self._probing = True
                return True
            if not patient:
                raise self.away("it does not answer at the moment")
            left = self.max_outage - self.trouble
            if left <= 0:
                raise self.away("it did not come back")
            until = left if self._probing else min(left, self._next_probe - now)
            # Woken by a change; else look again when the next probe is due.
            await asyncio.wait([self._closing], timeout=until + 0.001)

    def probed(self) -> None:
        """The probe came back, one way or the other."""
        self._probing = False

    def slow_down(self, state: RequestState, failure: Transient) -> None:
        """Let fewer requests through after an overload. To be called before the failed one leaves its place."""
        if not failure.rule.overload:
            return
        now, spent = time.monotonic(), False
        if failure.cause == "rate_limited":
            self._in_trouble()
            self.reached = True
            self._unreached = 0
            self._rate_limited += 1
            spent = self._rate_limited >= self.policy.rate_limited
        self._concurrency.shrink(now - state.started, to_those_in_flight=spent)
        if spent and self._concurrency.in_flight <= 1:
            # It takes nothing at all: a spent quota, not too many requests at once.
            self._pauses += 1
            pause = self._backoff(self._pauses, self.policy.probe)
            self._paused_until = max(self._paused_until, now + max(pause, failure.retry_after or 0.0))

    def failed(self, state: RequestState, failure: Transient, *, probe: bool) -> None:
        """What a failure says of the endpoint: it may open the circuit breaker, or end the run."""
        if failure.rule.is_try:
            self._in_trouble()
            self._failing.add(state)
            if failure.rule.reached:
                self.reached = True
                self._unreached = 0
            else:
                self._unreached += 1
            self._count_unusable(failure)
        never_there = not self.reached and self._unreached >= self.policy.unreached
        if never_there and time.monotonic() - self._began >= self.policy.at_start:
            self.no_answer(failure)
        elif self._never_usable:
            self.not_usable(failure)
        elif self._closing is not None:
            if probe:
                self._plan_probe(failure)
        elif self.trouble >= self.policy.silent and not self._told:
            self._told = True
            self.notify("not answering", why=str(failure))
        elif len(self._failing) >= self.policy.failing:
            self._closing = asyncio.get_running_loop().create_future()
            self._probes = 0
            self._plan_probe(failure)
            self.notify("away", why=str(failure))

    def next_try(self, state: RequestState, failure: Transient, patient: bool) -> float:
        """Seconds until a failed request is tried again. Raises when it is not to be."""
        now = time.monotonic()
        if self.ended is not None:
            raise self.ended from failure
        if self.trouble >= self.max_outage:
            raise self.away(str(failure)) from failure
        if not failure.rule.is_try:
            return self._rate_limit_wait(state, failure, patient)
        if self._closing is not None:
            return 0.0  # what fails while the endpoint is away says nothing of the request
        if not state.tries:
            state.first_failure = now
        state.tries += 1
        state.at.setdefault(self, FailedAt(self.answers)).tries += 1
        state.used += now - state.started
        if self._is_the_requests_fault(state, failure, now):
            self._given_up += 1
            self._failing.discard(state)
            if not self._failing:
                self._trouble_since = None
            detail = f"{state.tries} tries in {now - state.first_failure:.0f} seconds, the last: {failure}"
            raise Refused(NO_USABLE_ANSWER, detail) from failure
        if not patient and state.tries >= self.policy.tries_with_fallback:
            raise self.away(str(failure)) from failure
        wait = max(self._backoff(state.tries), failure.retry_after or 0.0)
        state.used += wait
        return wait

    def _rate_limit_wait(self, state: RequestState, failure: Transient, patient: bool) -> float:
        """Who is asked to wait does: it is neither a try nor does it count against the total time-out."""
        asked = failure.retry_after or 0.0
        if asked > self.max_outage:
            raise self.away(f"it asks to wait {asked:.0f} seconds") from failure
        if not patient and self._rate_limited >= self.policy.rate_limited:
            raise self.away(str(failure)) from failure
        if failure.too_large and state.rate_limited >= self.policy.too_large:
            raise Refused(TOO_LARGE, failure.detail) from failure
        state.rate_limited += 1
        return max(self.policy.backoff(state.rate_limited), asked)

    def _is_the_requests_fault(self, state: RequestState, failure: Transient, now: float) -> bool:
        policy = self.policy
        if state.tries < policy.tries and state.used < self._limits.total_timeout:
            return False
        worn_out = state.tries_beside_others() >= policy.tries or state.used >= self._limits.total_timeout
        if worn_out and state.others_answered() >= policy.others_answered:
            return True
        # No other request tells: the last rows of a run. An endpoint that has answered others and fails this one for
        # a whole minute is taken at its word, a few times in a row.
        few = len(self._failing) <= policy.few and self._given_up < policy.few
        long_enough = now - state.first_failure >= min(policy.alone, self._limits.max_outage / 2)
        return failure.rule.alone and self.answers > 0 and few and long_enough

    def _count_unusable(self, failure: Transient) -> None:
        if self.answers or failure.cause != "garbage":
            self._unusable = 0
            return
        if not self._unusable:
            self._unusable_since = time.monotonic()
        self._unusable += 1

    @property
    def _never_usable(self) -> bool:
        """Whether all that ever came was unusable, for as long as an address is tried, with nothing else on its way."""
        waited = self._unusable >= self.policy.unreached and not any(way.fresh for way in self._ways.values())
        return waited and time.monotonic() - self._unusable_since >= self.policy.at_start

    def _backoff(self, failures: int, longest: float | None = None) -> float:
        # Short while nothing came that can be used: a wrong address is to be reported within seconds.
        heard = self.reached and not self._unusable
        return self.policy.backoff(failures, longest if heard else self.policy.longest_wait_at_start)

    def _plan_probe(self, failure: Transient) -> None:
        self._probes += 1
        wait = self._backoff(min(self._probes, 8), self.policy.probe)
        self._next_probe = time.monotonic() + max(wait, failure.retry_after or 0.0)

    def _in_trouble(self) -> None:
        super()._in_trouble()
        self._all_well = False

    def _wake(self) -> None:
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)
