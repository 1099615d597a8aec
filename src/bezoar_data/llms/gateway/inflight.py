"""Requests in flight: equal ones are sent once, and an answer is written to the journal before anyone gets it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.ask import Refused
from bezoar_data.llms.batch.endpoint import BatchEndpoint
from bezoar_data.llms.endpoint.budget import Budget, most_prompt_tokens
from bezoar_data.llms.endpoint.circuit_breaker import RequestState
from bezoar_data.llms.endpoint.health import Stopped
from bezoar_data.llms.endpoint.inflight_request import InflightRequest
from bezoar_data.llms.endpoint.usage import UsageTracker, cost_of
from bezoar_data.llms.gateway.question import Question
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.leases import Leases
from bezoar_data.llms.providers.base import Completion, Request

_FIRST_LOOK, _LOOKS = 0.02, 0.25
"""Seconds after which a question that another process asks is looked for, at first and in the end."""
_SEES_OTHERS, _SEEN_WITHIN = 0.1, 5.0
"""Seconds after which whoever is alone looks for others; those they wait for that, if it was halted (Ctrl-Z)."""


class InflightRequests:
    """All requests in flight of one gateway. Belongs to one event loop."""

    def __init__(self, journal: Journal, usage: UsageTracker, budget: Budget | None, *, retry_failed: bool) -> None:
        self._journal = journal
        self._usage = usage
        self._budget = budget
        self._retry_failed = retry_failed
        self._by_key: dict[str, tuple[InflightRequest, int | None]] = {}
        self._requests: set[InflightRequest] = set()
        self._ended: BezoarError | None = None
        self._leases: Leases | None = None
        self._watching: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._asked: set[str] = set()
        """The questions that are sent or about to be."""
        self._others_answer = True
        """Whether other processes do what they hold leases for. One that was halted (Ctrl-Z) is not waited for."""

    def close(self) -> None:
        """Let go of everything that others may wait for."""
        if self._watching is not None:
            self._watching.cancel()
        if self._leases is not None:
            self._leases.close()

    async def fill(self, question: Question, *, patient: bool, shielded: bool) -> None:
        """Bring a question's missing samples: from requests in flight, and from a new one for the rest.

        `shielded`: the new request has a task of its own, which goes on when the caller is cancelled. Otherwise the
        caller sends it, which saves three hundredths of a row's whole time.
        """
        missing: list[int] = []
        requests: dict[InflightRequest, None] = {}
        for i, entry in enumerate(question.entries):
            if entry is None:
                there = self._by_key.get(question.keys[i])
                if there is not None and there[1] == question.to.max_tokens:
                    requests[there[0]] = None
                    question.usage.shared += 1
                else:
                    missing.append(i)
        if missing:
            request = self._register(question, missing)
            requests[request] = None
            sending = self._send(request, question, tuple(missing), patient)
            if shielded:
                request.task = asyncio.create_task(sending)
            else:
                request.task = asyncio.current_task()
                await sending
        for request in requests:
            question.take(await asyncio.shield(request.result))

    async def stop(self, error: BezoarError, grace: float) -> None:
        """Cancel what was not sent yet; wait up to `grace` seconds for the rest, and for its way into the journal."""
        self._ended = error
        requests = {request.result: request for request in self._requests}
        for request in requests.values():
            if not request.busy:
                request.cancel(error)
        if requests:
            _, late = await asyncio.wait(requests, timeout=grace)
            for result in late:
                requests[result].cancel(error)
            if late:
                await asyncio.wait(late)

    def _register(self, question: Question, samples: Sequence[int]) -> InflightRequest:
        """A request for these samples, which from now on others find."""
        request = InflightRequest()
        if self._budget is not None and (price := question.to.model.price) is not None:
            prompt = most_prompt_tokens(question.ask.messages, question.ask.schema)
            most = question.to.max_tokens or 0
            request.worst = cost_of(price, prompt, most * len(samples)) or 0.0
        for i in samples:
            self._by_key[question.keys[i]] = (request, question.to.max_tokens)
        self._requests.add(request)
        return request

    async def _send(
        self, inflight: InflightRequest, question: Question, samples: tuple[int, ...], patient: bool
    ) -> None:
        """One request, tries and all, to the journal. Those who wait for it get what it brought, or its error."""
        try:
            got = await self._bring(inflight, question, samples, patient)
        except asyncio.CancelledError:
            # Cancelled by `stop`: whoever shares this request must not take it for its own cancellation.
            self._forget(inflight, question, samples)
            inflight.fail(self._ended or Stopped("stopped"))
            raise
        except Exception as error:
            self._forget(inflight, question, samples)
            inflight.fail(error)
        else:
            self._forget(inflight, question, samples)
            inflight.resolve(got)

    def _forget(self, inflight: InflightRequest, question: Question, samples: tuple[int, ...]) -> None:
        inflight.busy = False
        self._requests.discard(inflight)
        for i in samples:
            if (now := self._by_key.get(question.keys[i])) is not None and now[0] is inflight:
                del self._by_key[question.keys[i]]

    async def _bring(
        self, inflight: InflightRequest, question: Question, samples: tuple[int, ...], patient: bool
    ) -> dict[str, Entry]:
        got: dict[str, Entry] = {}
        # Batches know by themselves what is at a provider, and a model in this process costs nobody anything.
        if not question.to.needs_network or isinstance(question.to.endpoint, BatchEndpoint):
            await self._ask(inflight, question, samples, patient, got)
            return got
        leases = self._leases if self._settled.is_set() else None
        leases, started, pause = leases or await self._open_leases(), time.monotonic(), _FIRST_LOOK
        while left := {question.keys[i]: i for i in samples if question.keys[i] not in got}:
            mine = leases.take(left)
            self._asked.update(mine)
            try:
                asked = mine if self._others_answer else list(left)
                if not leases.silent:
                    # Looked for before the lease was had: who had it may have answered in between.
                    question.usage.shared += self._look_again(question, [left[key] for key in asked], got)
                if unanswered := tuple([left[key] for key in asked if key not in got]):
                    await self._ask(inflight, question, unanswered, patient, got)
            finally:
                self._asked.difference_update(mine)
                leases.give_back(mine)
            if not asked:
                self._others_answer = time.monotonic() - started < question.to.model.limits.total_timeout
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LOOKS)
        return got

    async def _open_leases(self) -> Leases:
        if self._leases is None:
            self._leases = Leases(self._journal.path)
            self._watching = asyncio.create_task(self._watch(self._leases))
        await self._settled.wait()
        return self._leases

    async def _watch(self, leases: Leases) -> None:
        """Wait until whoever was alone has seen us; while we are alone, see who comes."""
        until = time.monotonic() + _SEEN_WITHIN
        while leases.others_are_silent and time.monotonic() < until:  # noqa: ASYNC110 (another process sets it)
            await asyncio.sleep(_FIRST_LOOK)
        self._settled.set()
        while leases.silent:
            await asyncio.sleep(_SEES_OTHERS)
            if not leases.alone:
                leases.speak(self._asked)

    async def _ask(
        self,
        inflight: InflightRequest,
        question: Question,
        samples: tuple[int, ...],
        patient: bool,
        got: dict[str, Entry],
    ) -> None:
        """Ask until all of the samples are in `got`."""
        ask, to = question.ask, question.to
        left = samples
        while left:
            request = Request(to.model, ask.messages, ask.schema, left, ask.attempt, ask.narrower)
            asked_at = time.time()
            keep = partial(self._keep, question, left, asked_at, got)
            try:
                await to.endpoint.complete(request, inflight, question.usage, keep, question.state, patient=patient)
            except Refused as refusal:
                inflight.busy = True
                await self._journal_refusal(refusal, question, left, asked_at)
                raise
            question.state = RequestState()
            if isinstance(to.endpoint, BatchEndpoint):
                self._look_again(question, left, got)
            left = tuple([i for i in left if question.keys[i] not in got])
            inflight.busy = False

    def _look_again(self, question: Question, samples: Sequence[int], got: dict[str, Entry]) -> int:
        """Another run that waits for the same may have written some of its answers down: how many."""
        before = len(got)
        for i in samples:
            key = question.keys[i]
            if key not in got:
                entry = self._journal.find(key, question.to.max_tokens, retry_failed=self._retry_failed)
                if entry is not None:
                    got[key] = entry
        return len(got) - before

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
            question.usage.book(entry.prompt_tokens or 0, entry.completion_tokens or 0, entry.cost)
        refused = sum(entry.error is not None for entry in made)
        question.usage.refused += refused
        question.usage.answered += len(made) - refused
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
        question.usage.refused += len(samples)
        if refusal.lasting:
            for i in samples:
                await self._journal.put(question.refused(i, refusal, asked_at))
