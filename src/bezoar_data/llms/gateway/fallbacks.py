"""The models of a role, its fallbacks among them, and what the journal holds of their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from bezoar_data.config.files.models import Model
from bezoar_data.config.value_class import value_class
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.outcome import answer_of, refusal_in
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.places import ModelAt, at_two_addresses, other_addresses
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.base import Provider, builtin_class


def as_asked(model: Model, kind: type[Provider] | None) -> Model:
    """The model with what its answers are journalled under and cost: an embedded model's revision is its package's,
    a batch has its own price."""
    if kind is not None:
        model = kind.as_asked(model)
        if model.revision is None and kind.revision is not None:
            model = model.model_copy(update={"revision": kind.revision})
    if model.mode == "batch" and model.price is not None:
        model = model.model_copy(update={"price": model.price.in_batches()})
    return model


def addresses_of(models: Iterable[Model]) -> list[ModelAt]:
    """Where models answer, those that are reached over a network."""
    found = []
    for model in models:
        kind = builtin_class(model.provider)
        # Of several endpoints of one model the file itself says that they are one; they come and go.
        if kind is not None and kind.needs_network and model.endpoints is None:
            found.append((model.provider, model.model, as_asked(model, kind).revision or "", kind(model).address))
    return found


def address_notes(journal: Journal, roles: Mapping[str, Model]) -> Iterator[str]:
    """What is to be said of where these roles' models answer."""
    chains = (model for first in roles.values() for model in first.fallback_chain())
    yield from at_two_addresses(addresses_of(roles.values()))
    yield from other_addresses(journal, addresses_of(chains))


@value_class(frozen=True, slots=True)
class CacheLookup:
    """What the journal holds for a question: the answer or refusal, if it is all there, and each sample's entry."""

    keys: tuple[str, ...]
    entries: tuple[Entry | None, ...]
    outcome: Answer | Refused | None


class Finder(Protocol):
    """The journal, or whatever answers like it."""

    def find(self, key: str, max_tokens: int | None, *, retry_failed: bool = False) -> Entry | None: ...


class CachedAnswers:
    """The gateway's look-up without its sending. Opens nothing and connects to nobody."""

    def __init__(self, roles: Mapping[str, Model], journal: Finder | None, *, retry_failed: bool = False) -> None:
        self._journal = journal
        self._retry_failed = retry_failed
        self._chains: dict[str, list[tuple[Model, KeyMaker, bool]]] = {}
        for role, first in roles.items():
            chain = []
            for model in first.fallback_chain():
                kind = builtin_class(model.provider)
                asked = as_asked(model, kind)
                chain.append((asked, KeyMaker(asked), asked.demo or (kind is not None and kind.demo)))
            self._chains[role] = chain

    def model(self, role: str) -> Model:
        """The model that is asked first."""
        return self._chains[role][0][0]

    def find(self, role: str, ask: Ask) -> CacheLookup:
        """What a run would find for this question before it asks anyone: an answer of any model of the chain, else
        what there is of the first that would be asked, else the first's refusal."""
        chain = [self._find(model, maker, demo, ask) for model, maker, demo in self._chains[role]]
        answered = (found for found in chain if isinstance(found.outcome, Answer))
        to_ask = (found for found in chain if found.outcome is None)
        return next(answered, None) or next(to_ask, None) or chain[0]

    def _find(self, model: Model, maker: KeyMaker, demo: bool, ask: Ask) -> CacheLookup:
        keys = tuple(maker.keys(ask))
        if self._journal is None:
            return CacheLookup(keys, (None,) * ask.n, None)
        most = model.sampling.max_tokens
        entries = tuple(self._journal.find(key, most, retry_failed=self._retry_failed) for key in keys)
        if refusal := refusal_in(entries):
            return CacheLookup(keys, entries, refusal)
        answer = None if None in entries else answer_of(entries, model, demo=demo)
        return CacheLookup(keys, entries, answer)
