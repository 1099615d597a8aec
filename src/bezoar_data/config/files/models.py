"""The models file: which endpoint answers for which role, at which limits, price and licence terms."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.discovery import refuse_other_kind
from bezoar_data.config.files.endpoints import address_problems, at_endpoints, header_problems, place_endpoints
from bezoar_data.config.files.model_problem import without_roles
from bezoar_data.config.files.named_model import with_named
from bezoar_data.config.files.recorded import ANSWERS, AnswersFiles, missing_answers
from bezoar_data.config.files.running import SERVED_AT, Local, Serve
from bezoar_data.config.files.supports import Supports
from bezoar_data.config.keys_in_files import keys_in
from bezoar_data.config.paths import expand_home, normalized
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.validation import check
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

BATCH_PROVIDERS = ("openai", "anthropic")
"""Kinds of endpoint that take `mode: batch`."""
LOCAL_PROVIDER = "llamacpp"
"""The kind that takes `local`."""
KEY_VARIABLE = r"^([A-Z][A-Z0-9_]*_API_KEY|HF_TOKEN)$"


class Sampling(Strict):
    """Sampling values that change an answer, hence part of the journal's key (`max_tokens` alone is not)."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=None, description="How freely the model chooses its words, from 0 to 2.", examples=[0.7]
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Choose among the likeliest words that together have this probability.",
        examples=[0.95],
    )
    top_k: Annotated[int, Field(ge=-1)] | None = Field(
        default=None, description="Choose among this many likeliest words; -1 is all.", examples=[40]
    )
    repetition_penalty: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Above 1, words said before become less likely.", examples=[1.1]
    )
    seed: int | None = Field(default=None, description="The endpoint's own seed, where it has one.", examples=[7])
    stop: tuple[str, ...] = Field(default=(), description="Texts at which an answer ends.", examples=[["\n\n"]])
    max_tokens: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="The longest answer, in tokens. Needed for a run with a budget.", examples=[1024]
    )


class Limits(Strict):
    """How hard an endpoint may be driven. Times are in seconds."""

    concurrency: Annotated[int, Field(gt=0)] = Field(
        default=32, description="The most requests in flight at once.", examples=[32]
    )
    requests_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="The most requests in a minute.", examples=[500]
    )
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="The most tokens in a minute, prompts and answers together.", examples=[200000]
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        default=120.0, description="Seconds until one request is given up.", examples=[120]
    )
    total_timeout: Annotated[float, Field(gt=0)] = Field(
        default=600.0, description="Seconds until a question is given up, all its requests together.", examples=[600]
    )
    max_outage: Annotated[float, Field(ge=0)] = Field(
        default=600.0,
        description="Seconds that a run waits for an endpoint that is away before it ends, resumable.",
        examples=[600],
    )


class Batching(Strict):
    """How requests are gathered and fetched with `mode: batch`. Times are in seconds."""

    gather: Annotated[float, Field(gt=0)] = Field(
        default=2.0, description="A batch is submitted when no new request came for this many seconds.", examples=[2]
    )
    poll: Annotated[float, Field(gt=0)] = Field(
        default=60.0,
        description="The longest time between two looks at a batch; the first looks come sooner.",
        examples=[60],
    )
    tries: Annotated[int, Field(gt=0)] = Field(
        default=3, description="How often a request is submitted that its batch left without an answer.", examples=[3]
    )
    max_requests: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="The most requests in a batch, when that is less than the provider takes.",
        examples=[10000],
    )
    max_bytes: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="The largest batch in bytes, when that is less than the provider takes.",
        examples=[50000000],
    )


class Price(Strict):
    """Money in US dollars per million tokens, and the day it was read: prices change."""

    input: Annotated[float, Field(ge=0)] = Field(description="US dollars for a million prompt tokens.", examples=[0.15])
    output: Annotated[float, Field(ge=0)] = Field(description="US dollars for a million answer tokens.", examples=[0.6])
    read: date = Field(
        description="the day this price was read, such as 2026-01-31: prices change.", examples=["2026-01-31"]
    )
    batch_discount: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="The share of the price that falls away with `mode: batch`; 0.5 is half price.",
        examples=[0.5],
    )

    def in_batches(self) -> Price:
        """What the same tokens cost in a batch."""
        left = 1 - self.batch_discount
        return self.model_copy(update={"input": self.input * left, "output": self.output * left})


class Carbon(Strict):
    """What answers give off, in grams of CO2 equivalent per million tokens, and who says so."""

    input: Annotated[float, Field(ge=0)] = Field(description="Grams for a million prompt tokens.", examples=[20])
    output: Annotated[float, Field(ge=0)] = Field(description="Grams for a million answer tokens.", examples=[150])
    source: Annotated[str, Field(min_length=1)] = Field(
        description="Where the figures are from.", examples=["our own meter at 300 g/kWh, May 2026"]
    )


