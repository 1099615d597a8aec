"""Whether an endpoint is there, and the errors with which it ends a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bezoar_data.config.errors import INTERRUPTED, BezoarError, InputError, ProviderAway
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.providers.base import Provider
from bezoar_data.llms.retry_policy import WRONG_ADDRESS, Refusal, RetryPolicy, Transient, Unauthorised

OnEvent = Callable[[str, Mapping[str, Any]], None]
"""Called while it happens with what people should know: `away`, `back`, with the endpoint's address and why."""


class Stopped(BezoarError):
    """The gateway was asked to stop: no new question is taken."""

    exit_code = INTERRUPTED


class NoAnswer(InputError):
    """The endpoint never said anything: its address is wrong, or it does not run."""


class EndpointHealth:
    """What the requests to one endpoint say of it. Belongs to one event loop."""

    _RESUME: ClassVar[str] = "What was answered is kept: the same command goes on from here"

    def __init__(self, provider: Provider, policy: RetryPolicy, on_event: OnEvent | None) -> None:
        self.policy = policy
        self.ended: BezoarError | None = None
        """Why no request is sent any more."""
        self.answers = 0
        self.reached = False
        """Whether the endpoint ever said anything, be it a refusal."""
        self._provider = provider
        self._on_event = on_event
        self._trouble_since: float | None = None
        self._not_found = 0
        self._over = asyncio.Event()

    @property
    def trouble(self) -> float:
        """Seconds since the first failure that no success has followed; 0 when all is well."""
        return 0.0 if self._trouble_since is None else time.monotonic() - self._trouble_since

    @property
    def max_outage(self) -> float:
        return max(self._provider.model.limits.max_outage, 1.0)

    @property
    def has_given_up(self) -> bool:
        """Whether it has been away for longer than a run waits."""
        return self.ended is not None or self.trouble >= self.max_outage

    def end(self, error: BezoarError) -> None:
        """No request is sent any more; those that wait raise `error`."""
        if self.ended is None:
            self.ended = error
        self._over.set()

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

    def is_cacheable_refusal(self, refusal: Refused) -> bool:
        """Whether a refusal may be journalled. "Not found" from an endpoint that never answered anything tells more of
        its address than of the question, and the address is not part of the journal's key."""
        return self.answers > 0 or refusal.reason not in [f"http_{status}" for status in WRONG_ADDRESS]

    def refusal(self, refusal: Refusal) -> BezoarError:
        """What a refusal is to the run: the loss of one row, or the sign of a wrong address."""
        self.reached = True
        if refusal.status in WRONG_ADDRESS and not self.answers:
            self._not_found += 1
            if self._not_found >= self.policy.not_found:
                model = self._provider.model.model
                message = f"{self._provider.address} does not know the model '{model}', or is not the right address"
                wrong = InputError(Problem("not-found", message, hint=f"it says: {refusal.detail}"))
                self.end(wrong)
                return wrong
        return Refused(f"http_{refusal.status}", refusal.detail)

    def unauthorised(self, failure: Unauthorised) -> InputError:
        """Ends the run: no request will be answered with this key."""
        variable = self._provider.model.api_key_env
        hint = f"check the key in the environment variable {variable}" if variable else "name the key with api_key_env"
        denied = InputError(Problem("unauthorised", f"{self._provider.address}: {failure}", hint=hint))
        self.end(denied)
        return denied

    def no_answer(self, failure: Transient) -> NoAnswer:
        """Ends the run: the endpoint never said anything."""
        message = f"no answer from {self._provider.address}: {failure.detail or failure.cause}"
        wrong = NoAnswer(Problem("no-answer", message, hint="is the address right, and does the server run?"))
        self.end(wrong)
        return wrong

    def away(self, why: str) -> ProviderAway:
        return ProviderAway(
            f"{self._provider.address} has been away for {self.trouble:.0f} seconds ({why}). {self._RESUME}"
        )

    def notify(self, what: str, **more: str) -> None:
        if self._on_event is not None:
            self._on_event(what, {"address": self._provider.address, **more})

    def _in_trouble(self) -> None:
        if self._trouble_since is None:
            self._trouble_since = time.monotonic()
