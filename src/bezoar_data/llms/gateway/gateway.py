"""The one way from questions to models: no answer is paid twice, none is returned before it is in the journal.

For each question the gateway looks into the journal (for every model of the role's fallback chain, before any is
asked), joins a request for the same answer that is already in flight, or sends one and writes the answer to the journal
before it returns it. What costs only one row is a `Refused`; every other error that leaves here ends the run.

A gateway belongs to one event loop. It is cheap to make: providers connect with their first request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, cast

from bezoar_data.config.errors import BezoarError, InputError, ProviderAway, raise_errors
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.batch.endpoint import APIS, BatchEndpoint
from bezoar_data.llms.endpoint.budget import Budget, budget_problems
from bezoar_data.llms.endpoint.endpoint import Endpoint
from bezoar_data.llms.endpoint.fleet import Fleet
from bezoar_data.llms.endpoint.health import NoAnswer, OnEvent, Stopped
from bezoar_data.llms.endpoint.share import Share
from bezoar_data.llms.endpoint.usage import UsageTracker
from bezoar_data.llms.gateway.fallbacks import as_asked
from bezoar_data.llms.gateway.inflight import InflightRequests
from bezoar_data.llms.gateway.question import Candidate, Question
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.places import ModelAt
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.base import Provider, provider_class
from bezoar_data.llms.providers.openai import OpenAI
from bezoar_data.llms.redact import register_environment
from bezoar_data.llms.retry_policy import RetryPolicy

_LOOK_AGAIN = 1.0
"""Seconds between two rounds through a fallback chain whose models are all away."""
_OF_AN_ENDPOINT = {
    "provider", "model", "base_url", "endpoints", "api_key_env", "extra_headers", "limits", "supports", "mode", "batch",
    "local",
}  # fmt: skip


class Gateway:
    """Answers questions by role. Raises `InputError` at once, with all problems, for models that cannot work.

    `retry_failed` sends requests again that were refused for good in an earlier run; `max_cost` is the most this
    gateway may spend, in dollars; `on_event` is called while it happens that an endpoint is away or back; `share` is
    what it may use of the endpoints' limits, where that is not all.
    """

    def __init__(
        self,
        roles: Mapping[str, Model],
        journal: Journal,
        *,
        retry_failed: bool = False,
        max_cost: float | None = None,
        on_event: OnEvent | None = None,
        retry: RetryPolicy | None = None,
        share: Share | None = None,
    ) -> None:
        self._share = share
        self.usage = UsageTracker()
        self._journal = journal
        self._retry_failed = retry_failed
        self._budget = None if max_cost is None else Budget(max_cost)
        self._retry = retry or RetryPolicy()
        self._on_event = on_event
        self._endpoints: dict[str, Endpoint | BatchEndpoint | Fleet] = {}
        self._inflight = InflightRequests(journal, self.usage, self._budget, retry_failed=retry_failed)
        self._ended: BezoarError | None = None
        register_environment()  # libraries and steps may read keys that no model names
        self._chains: dict[str, tuple[Candidate, ...]] = {}
        self.add(roles)

    def add(self, roles: Mapping[str, Model]) -> None:
        """More roles. Raises `InputError` with all problems, for models that cannot work."""
        problems: list[Problem] = []
        for role, model in roles.items():
            chain = (self._candidate(role, m, problems) for m in model.fallback_chain())
            self._chains[role] = tuple(c for c in chain if c is not None)
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
        self._inflight.close()
        for endpoint in self._endpoints.values():
            await endpoint.close()

    async def stop(self, grace: float) -> None:
        """Take no new question; wait up to `grace` seconds for requests already sent, and journal their answers."""
        self._ended = error = self._ended or Stopped("stopped; run the same command again to continue")
        for endpoint in self._endpoints.values():
            endpoint.health.end(error)
        await self._inflight.stop(error, grace)

    async def ask(self, role: str, ask: Ask, *, step: str, shielded: bool = True) -> Answer:
        """The answer to a question, from the journal or from the first model of the fallback chain that gives one.

        Not `shielded`, the request ends with the caller's task: for callers that nobody cancels before `stop` has
        returned, as others may wait for it. Raises `Refused` when this question gets no answer (its row is lost, no
        other); anything else ends the run.
        """
        return (await self._asked(role, ask, step, shielded)).answer()

    async def ask_fully(self, role: str, ask: Ask, *, step: str) -> tuple[Answer, list[Entry]]:
        """As `ask`, with the journal's entries of the samples: tokens, times, cost."""
        question = await self._asked(role, ask, step)
        return question.answer(), [entry for entry in question.entries if entry is not None]

    async def _asked(self, role: str, ask: Ask, step: str, shielded: bool = True) -> Question:
        """The question with all its entries filled in."""
        if self._ended is not None:
            raise self._ended
        questions = []
        for candidate in self._chains[role]:
            question = self._look_up(candidate, ask, step)
            if question.complete:
                question.usage.asks += ask.n
                question.usage.hits += ask.n
                return question
            questions.append(question)
        if len(questions) == 1:
            await self._fill(questions[0], patient=True, shielded=shielded)
            return questions[0]
        return await self._fill_first(questions, shielded)

    def snapshot(self) -> dict[str, Any]:
        """Usage, with each endpoint's state: what progress displays and `status` show."""
        endpoints = [part.state() for endpoint in self._endpoints.values() for part in endpoint.parts]
        budget = self._budget and {"cap": self._budget.cap, "spent": self._budget.spent, "held": self._budget.reserved}
        return {**self.usage.snapshot(), "endpoints": endpoints, "budget": budget}

    def answered_at(self) -> set[ModelAt]:
        """Which models answered so far, and at which address."""
        candidates = (c for chain in self._chains.values() for c in chain if c.needs_network)
        return {
            (c.model.provider, c.model.model, c.model.revision or "", part.provider.address)
            for c in candidates
            for part in c.endpoint.parts
            if part.health.answers
        }

    def _candidate(self, role: str, model: Model, problems: list[Problem]) -> Candidate | None:
        if model.mode == "batch" and model.provider not in APIS:
            message = f"provider '{model.provider}' of role '{role}' has no batch API"
            hint = f"only {' and '.join(APIS)} take mode: batch; leave it out"
            problems.append(Problem("no-batch-api", message, hint=hint))
            return None
        try:
            kind = provider_class(model.provider)
            model = as_asked(model, kind)
            provider = kind(model.at_each()[0])
        except InputError as error:
            problems.extend(error.problems)
            return None
        # Two roles with one endpoint share its limits: to the provider they are one customer.
        name = model.model_dump_json(include=_OF_AN_ENDPOINT)
        endpoint = self._endpoints.get(name)
        try:
            endpoint = endpoint or self._endpoint(model, provider)
        except InputError as error:
            problems.extend(error.problems)
        if self._budget is not None and provider.needs_network:
            problems.extend(budget_problems(role, model))
        if endpoint is None:
            return None
        self._endpoints[name] = endpoint
        return Candidate(model, KeyMaker(model), endpoint, provider.is_demo, provider.needs_network)

    def _endpoint(self, model: Model, provider: Provider) -> Endpoint | BatchEndpoint | Fleet:
        """What drives a model's endpoint. Raises `InputError` with what is wrong with it."""
        if model.endpoints is not None:
            return Fleet(model, self._one_of_many, self._retry, self._on_event)
        raise_errors(provider.problems())
        if model.mode == "batch":
            how: dict[str, Any] = {"budget": self._budget, "retry": self._retry, "on_event": self._on_event}
            return BatchEndpoint(cast(OpenAI, provider), self._journal, retry_failed=self._retry_failed, **how)
        return self._endpoint_of(provider, self._retry)

    def _one_of_many(self, model: Model, retry: RetryPolicy) -> Endpoint:
        provider = provider_class(model.provider)(model)
        if not provider.needs_network:
            message = f"provider '{model.provider}' has no endpoints: its model runs in this process"
            raise InputError(Problem("no-endpoints", message, hint="leave 'endpoints' out"))
        raise_errors(provider.problems())
        return self._endpoint_of(provider, retry)

    def _endpoint_of(self, provider: Provider, retry: RetryPolicy) -> Endpoint:
        # A model that runs in this process is no other process's.
        share = self._share if provider.needs_network else None
        return Endpoint(provider, budget=self._budget, retry=retry, on_event=self._on_event, share=share)

    def _look_up(self, candidate: Candidate, ask: Ask, step: str) -> Question:
        keys = candidate.keys.keys(ask)
        find, most = self._journal.find, candidate.max_tokens
        entries = [find(key, most, retry_failed=self._retry_failed) for key in keys]
        return Question(ask, step, candidate, keys, entries, self.usage.of(step, candidate.model.model))

    async def _fill_first(self, questions: Sequence[Question], shielded: bool) -> Question:
        """Try the models of a chain in order. Away is not refused: while one is only away, the row is not lost."""
        refusals: list[Refused] = []
        left = list(questions)
        while True:
            away: list[ProviderAway | NoAnswer] = []
            for question in list(left):
                try:
                    await self._fill(question, patient=False, shielded=shielded)
                    return question
                except Refused as refusal:
                    refusals.append(refusal)
                    left.remove(question)
                except (ProviderAway, NoAnswer) as error:
                    away.append(error)
            if not left:
                raise refusals[0]
            if all(q.to.endpoint.health.has_given_up for q in left):
                raise away[0]
            await asyncio.sleep(_LOOK_AGAIN)
            if self._ended is not None:
                raise self._ended

    async def _fill(self, question: Question, *, patient: bool, shielded: bool) -> None:
        """Bring the question's missing samples together: from requests underway, from a new one."""
        usage = question.usage
        if not question.counted:
            question.counted = True
            usage.asks += question.ask.n
            usage.hits += sum(entry is not None for entry in question.entries)
        if refusal := question.refusal:
            raise refusal
        while not question.complete:
            await self._inflight.fill(question, patient=patient, shielded=shielded)
            if refusal := question.refusal:
                raise refusal
