"""Several endpoints of one model, driven as one: each has its own limits and health, and gets what it has room for.

A request waits here until an endpoint has room, and goes to the one that has the least to do for its limit: so a slow
one gets less, and one that is away nothing but a probe now and then. What failed at one is tried at another at once,
and there no sooner than after its back-off. Whoever ends for good (a refused key, an unknown model) is left out and
told of, and with the last of them the run ends.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bezoar_data.config.errors import BezoarError, InputError, ProviderAway
from bezoar_data.config.files.endpoints import endpoints_of
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.endpoint.circuit_breaker import RequestState
from bezoar_data.llms.endpoint.endpoint import Elsewhere, Endpoint, Keep
from bezoar_data.llms.endpoint.health import NoAnswer, OnEvent
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.usage import Usage
from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.retry_policy import RetryPolicy

_LOOK_AGAIN = 0.1
"""Seconds after which a request that waits looks for an endpoint that has come back by itself."""
_READ_AGAIN = 2.0
"""Seconds between two looks at the file that the addresses stand in."""
LEFT_OUT = "left out"
JOINED = "one of the endpoints from now on"

Make = Callable[[Model, RetryPolicy], Endpoint]
"""Makes the endpoint of a model at one address. Raises `InputError` where nothing may be sent there."""


@dataclass(slots=True, eq=False)
class Member:
    """One endpoint of a fleet."""

    endpoint: Endpoint
    given: int = 0
    """Requests that were given to it and are not back."""
    named: bool = True
    """Whether its address still stands in the file."""

    @property
    def has_room(self) -> bool:
        """Whether it may be given one more: while it fails and answers nobody, one at a time."""
        health, limit = self.endpoint.health, self.endpoint.concurrency.limit
        if not self.named or health.ended is not None or not health.may_be_tried:
            return False
        return self.given < (1 if health.is_failing else limit)

    @property
    def load(self) -> float:
        return self.given / self.endpoint.concurrency.limit


@dataclass(slots=True, eq=False)
class Wanting:
    """A request that wants room at an endpoint."""

    patient: bool
    not_before: dict[Member, float] = field(default_factory=dict)
    """Until when the endpoints that failed it are left alone by it."""
    why: BaseException | None = None
    """Its last failure."""
    place: asyncio.Future[Member] = field(init=False)


class Fleet:
    """The endpoints of one model. Belongs to one event loop. Its own `health` is that of all of them together."""

    def __init__(self, model: Model, make: Make, retry: RetryPolicy, on_event: OnEvent | None) -> None:
        self._model = model
        self._make = make
        self._retry = retry
        self._on_event = on_event
        # An endpoint that is not there yet may come: only all of them together end a run at its start.
        self._each = replace(retry, at_start=math.inf, tries_with_fallback=sys.maxsize)
        self._members: dict[str, Member] = {}
        self._refused: set[str] = set()
        """Addresses to which nothing may be sent."""
        self._waiting: deque[Wanting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._began: float | None = None
        self._ended: BezoarError | None = None
        self._file = Path(model.endpoints) if isinstance(model.endpoints, str) else None
        self._read_at = time.monotonic()
        problems: list[Problem] = []
        for there in model.at_each():
            try:
                self._add(there)
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)

    @property
    def parts(self) -> tuple[Endpoint, ...]:
        return tuple(member.endpoint for member in self._members.values())

    @property
    def health(self) -> Fleet:
        return self

    @property
    def answers(self) -> int:
        return sum(endpoint.health.answers for endpoint in self.parts)

    @property
    def has_given_up(self) -> bool:
        """Whether all of them have been away for longer than a run waits."""
        return all(endpoint.health.has_given_up for endpoint in self.parts)

    def end(self, error: BezoarError) -> None:
        """No request is sent any more; those that wait raise `error`."""
        self._ended = self._ended or error
        for endpoint in self.parts:
            endpoint.health.end(error)
        for wanting in self._waiting:
            if not wanting.place.done():
                wanting.place.set_exception(error)
        self._waiting.clear()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for endpoint in self.parts:
            await endpoint.close()

    async def complete(
        self,
        request: Request,
        inflight: InflightRequest,
        usage: Usage,
        keep: Keep,
        state: RequestState,
        *,
        patient: bool,
    ) -> Sequence[Completion]:
        """Completions for the request, from whichever endpoint gives them first: see `Endpoint.complete`."""
        if self._began is None:
            self._began = time.monotonic()
        wanting = Wanting(patient)
        while True:
            member = await self._room(wanting)
            try:
                return await member.endpoint.complete(request, inflight, usage, keep, state, patient=False, roving=True)
            except Elsewhere as failed:
                wanting.why = failed.__cause__
                wanting.not_before[member] = time.monotonic() + failed.after
            except ProviderAway as away:
                wanting.why = away.__cause__ or away
                wanting.not_before[member] = time.monotonic() + self._retry.backoff(max(1, state.tries))
            except InputError as error:
                if member.endpoint.health.ended is None:
                    raise
                self._left_out(member, error)
            finally:
                inflight.busy = False
                member.given -= 1
                self._dispatch()

    async def _room(self, wanting: Wanting) -> Member:
        """The member that takes a request next. Raises what ends the run, and `ProviderAway` where none is there: at
        once for who is not patient, else when none came back in time."""
        if self._ended is not None:
            raise self._ended
        self._read_again()
        if not self._waiting and (member := self._free_for(wanting)) is not None:
            member.given += 1
            return member
        place: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        wanting.place = place
        # Who failed somewhere is not to wait behind all others once more.
        (self._waiting.appendleft if wanting.not_before else self._waiting.append)(wanting)
        self._dispatch()
        try:
            member = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                place.result().given -= 1
                self._dispatch()
            raise
        return member

    def _free_for(self, wanting: Wanting) -> Member | None:
        now = time.monotonic()
        free = [m for m in self._members.values() if m.has_room and wanting.not_before.get(m, 0.0) <= now]
        return min(free, key=lambda m: m.load) if free else None

    def _dispatch(self) -> None:
        """Give whoever waits what room there is, first come, first served; look again later where that may come by
        itself."""
        self._read_again()
        passed: list[Wanting] = []
        while self._waiting and (passed or any(m.has_room for m in self._members.values())):
            wanting = self._waiting.popleft()
            if wanting.place.done():
                continue
            if (member := self._free_for(wanting)) is None:
                passed.append(wanting)
                if not wanting.not_before:
                    break
            else:
                member.given += 1
                wanting.place.set_result(member)
        self._waiting.extendleft(reversed(passed))
        if self._waiting:
            self._end_vain_waits()
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._dispatch()

    def _end_vain_waits(self) -> None:
        for wanting in list(self._waiting):
            if (error := self._in_vain(wanting)) is None:
                return
            self._waiting.remove(wanting)
            if not wanting.place.done():
                wanting.place.set_exception(error)

    def _in_vain(self, wanting: Wanting) -> BezoarError | None:
        """What a wait ends with where no endpoint is left, or is there."""
        there = [one.endpoint for one in self._named() if one.endpoint.health.ended is None]
        if not there:
            ended = [error for one in self.parts if (error := one.health.ended) is not None]
            return ended[-1] if ended else ProviderAway(f"no endpoint of {self._model.model} is named any more")
        if not all(one.health.is_failing or one.health.is_open for one in there):
            return None
        if self._never_reached(there):
            where = ", ".join(one.provider.address for one in there[:4]) + (", ..." if len(there) > 4 else "")
            hint = "are the addresses right, and do the servers run?"
            return NoAnswer(Problem("no-answer", f"no answer from any of {where}: {wanting.why}", hint=hint))
        if not wanting.patient or all(one.health.has_given_up for one in there):
            return there[0].health.away(f"as have all {len(there)} endpoints of the model: {wanting.why}")
        return None

    def _never_reached(self, there: Sequence[Endpoint]) -> bool:
        tried = time.monotonic() - (self._began or 0.0) >= self._retry.at_start
        return tried and not any(one.health.reached for one in there) and all(one.health.is_failing for one in there)

    def _named(self) -> list[Member]:
        return [member for member in self._members.values() if member.named]

    def _left_out(self, member: Member, error: InputError) -> None:
        health = member.endpoint.health
        if error is health.ended and any(one.endpoint.health.ended is None for one in self._named()):
            health.notify(LEFT_OUT, why=error.problems[0].in_a_line())

    def _add(self, there: Model) -> None:
        self._members[str(there.base_url)] = Member(self._make(there, self._each))

    def _read_again(self) -> None:
        """Take in what has changed in the file of addresses. One that cannot be read changes nothing."""
        now = time.monotonic()
        if self._file is None or now - self._read_at < _READ_AGAIN:
            return
        self._read_at = now
        try:
            found = endpoints_of(self._file)
        except InputError:
            return  # perhaps it is being written
        for address, member in self._members.items():
            member.named = address in found
        for address in found:
            if address in self._members or address in self._refused:
                continue
            try:
                self._add(self._model.at(address))
            except InputError as error:
                self._refused.add(address)
                self._tell(LEFT_OUT, address=address, why=error.problems[0].in_a_line())
            else:
                self._tell(JOINED, address=address)

    def _tell(self, what: str, **more: str) -> None:
        if self._on_event is not None:
            self._on_event(what, more)
