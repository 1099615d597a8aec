"""How fast a run goes and how long it has left, for models that take a millisecond or a minute for an answer.

Answers come in waves, as many at once as requests are in flight, so what counts is the time from one piece of work to
another, never from a piece of work to now: else the time left would grow between two waves and fall with each.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

RECENT = 30.0
"""Seconds over which the pace is taken at least..."""
ENOUGH = 20
"""...and pieces of work that it is taken from at least, as far as there were so many."""
KNOWN = 5
"""Pieces of work, and seconds, before anything is said of the time left."""


class Pace:
    """Pieces of work over time. Times are seconds of a monotonic clock."""

    def __init__(self, now: float) -> None:
        self._left: float | None = None
        self._left_at = now
        self.restart(now, 0)

    def restart(self, now: float, work: int) -> None:
        """What was done so far says nothing of what follows."""
        self._seen = deque([(now, work)])
        self._left = None

    def see(self, now: float, work: int) -> None:
        """So much work is done by now."""
        if work == self._seen[-1][1]:
            return
        self._seen.append((now, work))
        while len(self._seen) > 2 and now - self._seen[1][0] >= RECENT and work - self._seen[1][1] >= ENOUGH:
            self._seen.popleft()

    def per_second(self, now: float) -> float:
        """Pieces of work a second; 0 while fewer than two are done."""
        (begin, before), (last, work) = self._seen[0], self._seen[-1]
        if work - before < 2:
            return 0.0
        # Longer without news than ever before: it has become slower.
        times = [time for time, _ in self._seen]
        gap = max(after - before for before, after in pairwise(times))
        return (work - before) / max(max(last, now - gap) - begin, 1e-6)

    def left(self, now: float, rest: int) -> float | None:
        """Seconds until the rest is done: runs down with the clock, and follows what is learnt slowly. None until
        it can be known."""
        (begin, before), (last, work) = self._seen[0], self._seen[-1]
        pace = self.per_second(now)
        if not pace or work - before < KNOWN or last - begin < KNOWN:
            return None
        expected, passed = rest / pace, now - self._left_at
        self._left_at = now
        if self._left is None or not rest:
            self._left = expected
        else:
            told = max(0.0, self._left - passed)
            slowness = min(max(expected / 5, 5.0), 60.0)
            self._left = told + (expected - told) * (1 - math.exp(-passed / slowness))
        return self._left


def in_words(per_second: float) -> str:
    """A rate of rows as people read it: a second, a minute or an hour, by which says something."""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if per_second * seconds >= 1 or unit == "h":
            rate = per_second * seconds
            return f"{rate:,.0f} rows/{unit}" if rate >= 9.95 else f"{rate:.1f} rows/{unit}"
    raise AssertionError("an hour is the last")
