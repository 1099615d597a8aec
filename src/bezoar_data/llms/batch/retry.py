"""Watches one batch API: keeps trying what fails for a while, and ends the run when that makes no sense any more.

Simpler than the watch over an endpoint that answers one by one: there is little traffic, every call but one may be
repeated, and nobody is waiting for the next second. An API that never said anything ends the run within seconds;
one that goes away later is tried for `max_outage`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bezoar_data.config.errors import BezoarError, InputError, ProviderAway
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.endpoint.limits import backoff
from bezoar_data.llms.endpoint.retry import NoAnswer, OnEvent, RetryPolicy
from bezoar_data.llms.providers.base import Provider, Refusal, Transient, Unauthorised
from bezoar_data.llms.redact import redact

T = TypeVar("T")

LONGEST_CALL = 600.0
"""Seconds for one call: a file of some hundred megabytes goes up and comes down."""
_WRONG_ADDRESS = (404, 405)
_NOT_FOUND = 3


class BatchWatch:
    """The state of one batch API. Belongs to one event loop."""

    def __init__(
        self, provider: Provider, retry: RetryPolicy, on_event: OnEvent | None, over: Callable[[BezoarError], None]
    ) -> None:
        self.ended: BezoarError | None = None
        self.answered = False
        """Whether it ever brought an answer to a question."""
        self.policy = retry
        self._provider = provider
        self._on_event = on_event
        self._over = over
        self._ending = asyncio.Event()
        self._reached = False
        self._not_found = 0
        self._trouble: float | None = None
        self._told = False

    @property
    def given_up(self) -> bool:
        return self.ended is not None

    @property
    def away_for(self) -> float:
        return 0.0 if self._trouble is None else time.monotonic() - self._trouble

    def end(self, error: BezoarError) -> None:
        """Nothing is handed in any more; those that wait raise `error`."""
        if self.ended is None:
            self.ended = error
            self._ending.set()
            self._over(error)

    def vouched(self, refusal: Refused) -> bool:
        """Whether a refusal may be remembered: "not found" from who never answered anything tells of its address."""
        return self.answered or refusal.reason not in [f"http_{status}" for status in _WRONG_ADDRESS]

    def refused(self, refusal: Refusal) -> BezoarError:
        """What the refusal of one question is to the run: a row's loss, or the sign of a wrong model."""
        if refusal.status in _WRONG_ADDRESS and not self.answered:
            self._not_found += 1
            if self._not_found >= _NOT_FOUND:
                message = f"{self._provider.address} does not know the model '{self._provider.model.model}'"
                wrong = InputError(Problem("not-found", message, hint=f"it says: {refusal.detail}"))
                self.end(wrong)
                return wrong
        return Refused(f"http_{refusal.status}", refusal.detail)

    async def once(self, call: Callable[[], Awaitable[T]]) -> T:
        """One try. Raises `Transient` and `Refusal`; a refused key ends the run."""
        try:
            async with asyncio.timeout(LONGEST_CALL):
                found = await call()
        except TimeoutError:
            raise Transient("timeout", f"no answer within {LONGEST_CALL:g} seconds") from None
        except Unauthorised as failure:
            denied = self.denied(failure)
            self.end(denied)
            raise denied from failure
        except Transient as failure:
            self._reached |= failure.cause not in ("connection", "cut", "timeout")
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
        now = time.monotonic()
        self._trouble = now if self._trouble is None else self._trouble
        trouble, address = now - self._trouble, self._provider.address
        if not self._reached and trouble >= self.policy.at_start:
            message = f"no answer from {address}: {failure.detail or failure.cause}"
            hint = "is the address right, and does the server run?"
            self.end(NoAnswer(Problem("no-answer", message, hint=hint)))
        elif trouble >= max(self._provider.model.limits.max_outage, 1.0):
            self.end(
                ProviderAway(
                    f"{address} has been away for {trouble:.0f} seconds ({failure}). What was answered is kept, and "
                    "batches handed in go on at the provider: the same command collects them"
                )
            )
        elif not self._told and tries > 2:
            self._told = True
            self.tell("away", why=str(failure))
        ceiling = 30.0 if self._reached else 1.0
        pause = backoff(tries, base=self.policy.first_wait, ceiling=ceiling)
        await self.sleep(max(pause, min(failure.retry_after or 0.0, 600.0)))

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not through the end of the run."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            pass
        if self.ended is not None:
            raise self.ended

    def tell(self, what: str, **more: str) -> None:
        if self._on_event is not None:
            self._on_event(what, {"address": self._provider.address, **more})

    def denied(self, failure: Unauthorised) -> InputError:
        variable = self._provider.model.api_key_env
        hint = f"check the key in the environment variable {variable}" if variable else "name the key with api_key_env"
        message = f"{self._provider.address} does not let us in: {redact(str(failure))}"
        return InputError(Problem("unauthorised", message, hint=hint))

    def _well(self) -> None:
        self._reached = True
        self._trouble = None
        if self._told:
            self._told = False
            self.tell("back")
