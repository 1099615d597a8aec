"""What an endpoint takes of a request, as the models file may say it."""

from __future__ import annotations

from pydantic import Field

from bezoar_data.config.base import Strict


class Supports(Strict):
    """What the endpoint takes. Each of them: `true`: send it, and never do without; `false`: never send it; not set:
    send it, and where the endpoint says that it does not take it, ask again without, and say so once."""

    json_schema: bool | None = Field(
        default=None, description="A step's JSON schema, as response_format.", examples=[False]
    )
    n: bool | None = Field(
        default=None, description="Several answers to one request; `false`: asked for one by one.", examples=[False]
    )
    system: bool | None = Field(
        default=None,
        description="System messages; `false`: their text goes into the first user message.",
        examples=[False],
    )
    max_completion_tokens: bool | None = Field(
        default=None,
        description="The name under which sampling.max_tokens is sent: `true`: max_completion_tokens, `false`: "
        "max_tokens. Not set: the first to OpenAI itself, the second to all others, the other one where it is refused.",
        examples=[True],
    )
    temperature: bool | None = Field(default=None, description="sampling.temperature.", examples=[False])
    top_p: bool | None = Field(default=None, description="sampling.top_p.", examples=[False])
    top_k: bool | None = Field(default=None, description="sampling.top_k.", examples=[False])
    repetition_penalty: bool | None = Field(default=None, description="sampling.repetition_penalty.", examples=[False])
    seed: bool | None = Field(default=None, description="sampling.seed.", examples=[False])
    stop: bool | None = Field(default=None, description="sampling.stop.", examples=[False])
