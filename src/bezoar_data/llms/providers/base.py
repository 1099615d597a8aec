"""What every kind of endpoint must do, and how it is found by the name a models file gives.

A provider turns one `Request` into completions and nothing else: it neither retries nor waits nor remembers. That is
the gateway's and the endpoint's work, the same for every kind, so a new kind is one short file in this folder: the
module `my_kind` with a class whose `kind` is "my-kind". A failure is one of three errors: `Refusal` (the same request
would be refused again), `Unauthorised` (no request will ever be answered with this key), `Transient` (the same request
may be answered later).
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model, Sampling
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.value_class import value_class
from bezoar_data.llms.ask import Message
from bezoar_data.llms.keys import key_problems, read_key
from bezoar_data.llms.refusals import RefusalReason
from bezoar_data.llms.retry_policy import Cause, ProviderError, Refusal, Transient, Unauthorised

__all__ = [
    "Cause",
    "Completion",
    "Provider",
    "ProviderError",
    "Refusal",
    "Request",
    "Transient",
    "Unauthorised",
    "builtin_class",
    "builtin_providers",
    "key_problems",
    "known_providers",
    "provider_class",
    "read_key",
]

ASKED_AGAIN = 0.7
"""The least temperature of a question that is asked again, where one is set at all: at 0 the same answer would come."""

ENTRY_POINTS = "bezoar_data.providers"
"""Group under which other packages register kinds of their own."""


@value_class(frozen=True, slots=True)
class Request:
    """One request to an endpoint, for the answers numbered in `samples` (several when a question wants several).

    `attempt` counts re-askings of the same question. A provider sends the values of `sampling` and, where it takes a
    seed, `sample_seed`: both change with the attempt, or asking again would return the same answer.
    """

    model: Model
    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    samples: tuple[int, ...] = (0,)
    attempt: int = 0
    narrower: Mapping[str, Any] | None = None
    """A schema with bounds, in place of `schema` where the server's decoding follows any (`Ask.narrower`)."""

    @property
    def n(self) -> int:
        return len(self.samples)

    @property
    def max_tokens(self) -> int | None:
        return self.model.sampling.max_tokens

    @property
    def sampling(self) -> Sampling:
        """The values to send: the model's. A question asked again is never asked so that the likeliest words come."""
        values = self.model.sampling
        changes: dict[str, Any] = {}
        if self.attempt and values.temperature is not None and values.temperature < ASKED_AGAIN:
            changes["temperature"] = ASKED_AGAIN
        if self.attempt and values.top_k == 1:
            changes["top_k"] = None
        return values.model_copy(update=changes) if changes else values

    @property
    def sample_seed(self) -> int | None:
        """The seed to send: the model's, moved on by attempt and first sample. The first of all is the model's."""
        seed = self.model.sampling.seed
        if seed is None:
            return None
        return (seed + 1_000_003 * self.attempt + self.samples[0]) % 2**31


@value_class(frozen=True, slots=True)
class Completion:
    """One answer as the endpoint gave it.

    Token counts are this sample's share: over a request's samples they add up to what the endpoint billed. None means
    that it did not say. `finish_reason` is the endpoint's word (`stop`, `MAX_TOKENS`, `SAFETY`...). `extra` holds JSON
    values, a model's thinking under `reasoning`. Whether it is an answer at all, and what of its text, is read where it
    comes in (`common.received`): `error` and `detail` are written there.
    """

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    request_id: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    error: RefusalReason | None = None
    detail: str = ""