class OutputLicence(Strict):
    """What the model's owner allows with its *outputs*. `commercial: unknown` is a real answer."""

    id: str = Field(
        description="The licence or terms of the outputs: an SPDX id, or a name of yours.",
        examples=["Apache-2.0", "LicenseRef-our-terms"],
    )
    commercial: Literal["yes", "no", "unknown"] = Field(
        default="unknown", description="Whether outputs may be used commercially.", examples=["unknown"]
    )
    url: str | None = Field(default=None, description="Where the terms stand.", examples=["https://example.org/terms"])
    note: str | None = Field(
        default=None,
        description="What a person should know of them.",
        examples=["The terms limit the use of outputs for competing models."],
    )


class Model(Strict):
    """One endpoint that answers. `api_key_env` is the *name* of an environment variable, never a key."""

    provider: Annotated[str, Field(min_length=1)] = Field(
        description="The kind of endpoint: openai, anthropic...", examples=["openai", "anthropic", "placeholder"]
    )
    model: Annotated[str, Field(min_length=1)] = Field(
        description="The model's id, as its provider names it.", examples=["gpt-4o-mini"]
    )
    revision: str | None = Field(default=None, description="The model's revision, where it has one.", examples=["main"])
    base_url: str | None = Field(
        default=None,
        description="The endpoint's address: http(s)://host/v1.",
        examples=["https://api.openai.com/v1", "http://localhost:8000/v1"],
    )
    endpoints: Annotated[tuple[str, ...], Field(min_length=1)] | str | None = Field(
        default=None,
        description="Several addresses in place of `base_url`: a list, or a file with one in each "
        "line, which is read again while a run goes on. `limits` holds for each of them. Requests go to whichever has "
        "room; one that is away gets none until it is back.",
        examples=[["http://gpu-1:8000/v1", "http://gpu-2:8000/v1"], "endpoints.txt"],
    )
    api_key_env: Annotated[str, Field(pattern=KEY_VARIABLE)] | None = Field(
        default=None,
        description="the *name* of the environment variable that holds the key, such as OPENAI_API_KEY or HF_TOKEN; "
        "the key itself never goes into a file.",
        examples=["OPENAI_API_KEY"],
    )
    mode: Literal["direct", "batch"] = Field(
        default="direct",
        description="`batch`: gather requests and submit them together through the provider's batch API: at half "
        "price, answered within a day. `direct`: ask for each answer at once.",
        examples=["batch"],
    )
    thinking: Literal["split", "keep"] = Field(
        default="split",
        description="What becomes of a model's thinking: told apart from its answer and journalled (split), or put "
        "before the answer's text between <think> tags, whatever the model's own spelling (keep).",
        examples=["keep"],
    )
    sampling: Sampling = Field(
        default=Sampling(), description="How answers are drawn.", examples=[{"temperature": 0.7, "max_tokens": 1024}]
    )
    limits: Limits = Field(
        default=Limits(), description="How hard the endpoint may be driven.", examples=[{"concurrency": 32}]
    )
    supports: Supports = Field(
        default=Supports(),
        description="What the endpoint takes of a request, where that is known beforehand.",
        examples=[{"json_schema": False}],
    )
    local: Local = Field(
        default=Local(),
        description="How the model is run in this process, with `provider: llamacpp`.",
        examples=[{"threads": 1, "context": 4096}],
    )
    serve: Serve | None = Field(
        default=None,
        description="Ray Serve serves it: its LLM app (vLLM), while a run with `--engine ray` goes on, at `base_url`. "
        "Default: http://localhost:8000/v1.",
        examples=[{"replicas": 2, "gpus": 1}],
    )
    batch: Batching = Field(
        default=Batching(), description="How batches are made, with `mode: batch`.", examples=[{"poll": 60}]
    )
    price: Price | None = Field(
        default=None,
        description="What it costs. Needed for a run with a budget.",
        examples=[{"input": 0.15, "output": 0.6, "read": "2026-01-31"}],
    )
    carbon: Carbon | None = Field(
        default=None,
        description="What its answers give off, for the card; not known unless it is stated.",
        examples=[{"input": 20, "output": 150, "source": "our own meter at 300 g/kWh, May 2026"}],
    )
    output_licence: OutputLicence = Field(
        default=OutputLicence(id="unknown"),
        description="What the owner allows with the answers.",
        examples=[{"id": "Apache-2.0", "commercial": "yes"}],
    )
    demo: bool = Field(
        default=False,
        description="Whether it only shows the flow, so that rows it has a part in are demo rows. A reward model that "
        "was trained on demo rows is one by itself.",
        examples=[True],
    )
    extra_headers: dict[str, str] = Field(
        default_factory=dict, description="HTTP headers to send along; no keys.", examples=[{"X-Title": "my project"}]
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="Fields to add to each request.", examples=[{"top_k": 40}]
    )
    fallbacks: tuple[Model, ...] = Field(
        default=(),
        description="Who is asked when this one cannot answer, in order.",
        examples=[[{"provider": "openai", "model": "gpt-4o"}]],
    )

    def model_post_init(self, context: Any, /) -> None:
        if self.serve is not None and self.base_url is None:
            self.__dict__["base_url"] = SERVED_AT  # a validator before would see values of any type

    def fallback_chain(self) -> list[Model]:
        """This model, its fallbacks and theirs, in the order they are tried."""
        return [self, *(m for fallback in self.fallbacks for m in fallback.fallback_chain())]

    def at_each(self) -> list[Model]:
        """The model at each of its endpoints; itself where it has one. Raises `InputError` for a file that cannot be
        read."""
        return [self] if self.endpoints is None else [self.at(address) for address in at_endpoints(self.endpoints)]

    def at(self, address: str) -> Model:
        """The model at one address."""
        return self.model_copy(update={"base_url": address, "endpoints": None})

    @property
    def in_flight(self) -> int:
        """The most requests in flight at once, at all of its endpoints."""
        return self.limits.concurrency * len(self.at_each())


