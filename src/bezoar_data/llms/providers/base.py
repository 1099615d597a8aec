"""What every kind of endpoint must do, and how it is found by the name a models file gives.

A provider turns one `Request` into completions and nothing else: it neither retries nor waits nor remembers. That is
the gateway's and the transport's work, the same for every kind, so a new kind of endpoint is one short file. What goes
wrong is told in three words: `Refusal` (the same request would be refused again), `Unauthorised` (no request will
ever be answered with this key), `Transient` (the same request may be answered later).
"""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.llms.ask import Message

KINDS: dict[str, str] = {
    "openai": "bezoar_data.llms.providers.openai:OpenAI",
    "openai-completions": "bezoar_data.llms.providers.openai_completions:OpenAICompletions",
    "anthropic": "bezoar_data.llms.providers.anthropic:Anthropic",
    "transformers": "bezoar_data.llms.providers.transformers:Transformers",
    "litellm": "bezoar_data.llms.providers.litellm:LiteLLM",
    "distilabel": "bezoar_data.llms.providers.distilabel:DistilabelLLM",
    "offline-teacher": "bezoar_data.llms.offline.teacher:OfflineTeacher",
    "offline-judge": "bezoar_data.llms.offline.judge:OfflineJudge",
}
"""Kind in a models file -> `module:Class`. Imported when a run first needs it."""

EMBEDDED = frozenset({"offline-teacher", "offline-judge"})
"""Kinds that need nothing: no address, no key, no money. Their tables take a while to import."""

NAMED = frozenset({"distilabel"})
"""Kinds that say more behind a colon: `distilabel:OpenAILLM`."""

ENTRY_POINTS = "bezoar_data.providers"
"""Group under which other packages register kinds of their own."""

Cause = Literal["rate_limited", "unavailable", "server_error", "timeout", "conflict", "connection", "cut", "garbage"]
"""Why a request may yet be answered. `connection`: nobody there; `unavailable`: HTTP 503, someone there but closed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an endpoint, for the answers numbered in `samples` (several when a question wants several).

    `attempt` counts re-askings of the same question. A provider that takes a seed must let both change it
    (`sample_seed`), or asking again would return the same answer.
    """

    model: Model
    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    samples: tuple[int, ...] = (0,)
    attempt: int = 0

    @property
    def n(self) -> int:
        return len(self.samples)

    @property
    def max_tokens(self) -> int | None:
        return self.model.sampling.max_tokens

    @property
    def sample_seed(self) -> int | None:
        """The seed to send: the model's, moved on by attempt and first sample. The first of all is the model's."""
        seed = self.model.sampling.seed
        if seed is None:
            return None
        return (seed + 1_000_003 * self.attempt + self.samples[0]) % 2**31


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer as the endpoint gave it.

    Token counts are this sample's share: over a request's samples they add up to what the endpoint billed. None means
    that it did not say. `finish_reason` is the endpoint's word (`stop`, `length`, `content_filter`...).
    """

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    request_id: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class ProviderError(Exception):
    """A request that brought no answer. Its text may be shown and journalled: it holds no secret."""


class Refusal(ProviderError):
    """Deterministic: the endpoint would refuse the same request again (HTTP 400, 404, 413, 422)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status
        self.detail = detail


class Unauthorised(ProviderError):
    """The endpoint does not take this key (HTTP 401, 403), or the account behind it has nothing left to spend."""


class Transient(ProviderError):
    """The same request may be answered later. `retry_after` is the endpoint's own word on when, in seconds.

    `billed` is what the failed request is known to have cost, in (prompt, completion) tokens; None means unknown,
    which under a budget counts as the worst case where `cause` allows that the model did work.
    """

    def __init__(
        self,
        cause: Cause,
        detail: str = "",
        retry_after: float | None = None,
        billed: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.detail = detail
        self.retry_after = retry_after
        self.billed = billed

    @property
    def may_have_cost(self) -> bool:
        return self.cause in ("timeout", "cut", "garbage")


class Provider(ABC):
    """One endpoint of one kind, made from a model of the models file. Cheap to make: connects in `open`."""

    kind: ClassVar[str]
    demo: ClassVar[bool] = False
    """True for embedded models that only show the flow: rows they touch are marked and not published by default."""
    revision: ClassVar[str | None] = None
    """What stands in the journal's key where the models file names no revision: for embedded models, whose answers
    change with this package, its version."""
    needs_network: ClassVar[bool] = True

    def __init__(self, model: Model) -> None:
        self.model = model

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

    @abstractmethod
    async def complete(self, request: Request) -> Sequence[Completion]:
        """The completions for `request.samples`, in order. Fewer than wanted is allowed: the rest is asked again.

        Raises `Refusal`, `Unauthorised` or `Transient`; anything else is a bug and ends the run.
        """


def key_problems(model: Model) -> list[Problem]:
    """What is wrong with the environment variable that holds a model's key, if it names one."""
    variable = model.api_key_env
    if variable is None:
        return []
    key = os.environ.get(variable, "").strip()
    if not key:
        message = f"the environment variable {variable} is not set: model '{model.model}' needs a key"
        return [Problem("no-key", message, hint=f"export {variable}=...")]
    if not key.isascii() or not key.isprintable() or " " in key:
        message = f"the value of the environment variable {variable} cannot be a key: it holds blanks or odd characters"
        return [Problem("bad-key", message, hint="copy it again")]
    return []


def known_providers() -> list[str]:
    """Every kind a models file may name: the built-in ones and those that installed packages register."""
    return sorted({*KINDS, *_plugins()})


def provider_class(kind: str) -> type[Provider]:
    """The class for a kind. Raises `InputError` for a kind nobody knows or whose package is not installed."""
    family = kind.partition(":")[0]
    target = KINDS.get(family if family in NAMED else kind) or _plugins().get(kind)
    if target is None:
        message = f"unknown provider '{kind}'"
        raise InputError(Problem("unknown-provider", message, hint=did_you_mean(kind, known_providers())))
    module, _, name = target.partition(":")
    try:
        found: type[Provider] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        message = f"provider '{kind}' cannot be loaded: {error}"
        hint = "install what it needs, or name another provider"
        raise InputError(Problem("provider-not-installed", message, hint=hint)) from error
    return found


def own_class(kind: str) -> type[Provider] | None:
    """The class for a kind of this package; None for one of other packages, whose code nobody asked to run yet."""
    return provider_class(kind) if kind.partition(":")[0] in KINDS else None


def _plugins() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
