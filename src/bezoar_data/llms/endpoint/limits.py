"""How hard an endpoint is driven: parts that count and wait, knowing nothing of HTTP or of answers.

`AdaptiveConcurrency` bounds the requests in flight and moves that bound with what the endpoint bears. `RateLimiter`
spreads requests and tokens over the minute. `Health` remembers how the last requests went and tells one bad row from a
bad endpoint. Everything belongs to one event loop; times are seconds of a monotonic clock. Back-off is random by
design, so that clients do not return in step; only waiting times come of it, never results.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable

Clock = Callable[[], float]

_jitter = random.Random()
"""Its own generator: drawing from the global one would change what steps draw from theirs."""


def backoff(tries: int, *, base: float = 0.5, ceiling: float = 30.0) -> float:
    """Seconds to wait after the `tries`-th failure (from 1): doubling, and half of it left to chance."""
    full = min(ceiling, base * 2.0 ** min(tries - 1, 30))
    return full * (0.5 + 0.5 * _jitter.random())


class AdaptiveConcurrency:
    """At most `limit` requests at once, first come first served.

    The limit starts at the ceiling the user set and shrinks by a third when the endpoint says "too many" or times out
    (once per second or round trip, whichever is longer: one wave of refusals is one sign). When nothing but refusals
    comes back, it falls to what is still in flight: those are the ones the endpoint took. It grows again by a
    thirty-second of the ceiling with each round trip that goes well.
    """

    SHRINK = 0.65
    GROWTH = 1 / 32

    def __init__(self, ceiling: int, clock: Clock = time.monotonic) -> None:
        self.ceiling = ceiling
        self.in_flight = 0
        self.peak = 0
        self._limit = float(ceiling)
        self._step = max(1.0, ceiling * self.GROWTH)
        self._clock = clock
        self._shrunk = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        return int(self._limit)

    async def enter(self) -> None:
        """Wait for a place. Each call that returns must be followed by one `leave`."""
        if self.in_flight < int(self._limit) and not self._waiting:
            self._take()
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # the place was ours already: hand it on
            raise

    def leave(self) -> None:
        self.in_flight -= 1
        self._admit()

    def went_well(self) -> None:
        """A request was answered: let a little more through."""
        if self._limit < self.ceiling:
            self._limit = min(float(self.ceiling), self._limit + self._step / self._limit)
            self._admit()

    def too_many(self, round_trip: float = 0.0, *, crowd: bool = False) -> None:
        """The endpoint said that this is too much. To be called before the request leaves, so that no other takes
        its place first. `crowd`: it says nothing else any more."""
        now = self._clock()
        if now - self._shrunk >= max(1.0, round_trip):
            self._shrunk = now
            self._limit = max(1.0, self._limit * self.SHRINK)
        if crowd:
            self._limit = max(1.0, min(self._limit, self.in_flight - 1.0))

    def _take(self) -> None:
        self.in_flight += 1
        if self.in_flight > self.peak:
            self.peak = self.in_flight

    def _admit(self) -> None:
        while self._waiting and self.in_flight < int(self._limit):
            place = self._waiting.popleft()
            if not place.done():
                self._take()
                place.set_result(None)


class RateLimiter:
    """At most so many units (requests, tokens) per minute, evenly spread: a tenth of a second's worth may come at once.

    What a request will take in tokens is known only afterwards: `spend` takes an estimate, `correct` the difference.
    One that is larger than the store passes when the store is full and leaves a debt that later ones wait for.
    """

    def __init__(self, per_minute: float, clock: Clock = time.monotonic, burst: float = 0.1) -> None:
        self._rate = per_minute / 60.0
        self._store = max(1.0, self._rate * burst)
        self._level = self._store
        self._clock = clock
        self._seen = clock()
        self._turn = asyncio.Lock()

    async def spend(self, units: float) -> None:
        """Wait until so many units may be used, and use them. First come, first served."""
        async with self._turn:
            while (wait := self._wait(units)) > 0:  # noqa: ASYNC110 - time passes by itself, nobody tells of it
                await asyncio.sleep(wait)
            self._level -= units

    def correct(self, units: float) -> None:
        """Take `units` more (or give back, when negative) than was spent."""
        self._level = min(self._store, self._level - units)

    def _wait(self, units: float) -> float:
        now = self._clock()
        self._level = min(self._store, self._level + (now - self._seen) * self._rate)
        self._seen = now
        missing = min(units, self._store) - self._level
        return 0.0 if missing <= 1e-9 else missing / self._rate


class Health:
    """What the last requests say about the endpoint.

    A row whose request keeps failing may be given up only if others are answered meanwhile: otherwise it is the
    endpoint that fails, and then nothing is given up but everything waits. `AWAY_AFTER` different requests failing
    with no success in between make an endpoint count as away. "Too many requests" is no failure of that kind: it only
    starts the clock of `trouble`.
    """

    AWAY_AFTER = 8

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.successes = 0
        self.reached = False
        """Whether the endpoint ever said anything, be it a refusal."""
        self.trouble_since: float | None = None
        self.unreached = 0
        """Requests in a row that did not get through to it."""
        self.throttled = 0
        """Answers "too many requests" in a row."""
        self.not_found = 0
        """Answers "no such address or model" in a row."""
        self.given_up = 0
        """Requests given up as bad in themselves since the last success."""
        self._failing: set[int] = set()
        self._clean = True

    @property
    def failing(self) -> int:
        """How many different requests failed since the last success."""
        return len(self._failing)

    @property
    def trouble(self) -> float:
        """Seconds since the first failure that no success has followed; 0 when all is well."""
        return 0.0 if self.trouble_since is None else self._clock() - self.trouble_since

    @property
    def away(self) -> bool:
        return len(self._failing) >= self.AWAY_AFTER

    def succeeded(self) -> None:
        self.successes += 1
        if not self._clean:
            self._clean = True
            self.trouble_since = None
            self.unreached = self.throttled = self.not_found = self.given_up = 0
            self._failing.clear()
        self.reached = True

    def refused(self, *, not_found: bool) -> None:
        """It refused one request for good: it is there, which says nothing of how well it answers."""
        self._clean = False
        self.reached = True
        self.unreached = 0
        self.not_found += not_found

    def too_many(self) -> None:
        self._trouble()
        self.reached = True
        self.unreached = 0
        self.throttled += 1

    def failed(self, request: int, *, reached: bool) -> None:
        self._trouble()
        self._failing.add(request)
        if reached:
            self.reached = True
            self.unreached = 0
        else:
            self.unreached += 1

    def forget(self, request: int) -> None:
        """A request was given up as bad in itself: it no longer speaks against the endpoint."""
        self.given_up += 1
        self._failing.discard(request)
        if not self._failing:
            self.trouble_since = None

    def _trouble(self) -> None:
        self._clean = False
        if self.trouble_since is None:
            self.trouble_since = self._clock()
