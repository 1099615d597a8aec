"""How hard an endpoint is driven: parts that count and wait, knowing nothing of HTTP or of answers.

Everything belongs to one event loop; times are seconds of a monotonic clock.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from bezoar_data.llms.retry_policy import RetryPolicy

Clock = Callable[[], float]


class AdaptiveConcurrency:
    """At most `limit` requests at once, first come first served.

    The limit starts at the ceiling the user set and shrinks by a third when the endpoint says "too many" or times out
    (once per second or round trip, whichever is longer: one wave of refusals is one sign). When nothing but refusals
    comes back, it falls to what is still in flight: those are the ones the endpoint took. It grows again by a
    thirty-second of the ceiling with each round trip that goes well.
    """

    def __init__(self, ceiling: int, policy: RetryPolicy, clock: Clock = time.monotonic) -> None:
        self.ceiling = ceiling
        self.in_flight = 0
        self.peak = 0
        self._policy = policy
        self._limit = float(ceiling)
        self._step = max(1.0, ceiling * policy.growth)
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

    def grow(self) -> None:
        """A request was answered: let a little more through."""
        if self._limit < self.ceiling:
            self._limit = min(float(self.ceiling), self._limit + self._step / self._limit)
            self._admit()

    def bound(self, ceiling: int) -> None:
        """At most so many from now on. Those in flight beyond it come to their end."""
        was_whole = self._limit >= self.ceiling
        self.ceiling = ceiling
        self._step = max(1.0, ceiling * self._policy.growth)
        self._limit = float(ceiling) if was_whole else min(self._limit, float(ceiling))
        self._admit()

    def shrink(self, round_trip: float = 0.0, *, to_those_in_flight: bool = False) -> None:
        """The endpoint said that this is too much. To be called before the request leaves, so that no other takes
        its place first. `to_those_in_flight`: it has taken no more than those for a while."""
        now = self._clock()
        if now - self._shrunk >= max(1.0, round_trip):
            self._shrunk = now
            self._limit = max(1.0, self._limit * self._policy.shrink)
        if to_those_in_flight:
            self._limit = max(1.0, min(self._limit, self.in_flight - 1.0))
        self._limit = min(self._limit, float(self.ceiling))

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
        self._burst = burst
        self._store = max(1.0, self._rate * burst)
        self._level = self._store
        self._clock = clock
        self._seen = clock()
        self._turn = asyncio.Lock()

    def pace(self, per_minute: float) -> None:
        """So many a minute from now on."""
        self._wait(0.0)
        self._rate = per_minute / 60.0
        self._store = max(1.0, self._rate * self._burst)
        self._level = min(self._level, self._store)

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
