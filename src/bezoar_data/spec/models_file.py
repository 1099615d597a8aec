"""The models file: which endpoint answers for which role, at which limits, price and licence terms."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Base of everything a person writes: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(Strict):
    """Sampling values that change an answer, hence part of the journal's key (`max_tokens` alone is not)."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_tokens: Annotated[int, Field(gt=0)] | None = None


class Limits(Strict):
    """How hard an endpoint may be driven. Times are in seconds."""

    concurrency: Annotated[int, Field(gt=0)] = 32
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    total_timeout: Annotated[float, Field(gt=0)] = 600.0
    max_outage: Annotated[float, Field(ge=0)] = 600.0


class Price(Strict):
    """Money in US dollars per million tokens, and the day it was read: prices change."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    read: date


class OutputLicence(Strict):
    """What the model's owner allows with its *outputs*. `commercial: unknown` is a real answer."""

    id: str
    commercial: Literal["yes", "no", "unknown"] = "unknown"
    url: str | None = None
    note: str | None = None


class Model(Strict):
    """One endpoint that answers. `api_key_env` is the *name* of an environment variable, never a key."""

    provider: str
    model: str
    revision: str | None = None
    base_url: str | None = None
    api_key_env: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*_API_KEY|HF_TOKEN)$")] | None = None
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    price: Price | None = None
    output_licence: OutputLicence = OutputLicence(id="unknown")
    extra_headers: dict[str, str] = Field(default_factory=dict)
    extra_body: dict[str, Any] = Field(default_factory=dict)
    fallbacks: tuple[Model, ...] = ()


class ModelsFile(Strict):
    """`roles:` maps the names pipeline files use (teacher, judge...) to models."""

    version: Literal[1]
    description: str = ""
    roles: dict[str, Model]
