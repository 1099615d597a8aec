"""The requests on their way: equal ones are sent once, and what they bring is written down before it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.endpoint.budget import Budget, most_prompt_tokens
from bezoar_data.llms.endpoint.endpoint import Endpoint
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.retry import Stopped
from bezoar_data.llms.endpoint.usage import UsageTracker, cost_of
from bezoar_data.llms.gateway.question import Question
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.providers.base import Completion, Request


class InflightRequests:
    """All flights of one gateway. Belongs to one event loop."""

    def __init__(self, journal: Journal, usage: UsageTracker, budget: Budget | None, *, retry_failed: bool) -> None:
        self._journal = journal
        self._usage = usage
        self._budget = budget
        self._retry_failed = retry_failed
        self._by_key: dict[str, tuple[InflightRequest, int | None]] = {}
        self._flights: set[InflightRequest] = set()
        self._ended: BezoarError | None = None

    async def fill(self, question: Question, *, patient: bool, stays: bool) -> None:
        """Bring a question's missing samples: from requests underway, and from one launched for the rest.

        Who `stays` is not cancelled before `stop` and flies the request itself, which saves a task for each; for others
        a task flies it, which goes on without them.
        """
        mine: list[int] = []
        flights: dict[InflightRequest, None] = {}
        for i, entry in enumerate(question.entries):
            if entry is None:
                underway = self._by_key.get(question.keys[i])
                if underway is not None and underway[1] == question.to.max_tokens:
                    flights[underway[0]] = None
                    question.count.shared += 1
                else:
                    mine.append(i)
        if mine:
            flight = self._enlist(question, mine)
            flights[flight] = None
            way = self._fly(flight, question, tuple(mine), patient)
            if stays:
                flight.task = asyncio.current_task()
                await way
            else:
                flight.task = asyncio.create_task(way)
        for flight in flights:
            question.take(await flight.landed())

    async def stop(self, error: BezoarError, grace: float) -> None:
        """Cancel what was not sent yet; wait up to `grace` seconds for the rest, and for its way into the journal."""
        self._ended = error
        flights = list(self._flights)
        for flight in flights:
            if not flight.busy:
                flight.cancel(error)
        for flight in await _landed(flights, grace):
            flight.cancel(error)
        await _landed(flights)

    def _enlist(self, question: Question, samples: Sequence[int]) -> InflightRequest:
        """A flight for these samples, which from now on others find."""
        flight = InflightRequest()
        if self._budget is not None and (price := question.to.model.price) is not None:
            prompt = most_prompt_tokens(question.ask.messages, question.ask.schema)
            most = question.to.max_tokens or 0
            flight.worst = cost_of(price, prompt, most * len(samples)) or 0.0
        for i in samples:
            self._by_key[question.keys[i]] = (flight, question.to.max_tokens)
        self._flights.add(flight)
        return flight

    async def _fly(self, flight: InflightRequest, question: Question, samples: tuple[int, ...], patient: bool) -> None:
        """One request, tries and all, to the journal. Its end is told to those who wait for it."""
        try:
            got = await self._bring(flight, question, samples, patient)
        except asyncio.CancelledError:
            # Cancelled by `stop`: whoever shares this request must not take it for its own cancellation.
            self._forget(flight, question, samples)
            flight.crash(self._ended or Stopped("stopped"))
            raise
        except Exception as error:
            self._forget(flight, question, samples)
            flight.crash(error)
        else:
            self._forget(flight, question, samples)
            flight.land(got)

    def _forget(self, flight: InflightRequest, question: Question, samples: tuple[int, ...]) -> None:
        flight.busy = False
        self._flights.discard(flight)
        for i in samples:
            if (now := self._by_key.get(question.keys[i])) is not None and now[0] is flight:
                del self._by_key[question.keys[i]]

    async def _bring(
        self, flight: InflightRequest, question: Question, samples: tuple[int, ...], patient: bool
    ) -> dict[str, Entry]:
        got: dict[str, Entry] = {}
        ask, to = question.ask, question.to
        left = samples
        while left:
            request = Request(to.model, ask.messages, ask.schema, left, ask.attempt)
            asked_at = time.time()
            keep = partial(self._keep, question, left, asked_at, got)
            try:
                await to.endpoint.complete(request, flight, question.count, keep, patient=patient)
            except Refused as refusal:
                flight.busy = True
                await self._journal_refusal(refusal, question, left, asked_at)
                raise
            if not isinstance(to.endpoint, Endpoint):
                self._look_again(question, left, got)
            left = tuple([i for i in left if question.keys[i] not in got])
            flight.busy = False
        return got

    def _look_again(self, question: Question, samples: tuple[int, ...], got: dict[str, Entry]) -> None:
        """Another run that waits for the same batch may have written some of its answers down."""
        for i in samples:
            key = question.keys[i]
            if key not in got:
                entry = self._journal.find(key, question.to.max_tokens, retry_failed=self._retry_failed)
                if entry is not None:
                    got[key] = entry

    async def _keep(
        self,
        question: Question,
        samples: tuple[int, ...],
        asked_at: float,
        got: dict[str, Entry],
        completions: Sequence[Completion | None],
    ) -> None:
        """Book what came, and put it into the journal; `got` then holds what stands there. None: not that one yet."""
        made = [question.answered(i, c, asked_at) for i, c in zip(samples, completions, strict=False) if c]
        for entry in made:
            question.count.book(entry.prompt_tokens or 0, entry.completion_tokens or 0, entry.cost)
        question.count.answered += len(made)
        self._usage.tick(len(made))
        if len(made) == 1:
            stored = [await self._journal.put(made[0])]
        else:
            stored = await asyncio.gather(*map(self._journal.put, made))
        for asked, entry in zip(made, stored, strict=True):
            got[asked.key] = entry

    async def _journal_refusal(
        self, refusal: Refused, question: Question, samples: tuple[int, ...], asked_at: float
    ) -> None:
        question.count.refused += len(samples)
        if question.to.endpoint.watch.vouched(refusal):
            for i in samples:
                await self._journal.put(question.refused(i, refusal, asked_at))


async def _landed(flights: Sequence[InflightRequest], within: float | None = None) -> list[InflightRequest]:
    """Wait for the end of flights, be it a crash; the ones that are still on their way after so many seconds."""
    ends = {asyncio.ensure_future(flight.landed()): flight for flight in flights}
    if not ends:
        return []
    _, late = await asyncio.wait(ends, timeout=within)
    for end in late:
        end.cancel()
    await asyncio.gather(*ends, return_exceptions=True)
    return [ends[end] for end in late]
