"""One question to one model: the journal's keys of its samples, what is known of them, and what is written down."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.batch.endpoint import BatchEndpoint
from bezoar_data.llms.endpoint.circuit_breaker import RequestState
from bezoar_data.llms.endpoint.endpoint import Endpoint
from bezoar_data.llms.endpoint.fleet import Fleet
from bezoar_data.llms.endpoint.usage import Usage, cost_of
from bezoar_data.llms.gateway.outcome import answer_of, refusal_in
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.base import Completion


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One model of a role's fallback chain: the role's model, or one of its fallbacks."""

    model: Model
    keys: KeyMaker
    endpoint: Endpoint | BatchEndpoint | Fleet
    demo: bool
    needs_network: bool

    @property
    def max_tokens(self) -> int | None:
        return self.model.sampling.max_tokens


@dataclass(slots=True, eq=False)
class Question:
    """One question to one model: its keys, and what the journal knows of them."""

    ask: Ask
    step: str
    to: Candidate
    keys: list[str]
    entries: list[Entry | None]
    usage: Usage
    counted: bool = False
    state: RequestState = field(default_factory=RequestState)
    """What is known of its failures, also of those before another model of the chain was asked."""

    @property
    def refusal(self) -> Refused | None:
        return refusal_in(self.entries)

    @property
    def complete(self) -> bool:
        return None not in self.entries and self.refusal is None

    def take(self, got: Mapping[str, Entry]) -> None:
        """Fill in what came, by key."""
        for i, key in enumerate(self.keys):
            if key in got:
                self.entries[i] = got[key]

    def answer(self) -> Answer:
        return answer_of(self.entries, self.to.model, demo=self.to.demo)

    def answered(self, i: int, completion: Completion, asked_at: float) -> Entry:
        """The journal's entry for a completion that came as the `i`-th sample."""
        model = self.to.model
        prompt, answer, price = completion.prompt_tokens, completion.completion_tokens, model.price
        return Entry(
            key=self.keys[i],
            text=completion.text,
            finish_reason=completion.finish_reason,
            error=completion.error,
            detail=completion.detail,
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
            step=self.step,
            messages=self.ask.messages,
            extra=completion.extra,
        )

    def refused(self, i: int, refusal: Refused, asked_at: float) -> Entry:
        """The journal's entry for a refusal of the `i`-th sample."""
        model = self.to.model
        return Entry(
            key=self.keys[i],
            text=None,
            error=refusal.reason,
            detail=refusal.detail,
            provider=model.provider,
            model=model.model,
            revision=model.revision,
            max_tokens=model.sampling.max_tokens,
            asked_at=asked_at,
            answered_at=time.time(),
            step=self.step,
            messages=self.ask.messages,
        )