class Provider(ABC):
    """One endpoint of one kind, made from a model of the models file. Cheap to make: connects in `open`."""

    kind: ClassVar[str]
    demo: ClassVar[bool] = False
    """True for embedded models that only show the flow: rows they touch are marked and not published by default."""
    revision: ClassVar[str | None] = None
    """What stands in the journal's key where the models file names no revision: for embedded models, whose answers
    change with this package, its version."""
    needs_network: ClassVar[bool] = True
    rules: ClassVar[bool] = False
    """True where fixed rules answer and no model does: the lock says so, and with it the card."""
    answers: ClassVar[frozenset[str] | None] = None
    """The steps whose questions it can answer, by the names that pipelines use; None for any."""
    takes_name: ClassVar[bool] = False
    """Whether a models file may say more behind a colon: `distilabel:OpenAILLM`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def as_asked(cls, model: Model) -> Model:
        """The model with what this kind fills in where its entry says nothing, such as its weights' revision: so it is
        asked, journalled and told on the card. To be called again on what it gave changes nothing."""
        return model

    @property
    def is_demo(self) -> bool:
        """Whether rows that the model touches are demo rows: by its kind, or by its entry."""
        return self.demo or self.model.demo

    def prepare(self, *, quiet: bool = False) -> None:  # noqa: B027 - most need nothing
        """What may take long and is to be done before a run, while a person looks on: fetching weights. Raises
        `InputError`."""

    @property
    def address(self) -> str:
        """Where it is, for messages to people."""
        return self.model.base_url or self.kind

    def problems(self) -> list[Problem]:
        """What is wrong with the model's entry, found before anything is sent: a missing key, no base_url..."""
        return []

    async def open(self) -> None:  # noqa: B027 - most need nothing
        """Called once, on the loop that will use it, before the first request."""

    async def close(self) -> None:  # noqa: B027 - most need nothing
        """Called once after the last request."""

    def adapt(self, refusal: Refusal, request: Request) -> str | None:
        """What a refused request's endpoint is asked otherwise from now on, in words for people, where that may be the
        cure: the request is then sent again at once. Empty where that was told before; None where there is none."""
        return None

    async def known(self) -> tuple[str, ...]:
        """The ids of the models that the endpoint lists; none where it lists none, or not to us."""
        return ()

    def gave_fewer(self, request: Request, given: int) -> str | None:
        """Called when fewer answers came than were wanted: what is asked otherwise from now on, if anything is."""
        return None

    @abstractmethod
    async def complete(self, request: Request) -> Sequence[Completion]:
        """The completions for `request.samples`, in order. Fewer than wanted is allowed: the rest is asked again.

        Raises `Refusal`, `Unauthorised` or `Transient`; anything else is a bug and ends the run.
        """


def known_providers() -> list[str]:
    """Every kind a models file may name: the built-in ones and those that installed packages register."""
    return sorted({*builtin_providers(), *_plugins()})


@cache
def builtin_providers() -> Mapping[str, str]:
    """Kind -> module, of every provider in this package. Imports none of them."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    modules = (m.name for m in found if not m.ispkg and m.name != "base")
    return {name.replace("_", "-"): f"{__package__}.{name}" for name in modules}


def provider_class(kind: str) -> type[Provider]:
    """The class for a kind. Raises `InputError` for a kind nobody knows or whose package is not installed."""
    family, colon, _ = kind.partition(":")
    builtin = builtin_providers().get(family)
    target = builtin or _plugins().get(kind)
    found = _load(kind, family, target) if target is not None else None
    if found is None or (builtin and colon and not found.takes_name):
        message = f"unknown provider '{kind}'"
        raise InputError(Problem("unknown-provider", message, hint=did_you_mean(kind, known_providers())))
    return found


def builtin_class(kind: str) -> type[Provider] | None:
    """The class for a kind of this package; None for one of other packages, whose code nobody asked to run yet."""
    return provider_class(kind) if kind.partition(":")[0] in builtin_providers() else None


def _load(kind: str, family: str, target: str) -> type[Provider]:
    name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        message = f"provider '{kind}' cannot be loaded: {error}"
        hint = "install what it needs, or name another provider"
        raise InputError(Problem("provider-not-installed", message, hint=hint)) from error
    if attribute:
        found: type[Provider] = getattr(module, attribute)
        return found
    for made in vars(module).values():
        if isinstance(made, type) and issubclass(made, Provider) and getattr(made, "kind", None) == family:
            return made
    raise TypeError(f"{name} has no Provider whose kind is '{family}'")


def _plugins() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