class ModelsFile(Strict):
    """`roles:` maps the names pipeline files use (teacher, judge...) to models."""

    model_config = ConfigDict(title="Models file of bezoar-data")

    version: Literal[1] = Field(description="The version of this file format: 1.", examples=[1])
    description: str = Field(
        default="",
        description="Which models these are, in a sentence.",
        examples=["A small model teaches, a larger one judges"],
    )
    roles: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")], Model],
        Field(min_length=1),
    ] = Field(
        description="Names that pipelines use (letters, digits, '_', '-'), and the model that answers for each.",
        examples=[{"teacher": {"provider": "openai", "model": "gpt-4o-mini"}}],
    )
    answers: AnswersFiles = ANSWERS


@dataclass(frozen=True)
class LoadedModels:
    """A checked models file with the places of its values."""

    file: ModelsFile
    document: Document
    path: Path | None
    """None where every model was named in one word."""

    @property
    def answers(self) -> tuple[Path, ...]:
        """The files of recorded answers."""
        folder = self.path.parent if self.path is not None else Path()
        return tuple(normalized(folder / expand_home(name)) for name in self.file.answers)


def load_models_file(
    path: Path | str | None, providers: Collection[str] = (), named: Mapping[str, str] | None = None
) -> LoadedModels:
    """Read and check a models file. Raises `InputError` with every mistake found.

    `providers` are the kinds of endpoint that exist; `kind:Name` is one of them if `kind` is. Empty: not checked.
    `named` are models in one word by role, which replace the file's (`named_model`); with them the file may be None.
    """
    document = None
    if path is not None:
        refuse_other_kind(Path(path), "models")
        document = load_yaml(path, lenient=True)
        raise_errors(list(without_roles(document)))
    if named or document is None:
        document = with_named(document, named or {}, providers)
    document = document.with_value(copy.deepcopy(document.value), {})
    place_endpoints((m for _, m in written_models(document.value)), Path(path).parent if path is not None else Path())
    file, problems = check(document, ModelsFile)
    for at, model in written_models(document.value):
        problems += _check_model(document, at, model, providers)
    taken = {p.place for p in problems}
    problems += [p for p in keys_in(document, shapes=True) if p.place not in taken]
    if file is None or problems:
        raise InputError(problems)
    loaded = LoadedModels(file, document, Path(path) if path is not None else None)
    if problems := list(missing_answers(document, loaded.answers)):
        raise InputError(problems)
    return loaded


def written_models(value: Any) -> Iterator[tuple[YamlPath, dict[str, Any]]]:
    """Every model of a file's value, right or wrong, fallbacks included, with its path."""

    def walk(at: YamlPath, model: Any) -> Iterator[tuple[YamlPath, dict[str, Any]]]:
        if isinstance(model, dict):
            yield at, model
            fallbacks = model.get("fallbacks")
            for i, fallback in enumerate(fallbacks if isinstance(fallbacks, list) else []):
                yield from walk((*at, "fallbacks", i), fallback)

    roles = value.get("roles") if isinstance(value, dict) else None
    for role, model in roles.items() if isinstance(roles, dict) else ():
        yield from walk(("roles", role), model)


def _check_model(
    document: Document, at: YamlPath, model: dict[str, Any], providers: Collection[str]
) -> Iterator[Problem]:
    provider = model.get("provider")
    if isinstance(provider, str) and provider and providers:
        kind, colon, name = provider.partition(":")
        if kind not in providers or (colon and not name):
            hint = did_you_mean(provider, sorted(providers))
            message = f"there is no provider '{printable(provider)}'"
            yield document.problem("unknown-provider", message, (*at, "provider"), hint=hint)
    if model.get("mode") == "batch" and isinstance(provider, str) and provider not in BATCH_PROVIDERS:
        message = f"provider '{printable(provider)}' has no batch API"
        hint = f"only {' and '.join(BATCH_PROVIDERS)} take mode: batch; leave it out"
        yield document.problem("no-batch-api", message, (*at, "mode"), hint=hint)
    if "local" in model and isinstance(provider, str) and provider != LOCAL_PROVIDER:
        message = f"provider '{printable(provider)}' does not run models in this process by these settings"
        hint = f"only provider {LOCAL_PROVIDER} takes 'local'; leave it out"
        yield document.problem("not-local", message, (*at, "local"), hint=hint)
    yield from address_problems(document, at, model)
    yield from header_problems(document, at, model)
