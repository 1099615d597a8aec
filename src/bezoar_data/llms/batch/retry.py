"""Calls to a batch API, tried again by the same `RetryPolicy` as requests sent one by one.

Simpler than a circuit breaker: there is little traffic, every call but one may be repeated, and nobody is waiting for
the next second. An API that never said anything ends the run within seconds; one that goes away later is tried for
`max_outage`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.endpoint.health import EndpointHealth, OnEvent
from bezoar_data.llms.providers.base import Provider
from bezoar_data.llms.retry_policy import Refusal, RetryPolicy, Transient, Unauthorised

T = TypeVar("T")


class BatchRetry(EndpointHealth):
    """The state of one batch API. Belongs to one event loop. `on_end` is called with what ended the run."""

    _RESUME: ClassVar[str] = (
        "What was answered is kept, and submitted batches go on at the provider: the same command collects them"
    )

    def __init__(
        self, provider: Provider, policy: RetryPolicy, on_event: OnEvent | None, on_end: Callable[[BezoarError], None]
    ) -> None:
        super().__init__(provider, policy, on_event)
        self._on_end = on_end
        self._notified = False

    @property
    def away_for(self) -> float:
        return self.trouble

    @property
    def has_given_up(self) -> bool:
        return self.ended is not None

    def end(self, error: BezoarError) -> None:
        first = self.ended is None
        super().end(error)
        if first:
            self._on_end(error)

    async def once(self, call: Callable[[], Awaitable[T]]) -> T:
        """One try. Raises `Transient` and `Refusal`; a refused key ends the run."""
        try:
            async with asyncio.timeout(self.policy.batch_call):
                found = await call()
        except TimeoutError:
            raise Transient("timeout", f"no answer within {self.policy.batch_call:g} seconds") from None
        except Unauthorised as failure:
            raise self.unauthorised(failure) from failure
        except Transient as failure:
            self.reached |= failure.rule.reached
            raise
        except Refusal:
            self._well()
            raise
        self._well()
        return found

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Try until it works. For calls that may be repeated. Raises `Refusal`; an API away too long ends the run."""
        tries = 0
        while True:
            if self.ended is not None:
                raise self.ended
            try:
                return await self.once(call)
            except Transient as failure:
                tries += 1
                await self.wait(failure, tries)

    async def wait(self, failure: Transient, tries: int) -> None:
        """Back off after the `tries`-th failure. Raises what ends the run when there is nothing to wait for."""
        self._in_trouble()
        if not self.reached and self.trouble >= self.policy.at_start:
            self.no_answer(failure)
        elif self.trouble >= self.max_outage:
            self.end(self.away(str(failure)))
        elif not self._notified and tries > 2:
            self._notified = True
            self.notify("away", why=str(failure))
        pause = self.policy.backoff(tries, None if self.reached else self.policy.longest_wait_at_start)
        await self.sleep(max(pause, min(failure.retry_after or 0.0, self.policy.batch_call)))

    def _well(self) -> None:
        self.reached = True
        self._trouble_since = None
        if self._notified:
            self._notified = False
            self.notify("back")
