"""What one of several processes may use of the limits of endpoints that they all ask.

Each holds one of equal parts. Parts change while requests are in flight, so whoever divides gives more to one only once
another has come down: until then that one holds the least of its old part and its new one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

_WITHIN = 2.0
"""Seconds that an event loop is waited for. A busy one comes to it later."""


@dataclass(frozen=True, slots=True)
class Part:
    """The `number`-th (from 0) of `of` equal parts."""

    number: int
    of: int

    def count(self, whole: int) -> int:
        """Its part of a count. All parts together are the whole."""
        return whole * (self.number + 1) // self.of - whole * self.number // self.of


class Limited(Protocol):
    """An endpoint whose limits are divided."""

    @property
    def is_within(self) -> bool:
        """Whether it has no more in flight than it may."""

    def hold(self, parts: Sequence[Part]) -> None:
        """Use the least of these parts of its limits from now on; of none nothing."""


class Share:
    """The part that this process holds, of the limits of all endpoints that join. It is changed from any thread, and
    works in the event loop of the endpoints. At first it is nothing."""

    def __init__(self) -> None:
        self._parts: tuple[Part, ...] = ()
        self._endpoints: list[Limited] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def join(self, endpoint: Limited) -> None:
        """To be called in the endpoint's event loop."""
        self._loop = asyncio.get_running_loop()
        self._endpoints.append(endpoint)
        endpoint.hold(self._parts)

    def hold(self, parts: Sequence[Part]) -> bool:
        """Hold the least of these parts, of none nothing; return whether no endpoint has more than that in flight."""
        self._parts = tuple(parts)
        done = threading.Event()

        def apply() -> None:
            for endpoint in self._endpoints:
                endpoint.hold(self._parts)
            done.set()

        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nothing is in flight
                self._loop.call_soon_threadsafe(apply)
                return done.wait(_WITHIN) and all(endpoint.is_within for endpoint in self._endpoints)
        return True
