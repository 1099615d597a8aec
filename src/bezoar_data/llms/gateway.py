"""The one door between questions and models: nothing passes it twice, nothing passes it unwritten.

For each question the gateway looks into the journal (for every model of the role's line, before anyone is asked),
joins a request for the same answer that is already on its way, or sends one and writes the answer down before it
returns it. What only one row suffers from is a `Refused`; every other error that leaves here ends the run.

A gateway belongs to one event loop. It is cheap to make: providers connect with their first request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from bezoar_data.llms.ask import Answer, Ask, Refused, Sample
from bezoar_data.llms.budget import Budget, most_prompt_tokens
from bezoar_data.llms.journal import Entry, Journal
from bezoar_data.llms.key import KeyMaker
from bezoar_data.llms.providers.base import Completion, Provider, Request, provider_class
from bezoar_data.llms.tally import Count, Tally, cost_of
from bezoar_data.llms.transport import Endpoint, Flight
from bezoar_data.llms.watch import Listen, NoAnswer, Patience, Stopped
from bezoar_data.spec.errors import BezoarError, InputError, Problem, ProviderAway
from bezoar_data.spec.models_file import BATCH_PROVIDERS, Model

if TYPE_CHECKING:
    from bezoar_data.llms.batch import BatchEndpoint
    from bezoar_data.llms.providers.openai import OpenAI

_LOOK_AGAIN = 1.0
"""Seconds between two rounds through a line of models that are all away."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """One model of a role's line: the role's model, or one of its fallbacks."""

    model: Model
    keys: KeyMaker
    endpoint: Endpoint | BatchEndpoint
    demo: bool

    @property
    def max_tokens(self) -> int | None:
        return self.model.sampling.max_tokens


@dataclass(slots=True, eq=False)
class _Question:
    """One question to one model: its keys, and what the journal knows of them."""

    ask: Ask
    step: str
    to: _Candidate
    keys: list[str]
    entries: list[Entry | None]
    count: Count
    counted: bool = False

    @property
    def refusal(self) -> Refused | None:
        for entry in self.entries:
            if entry is not None and entry.error is not None:
                return Refused(entry.error, entry.detail)
        return None

    @property
    def complete(self) -> bool:
        return all(entry is not None and entry.error is None for entry in self.entries)

    def answer(self) -> Answer:
        samples = tuple(Sample(e.text or "", e.finish_reason, e.key) for e in self.entries if e is not None)
        return Answer(samples, self.to.model.model, self.to.demo)


class Gateway:
    """Answers questions by role. Raises `InputError` at once, with all problems, for models that cannot work.

    `retry_failed` sends requests again that were refused for good in an earlier run; `max_cost` is the most this
    gateway may spend, in dollars; `listen` is told while it happens that an endpoint is away or back.
    """

    def __init__(
        self,
        roles: Mapping[str, Model],
        journal: Journal,
        *,
        retry_failed: bool = False,
        max_cost: float | None = None,
        listen: Listen | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.tally = Tally()
        self._journal = journal
        self._retry_failed = retry_failed
        self._budget = None if max_cost is None else Budget(max_cost)
        self._patience = patience or Patience()
        self._listen = listen
        self._endpoints: dict[str, Endpoint | BatchEndpoint] = {}
        self._flights: dict[str, tuple[Flight, int | None]] = {}
        self._underway: set[Flight] = set()
        self._ended: BezoarError | None = None
        problems: list[Problem] = []
        self._lines: dict[str, tuple[_Candidate, ...]] = {}
        for role, model in roles.items():
            line = (self._candidate(role, m, problems) for m in (model, *_fallbacks(model)))
            self._lines[role] = tuple(c for c in line if c is not None)
        if problems:
            raise InputError(problems)

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is still underway and let go of all connections. The journal stays open: it is the caller's."""
        await self.stop(0.0)
        for endpoint in self._endpoints.values():
            await endpoint.close()

    async def stop(self, grace: float) -> None:
        """Take no new question; wait up to `grace` seconds for requests already sent, and journal their answers."""
        error = self._ended or Stopped("stopped; the same command goes on from here")
        self._end(error)
        tasks = []
        for flight in list(self._underway):
            if flight.task is not None:
                if not flight.busy:
                    flight.task.cancel()
                tasks.append(flight.task)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def ask(self, role: str, ask: Ask, *, step: str) -> Answer:
        """The answer to a question, from the journal or from the first model of the role's line that gives one.

        Raises `Refused` when this question gets none (its row is lost, no other); anything else ends the run.
        """
        return (await self.ask_fully(role, ask, step=step))[0]

    async def ask_fully(self, role: str, ask: Ask, *, step: str) -> tuple[Answer, list[Entry]]:
        """As `ask`, with the journal's entries of the samples: tokens, times, cost."""
        question = await self._asked(role, ask, step)
        return question.answer(), [entry for entry in question.entries if entry is not None]

    async def _asked(self, role: str, ask: Ask, step: str) -> _Question:
        """The question with all its entries filled in."""
        if self._ended is not None:
            raise self._ended
        questions = []
        for candidate in self._lines[role]:
            question = self._look_up(candidate, ask, step)
            if question.complete:
                question.count.asks += ask.n
                question.count.hits += ask.n
                return question
            questions.append(question)
        if len(questions) == 1:
            await self._fill(questions[0], patient=True)
            return questions[0]
        return await self._fill_first(questions)

    def snapshot(self) -> dict[str, Any]:
        """The tally, with each endpoint's state: what progress displays and `status` show."""
        endpoints = [endpoint.state() for endpoint in self._endpoints.values()]
        budget = self._budget and {"cap": self._budget.cap, "spent": self._budget.spent, "held": self._budget.reserved}
        return {**self.tally.snapshot(), "endpoints": endpoints, "budget": budget}

    def _candidate(self, role: str, model: Model, problems: list[Problem]) -> _Candidate | None:
        if model.mode == "batch":
            if model.provider not in BATCH_PROVIDERS:
                message = f"provider '{model.provider}' of role '{role}' has no batch API"
                hint = f"only {' and '.join(BATCH_PROVIDERS)} take mode: batch; leave it out"
                problems.append(Problem("no_batch_api", message, hint=hint))
                return None
            if model.price is not None:
                model = model.model_copy(update={"price": model.price.in_batches()})
        try:
            provider = provider_class(model.provider)(model)
        except InputError as error:
            problems.extend(error.problems)
            return None
        problems.extend(provider.problems())
        if self._budget is not None and provider.needs_network:
            problems.extend(_budget_problems(role, model))
        # Two roles with one endpoint share its limits: to the provider they are one customer.
        name = model.model_dump_json(
            include={"provider", "model", "base_url", "api_key_env", "extra_headers", "limits", "mode", "batch"}
        )
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            endpoint = self._endpoint(name, provider)
        if model.revision is None and provider.revision is not None:
            model = model.model_copy(update={"revision": provider.revision})
        return _Candidate(model, KeyMaker(model), endpoint, provider.demo)

    def _endpoint(self, name: str, provider: Provider) -> Endpoint | BatchEndpoint:
        made: Endpoint | BatchEndpoint
        how: dict[str, Any] = {"budget": self._budget, "patience": self._patience, "listen": self._listen}
        if provider.model.mode == "batch":
            from bezoar_data.llms.batch import batch_endpoint

            made = batch_endpoint(cast("OpenAI", provider), self._journal.path, **how)
        else:
            made = Endpoint(provider, **how)
        self._endpoints[name] = made
        return made

    def _look_up(self, candidate: _Candidate, ask: Ask, step: str) -> _Question:
        keys = candidate.keys.keys(ask)
        find, most = self._journal.find, candidate.max_tokens
        entries = [find(key, most, retry_failed=self._retry_failed) for key in keys]
        return _Question(ask, step, candidate, keys, entries, self.tally.of(step, candidate.model.model))

    async def _fill_first(self, questions: Sequence[_Question]) -> _Question:
        """Try the models of a line in order. Away is not refused: while one is only away, the row is not lost."""
        refusals: list[Refused] = []
        left = list(questions)
        while True:
            away: list[ProviderAway | NoAnswer] = []
            for question in list(left):
                try:
                    await self._fill(question, patient=False)
                    return question
                except Refused as refusal:
                    refusals.append(refusal)
                    left.remove(question)
                except (ProviderAway, NoAnswer) as error:
                    away.append(error)
            if not left:
                raise refusals[0]
            if all(q.to.endpoint.watch.given_up for q in left):
                raise away[0]
            await asyncio.sleep(_LOOK_AGAIN)
            if self._ended is not None:
                raise self._ended

    async def _fill(self, question: _Question, *, patient: bool) -> None:
        """Bring the question's missing samples together: from requests underway, from a new one."""
        count = question.count
        if not question.counted:
            question.counted = True
            count.asks += question.ask.n
            count.hits += sum(entry is not None for entry in question.entries)
        if refusal := question.refusal:
            raise refusal
        while True:
            mine: list[int] = []
            flights: dict[Flight, None] = {}
            for i, entry in enumerate(question.entries):
                if entry is None:
                    underway = self._flights.get(question.keys[i])
                    if underway is not None and underway[1] == question.to.max_tokens:
                        flights[underway[0]] = None
                        count.shared += 1
                    else:
                        mine.append(i)
            if mine:
                flights[self._launch(question, tuple(mine), patient)] = None
            for flight in flights:
                assert flight.task is not None  # noqa: S101
                # Shielded: who asked may be cancelled, the answer is wanted in the journal all the same.
                got: Mapping[str, Entry] = await asyncio.shield(flight.task)
                for i, key in enumerate(question.keys):
                    if key in got:
                        question.entries[i] = got[key]
            if question.complete:
                return
            if refusal := question.refusal:
                raise refusal

    def _launch(self, question: _Question, samples: tuple[int, ...], patient: bool) -> Flight:
        flight = Flight()
        if self._budget is not None and (price := question.to.model.price) is not None:
            prompt = most_prompt_tokens(question.ask.messages, question.ask.schema)
            most = question.to.max_tokens or 0
            flight.worst = cost_of(price, prompt, most * len(samples)) or 0.0
        for i in samples:
            self._flights[question.keys[i]] = (flight, question.to.max_tokens)
        self._underway.add(flight)
        flight.task = asyncio.create_task(self._fly(flight, question, samples, patient))
        flight.task.add_done_callback(_seen)
        return flight

    async def _fly(
        self, flight: Flight, question: _Question, samples: tuple[int, ...], patient: bool
    ) -> Mapping[str, Entry]:
        """One request, tries and all, to the journal. Answers come back by key."""
        got: dict[str, Entry] = {}
        ask, to, count = question.ask, question.to, question.count
        try:
            left = samples
            while left:
                request = Request(to.model, ask.messages, ask.schema, left, ask.attempt)
                asked_at = time.time()
                keep = partial(self._keep, question, left, asked_at, got)
                try:
                    await to.endpoint.complete(request, flight, count, keep, patient=patient)
                except Refused as refusal:
                    flight.busy = True
                    await self._journal_refusal(refusal, question, left, asked_at)
                    raise
                if isinstance(to.endpoint, Endpoint):
                    left = tuple(i for i in left if question.keys[i] not in got)
                else:
                    left = self._left(question, left, got)
                flight.busy = False
            return got
        except asyncio.CancelledError:
            # Cancelled by `stop`: whoever shares this request must not take it for its own cancellation.
            raise (self._ended or Stopped("stopped")) from None
        finally:
            flight.busy = False
            self._underway.discard(flight)
            for i in samples:
                if (now := self._flights.get(question.keys[i])) is not None and now[0] is flight:
                    del self._flights[question.keys[i]]

    def _left(self, question: _Question, samples: tuple[int, ...], got: dict[str, Entry]) -> tuple[int, ...]:
        """The samples still to be asked for: another run that waits for the same batch may have written some down."""
        for i in samples:
            key = question.keys[i]
            if key not in got:
                entry = self._journal.find(key, question.to.max_tokens, retry_failed=self._retry_failed)
                if entry is not None:
                    got[key] = entry
        return tuple(i for i in samples if question.keys[i] not in got)

    async def _keep(
        self,
        question: _Question,
        samples: tuple[int, ...],
        asked_at: float,
        got: dict[str, Entry],
        completions: Sequence[Completion | None],
    ) -> None:
        """Book what came, and put it into the journal; `got` then holds what stands there. None: not that one yet."""
        made = [self._entry(question, i, c, asked_at) for i, c in zip(samples, completions, strict=False) if c]
        for entry in made:
            question.count.book(entry.prompt_tokens or 0, entry.completion_tokens or 0, entry.cost)
        question.count.answered += len(made)
        self.tally.tick(len(made))
        if len(made) == 1:
            stored = [await self._journal.put(made[0])]
        else:
            stored = await asyncio.gather(*map(self._journal.put, made))
        got.update((asked.key, entry) for asked, entry in zip(made, stored, strict=True))

    async def _journal_refusal(
        self, refusal: Refused, question: _Question, samples: tuple[int, ...], asked_at: float
    ) -> None:
        question.count.refused += len(samples)
        if not question.to.endpoint.watch.vouched(refusal):
            return
        model = question.to.model
        for i in samples:
            entry = Entry(
                key=question.keys[i],
                text=None,
                error=refusal.reason,
                detail=refusal.detail,
                provider=model.provider,
                model=model.model,
                revision=model.revision,
                max_tokens=model.sampling.max_tokens,
                asked_at=asked_at,
                answered_at=time.time(),
                step=question.step,
                messages=question.ask.messages,
            )
            await self._journal.put(entry)

    def _entry(self, question: _Question, i: int, completion: Completion, asked_at: float) -> Entry:
        model = question.to.model
        prompt, answer, price = completion.prompt_tokens, completion.completion_tokens, model.price
        return Entry(
            key=question.keys[i],
            text=completion.text,
            finish_reason=completion.finish_reason,
            provider=model.provider,
            model=model.model,
            revision=model.revision,
            max_tokens=model.sampling.max_tokens,
            prompt_tokens=prompt,
            completion_tokens=answer,
            price_input=price.input if price else None,
            price_output=price.output if price else None,
            cost=None if prompt is None or answer is None else cost_of(price, prompt, answer),
            asked_at=asked_at,
            answered_at=time.time(),
            request_id=completion.request_id or None,
            step=question.step,
            messages=question.ask.messages,
            extra=completion.extra,
        )

    def _end(self, error: BezoarError) -> None:
        self._ended = error
        for endpoint in self._endpoints.values():
            endpoint.watch.end(error)


def _fallbacks(model: Model) -> list[Model]:
    """A model's fallbacks and theirs, in the order they are tried."""
    return [m for fallback in model.fallbacks for m in (fallback, *_fallbacks(fallback))]


def _budget_problems(role: str, model: Model) -> list[Problem]:
    who = f"model '{model.model}' of role '{role}'"
    found = []
    if model.price is None:
        found.append(
            Problem("no_price", f"{who} has no price, and there is a budget", hint="add price: {input, output, read}")
        )
    if model.sampling.max_tokens is None:
        hint = "set sampling.max_tokens: without it nobody can say what a request may cost"
        found.append(Problem("no_max_tokens", f"{who} has no max_tokens, and there is a budget", hint=hint))
    return found


def _seen(task: asyncio.Task[Any]) -> None:
    """Look at a request's error, so that asyncio does not report one whose askers are all gone."""
    if not task.cancelled():
        task.exception()
