"""Whether an endpoint is there, and the errors with which it ends a run."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from bezoar_data.config.errors import INTERRUPTED, BezoarError, InputError, ProviderAway
from bezoar_data.config.files.model_problem import ModelProblem
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.endpoint.first_answer import FirstAnswer
from bezoar_data.llms.error_signs import CAUSES
from bezoar_data.llms.providers.base import Provider, Request
from bezoar_data.llms.retry_policy import WRONG_ADDRESS, Refusal, RetryPolicy, Transient, Unauthorised

OnEvent = Callable[[str, Mapping[str, Any]], None]
"""Called while it happens with what people should know (`away`, `back`, `ADAPTED`), with the address and why."""

ADAPTED = "asked otherwise from now on"
"""The endpoint does not take something, and is asked without it."""


class Stopped(BezoarError):
    """The gateway was asked to stop: no new question is taken."""

    exit_code = INTERRUPTED


class NoAnswer(InputError):
    """The endpoint never said anything, or nothing that can be used: its address is wrong, or it does not run."""


class EndpointHealth:
    """What the requests to one endpoint say of it. Belongs to one event loop."""

    _RESUME: ClassVar[str] = "Answers so far are kept: run the same command again to continue"

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
        self.ending = False
        """Whether it will be `ended` as soon as the server's list of models is there."""
        self._ways: dict[tuple[int, bool], FirstAnswer] = {}
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
        for way in self._ways.values():
            way.tell()

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

    def way(self, request: Request) -> FirstAnswer:
        """What is known of asking with this model's values, with or without a schema. Whoever asks keeps the model."""
        key = id(request.model), request.schema is None
        try:
            return self._ways[key]
        except KeyError:
            return self._ways.setdefault(key, FirstAnswer(self.policy.alike))

    async def refusal(self, refusal: Refusal, way: FirstAnswer) -> BezoarError:
        """What a refusal is to the run, as soon as that can be told: the loss of one row, or the sign of a wrong
        address or of a request that is made wrongly. To be called when it is no longer on its way."""
        self.reached = True
        if self._provider.rules or self._provider.demo:  # it says what it cannot do, not that it is asked wrongly
            return Refused(refusal.reason, refusal.detail, lasting=False)
        if refusal.status in WRONG_ADDRESS and not self.answers:
            self._not_found += 1
            if self._not_found >= self.policy.not_found:
                return await self._unknown_model(refusal)
        means = next((signs.means for cause, signs in CAUSES.items() if cause == refusal.reason), "")
        if refusal.reason != "content_filter":
            kind = way.refused(refusal.detail) if means != "row" else ""
            while not way.there and self.ended is None:
                if way.pending:
                    await way.news()
                elif kind and way.is_common(kind):
                    return self._wrongly_asked(refusal)
                elif not await way.news(self.policy.quiet):
                    break
            if self.ended is not None and not way.there:
                return self.ended
        # How to ask is not part of the journal's key: what is cured by asking otherwise must not be found there.
        lasting = refusal.reason == "content_filter" or (way.there and means != "asking")
        return Refused(refusal.reason, refusal.detail, lasting=lasting)

    async def until_known(self, way: FirstAnswer) -> None:
        """Wait until those that are on their way tell whether others are worth sending."""
        if self.ending:
            await self._over.wait()
        while way.in_doubt and self.ended is None:
            if not await way.news(2 * self.policy.quiet) and not way.pending:
                way.forget()  # whoever was refused has gone
        if self.ended is not None:
            raise self.ended

    async def _unknown_model(self, refusal: Refusal) -> BezoarError:
        """Ends the run: three in a row were not found. The server's own list says which models there are."""
        if self.ending:
            await self._over.wait()
            assert self.ended is not None  # noqa: S101
            return self.ended
        self.ending = True
        model, known = self._provider.model.model, await self._provider.known()
        message = f"{self._provider.address} does not know the model '{model}', or is not the right address"
        hint = f"it says: {refusal.detail}{self._missing_version}"
        if known and model not in known:
            message = f"{self._provider.address} does not know the model '{model}'"
            hint = f"{did_you_mean(model, known)} (it says: {refusal.detail})"
        return self._ends(self._problem("not-found", message, hint))

    def _wrongly_asked(self, refusal: Refusal) -> InputError:
        """Ends the run: no request that is made like this will be answered."""
        model = self._provider.model.model
        message = f"{self._provider.address} refuses what '{model}' is asked, each time in the same words: {refusal}"
        hint = "correct the model's entry in the models file: its sampling, extra_body, or what it `supports`"
        return self._ends(self._problem("refused", message, hint))

    def unauthorised(self, failure: Unauthorised) -> BezoarError:
        """Ends the run: no request will be answered with this key."""
        variable = self._provider.model.api_key_env
        if failure.no_credit:
            hint = "once there is credit, run the same command again to continue"
        else:
            hint = f"check the key in the environment variable {variable}" if variable else "name the key: api_key_env"
        message = f"{self._provider.address}: {failure}"
        return self._ends(self._problem("unauthorised", message, hint))

    def no_answer(self, failure: Transient) -> NoAnswer:
        """Ends the run: the endpoint never said anything."""
        message = f"no answer from {self._provider.address}: {failure.detail or failure.cause}"
        hint = "is the address right, and does the server run?"
        wrong = NoAnswer(self._problem("no-answer", message, hint))
        self.end(wrong)
        return wrong

    def not_usable(self, failure: Transient) -> NoAnswer:
        """Ends the run: what comes from there is never an answer."""
        address = self._provider.address
        message = f"no usable answer from {address}: {failure.detail or failure.cause}"
        hint = f"is base_url the address of an API, as its server's documentation has it?{self._missing_version}"
        wrong = NoAnswer(self._problem("no-usable-answer", message, hint))
        self.end(wrong)
        return wrong

    def _problem(self, code: str, message: str, hint: str) -> ModelProblem:
        model = self._provider.model
        return ModelProblem(code, message, hint=hint, model=model.model, base_url=model.base_url)

    def _ends(self, problem: Problem) -> InputError:
        wrong = InputError(problem)
        self.end(wrong)
        return wrong

    @property
    def _missing_version(self) -> str:
        """A word on an address without `/v1`, which most servers want."""
        address = self._provider.address
        bare = address.startswith("http") and not re.search(r"/v\d", urlsplit(address).path)
        return f"; {address} has no /v1 at its end, which most servers want" if bare else ""

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
