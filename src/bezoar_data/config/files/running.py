"""How a models file says that we run a model: in this process, or on a Ray cluster."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bezoar_data.config.base import Strict

SERVED_AT = "http://localhost:8000/v1"
"""Where Ray Serve answers if nobody says otherwise."""


class Serve(Strict):
    """How `--engine ray` serves a model by Ray Serve. None of it changes an answer."""

    model: str | None = Field(
        default=None,
        description="Where the weights are, if `model` does not say it: a repository of the Hub, or a folder.",
        examples=["Qwen/Qwen2.5-7B-Instruct"],
    )
    replicas: Annotated[int, Field(gt=0)] = Field(
        default=1, description="How many copies answer at once.", examples=[2]
    )
    gpus: Annotated[int, Field(gt=0)] = Field(default=1, description="The GPUs that each copy takes.", examples=[1])


class Local(Strict):
    """How `provider: llamacpp` runs a model in this process. None of it changes an answer."""

    file: str | None = Field(
        default=None,
        description="Where the weights are, if `model` does not say it: a path to a GGUF file, or "
        "OWNER/REPOSITORY[@COMMIT]:FILE.gguf of the Hub.",
        examples=["weights/my-model.gguf"],
    )
    threads: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="Processor threads; by default the cores less one, as these threads wait spinning for each other.",
        examples=[1],
    )
    context: Annotated[int, Field(ge=256)] = Field(
        default=2048,
        description="The most tokens of a question and its answer together; memory is taken for each request in "
        "flight.",
        examples=[4096],
    )
