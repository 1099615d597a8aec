"""Endpoints that have no provider of their own here: Bedrock, Vertex, Azure, Gemini..., through litellm.

litellm knows some hundred kinds of endpoint by the first part of a model's name (`gemini/...`, `bedrock/...`). It is
used as a translator only: its retries, caches, price tables, logging and telemetry are off, and its errors become ours.
It needs the extra `litellm`.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import re
from collections.abc import Sequence
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.keys import sending_problems
from bezoar_data.llms.providers.base import Completion, Provider, Request, key_problems, read_key
from bezoar_data.llms.providers.common.chat_format import is_strict, read_completions
from bezoar_data.llms.providers.common.libraries import failure, quiet_libraries, words

_ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",  # else it reads a .env file it finds
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else importing it downloads a price table
    "LITELLM_TELEMETRY": "False",
}
_TAKEN = frozenset(
    {"api_base", "api_key", "base_url", "callbacks", "fallbacks", "max_retries", "messages", "model", "n",
     "num_retries", "stream", "timeout"}
)  # fmt: skip
_STEERS = re.compile(
    r"api_|base|callback|client|credential|endpoint|file|header|host|key|prox|provider|secret|ssl|url|_token$"
)
"""What arguments are called that could name another address, a file of this machine, or who may be trusted."""
_NO_KEY = "none"
"""Said to litellm where a models file names an address and no key: it would look for one in the environment."""


class LiteLLM(Provider):
    """The endpoint that litellm finds for a model's name. `extra_body` holds further arguments of its completion."""

    kind = "litellm"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._litellm: Any = None
        self._takes: frozenset[str] = frozenset()
        self._key: str | None = None

    @property
    def address(self) -> str:
        return self.model.base_url or f"{self.model.model.partition('/')[0]} through litellm"

    def problems(self) -> list[Problem]:
        found = key_problems(self.model, self._recipient, self._own_variables)
        if self._kind.startswith("vertex_ai") and self.model.base_url is not None:
            # It has no key to be told: what it sends is the machine's own login.
            found += sending_problems("GOOGLE_APPLICATION_CREDENTIALS", self.model.base_url)
        if importlib.util.find_spec("litellm") is None:
            message = "provider 'litellm' needs litellm, not installed here"
            found.append(Problem("provider-not-installed", message, hint='pip install "bezoar-data[litellm]"'))
        for name in sorted(n for n in self.model.extra_body if n in _TAKEN or _STEERS.search(n)):
            message = f"extra_body of model '{self.model.model}' may not set '{name}'"
            found.append(Problem("extra-body-taken", message, hint="leave it out"))
        for name, value in self.model.extra_body.items():
            if isinstance(value, str) and value.startswith("os.environ/"):
                message = f"'{name}' in extra_body of model '{self.model.model}' names a variable of the environment"
                found.append(Problem("extra-body-taken", message, hint="a key's variable is named in api_key_env"))
        return found

    @property
    def _kind(self) -> str:
        return self.model.model.partition("/")[0].lower()

    @property
    def _recipient(self) -> str:
        """Where the key goes: the address, which may stand in the model's name; else litellm knows."""
        named = re.search(r"https?://.*", self.model.model)
        return self.model.base_url or (named[0] if named else f"litellm:{self._kind}")

    @property
    def _own_variables(self) -> tuple[str, ...]:
        """The variable that is the kind's own by its name: `GEMINI_API_KEY` for `gemini/...`."""
        variable = self.model.api_key_env or ""
        name, kind = (re.sub(r"[^a-z]", "", text.lower()) for text in (variable.removesuffix("_API_KEY"), self._kind))
        own = len(name) > 2 and kind.startswith(name) and self._recipient.startswith("litellm:")
        return (variable,) if own else ()

    async def open(self) -> None:
        self._key = read_key(self.model, self._recipient, self._own_variables)
        if self._key is None and not self._recipient.startswith("litellm:"):
            self._key = _NO_KEY
        # Seconds of work: not on the loop.
        self._litellm = await asyncio.to_thread(_import)
        try:
            name, kind, _, _ = self._litellm.get_llm_provider(self.model.model, api_base=self.model.base_url)
        except Exception as error:
            message = f"litellm knows no endpoint for model '{self.model.model}': {words(error)}"
            hint = "its name begins with its provider's, as in gemini/... or bedrock/..."
            raise InputError(Problem("unknown-model", message, hint=hint)) from None
        self._takes = frozenset(self._litellm.get_supported_openai_params(name, custom_llm_provider=kind) or ())
        if wrong := self._unsupported():
            raise InputError(wrong)

    async def close(self) -> None:
        end = getattr(self._litellm, "close_litellm_async_clients", None)
        if end is not None:
            await end()

    async def complete(self, request: Request) -> Sequence[Completion]:
        # Where an endpoint gives one answer a request, the others are asked for in requests of their own.
        n = request.n if "n" in self._takes else 1
        try:
            response = await self._litellm.acompletion(**self._arguments(request, n))
            value = response.model_dump()
        except Exception as error:
            raise failure(error) from None
        return read_completions(value, n, {})

    def _arguments(self, request: Request, n: int) -> dict[str, Any]:
        model, values = request.model, request.sampling
        form = None
        if request.schema is not None and "response_format" in self._takes:
            schema = {"name": "answer", "schema": request.schema, "strict": is_strict(request.schema)}
            form = {"type": "json_schema", "json_schema": schema}
        arguments = {
            "model": model.model,
            "messages": [dict(m) for m in request.messages],
            "api_base": model.base_url,
            "api_key": self._key,
            "extra_headers": model.extra_headers or None,
            "temperature": values.temperature,
            "top_p": values.top_p,
            "top_k": values.top_k,
            "repetition_penalty": values.repetition_penalty,
            "stop": list(values.stop) or None,
            "max_tokens": values.max_tokens,
            "seed": request.sample_seed if "seed" in self._takes else None,
            "n": n if n > 1 else None,
            "response_format": form,
            **model.extra_body,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        # The endpoint has the time-outs and retries; two of that would multiply.
        return {**given, "timeout": model.limits.timeout + 5, "max_retries": 0, "num_retries": 0, "no-log": True}

    def _unsupported(self) -> list[Problem]:
        """Sampling values that this endpoint does not take. litellm itself would refuse them row by row."""
        if self.model.extra_body.get("drop_params"):
            return []
        values = self.model.sampling
        asked = {"temperature": values.temperature, "top_p": values.top_p, "stop": values.stop or None}
        return [
            Problem(
                "unsupported-value",
                f"model '{self.model.model}' does not support sampling.{name}, says litellm",
                hint="leave it out, or let litellm drop such values: extra_body: {drop_params: true}",
            )
            for name, value in asked.items()
            if value is not None and name not in self._takes
        ]


def _import() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"):
        setattr(litellm, name, [])
    quiet_libraries()
    return litellm
