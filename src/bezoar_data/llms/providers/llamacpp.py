"""Open models in this process, through llama.cpp: a GGUF file, no key, no server to start.

llama.cpp answers as many requests at once as it has slots, and gives each word to all of them in one step. The library
(`xllamacpp`) runs it on threads of its own, which it reaches over an HTTP address of this machine: so it is asked as
any OpenAI-compatible server is, and a request that nobody waits for any more ends with its connection. The address is
closed to others by a key made anew for each process.

Answers are journalled under the SHA-256 of the weights, wherever they lie.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model, OutputLicence, Price, Sampling
from bezoar_data.config.files.running import Local
from bezoar_data.config.problems import Problem
from bezoar_data.llms.keys import HUB
from bezoar_data.llms.providers.base import Completion, Request, key_problems, read_key
from bezoar_data.llms.providers.common.http import endpoint_url
from bezoar_data.llms.providers.openai import OpenAI
from bezoar_data.llms.redact import redact, register_secret
from bezoar_data.llms.weights import fetched, known_weights, sha256_if_known, weights_named
from bezoar_data.llms.weights.named import name_of_sha256

SLOTS = 8
TIMEOUT, TOTAL_TIMEOUT = 1800.0, 3600.0
"""Limits where the models file sets none. A slot waits for its turn at the processor: time-outs are long."""
MAX_TOKENS = 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class LlamaCpp(OpenAI):
    """A GGUF by a short name, a path, or a repository of the Hub and its file."""

    kind = "llamacpp"
    needs_network = False
    home: ClassVar[str] = "http://127.0.0.1/v1"

    def __init__(self, model: Model) -> None:
        super().__init__(self.as_asked(model))
        self._key = secrets.token_urlsafe(32)
        self._server: Any = None
        # Words that are written beside others come out of matrices of another size, whose rounding tips the choice
        # between two that are nearly as likely: at temperature 0, where the same words are wanted whatever else is
        # asked, each answer is written alone. On a processor that takes no longer.
        self._greedy = self.model.sampling.temperature == 0
        self._alone = asyncio.Lock()

    @classmethod
    def as_asked(cls, model: Model) -> Model:
        """Named by its weights: their short name, repository or file as the model, their SHA-256 as the revision. What
        llama.cpp would do at random or without end is fixed: the seed, the longest answer."""
        where = model.local.file or model.model
        try:
            weights = weights_named(where)
        except InputError:
            return model  # `problems` tells it
        digest = model.revision or sha256_if_known(weights)
        known = known_weights().get(name_of_sha256(digest) or "")
        slots = 1 if model.sampling.temperature == 0 else SLOTS
        changes: dict[str, Any] = {
            "model": model.model if model.local.file else (known or weights).name,
            "revision": digest,
            "local": model.local.model_copy(update={"file": where}),
            "sampling": _filled(model.sampling, seed=0, max_tokens=MAX_TOKENS),
            "limits": _filled(model.limits, concurrency=slots, timeout=TIMEOUT, total_timeout=TOTAL_TIMEOUT),
        }
        if model.price is None:
            changes["price"] = Price(input=0, output=0, read=date.min)  # it runs here
        if known is not None and known.licence and "output_licence" not in model.model_fields_set:
            changes["output_licence"] = OutputLicence(id=known.licence, commercial="yes")
        return model.model_copy(update=changes)

    @property
    def address(self) -> str:
        return f"{self.model.model} in this process"

    @property
    def endpoint(self) -> tuple[str, str]:
        """The address that is open on this machine, as a `base_url`, and its key."""
        return f"{self._server.listening_address}/v1", self._key

    def problems(self) -> list[Problem]:
        return [*not_installed(), *_entry_problems(self.model), *key_problems(self.model, HUB)]

    def prepare(self, *, quiet: bool = False) -> None:
        self._weights(quiet=quiet)

    async def open(self) -> None:
        register_secret(self._key)
        self._server = await asyncio.to_thread(self._serve)
        self._url = endpoint_url(self.endpoint[0], self.path)
        await super().open()

    async def close(self) -> None:
        # Connections first: the library waits for requests that somebody waits for.
        await super().close()
        server, self._server = [self._server], None
        await asyncio.to_thread(server.clear)

    async def complete(self, request: Request) -> Sequence[Completion]:
        """Each sample is a request of its own, with its own seed: of several in one, llama.cpp takes no more than it
        has slots, and counts the tokens of one alone."""
        parts = [replace(request, samples=(sample,)) for sample in request.samples]
        asking = [asyncio.ensure_future(super(LlamaCpp, self).complete(part)) for part in parts]
        try:
            return [completion for part in await asyncio.gather(*asking) for completion in part]
        finally:
            for task in asking:
                task.cancel()

    async def _one(self, request: Request) -> Sequence[Completion]:
        if not self._greedy:
            return await super().complete(request)
        async with self._alone:
            return await super().complete(request)

    def _weights(self, *, quiet: bool) -> Path:
        weights = weights_named(self.model.local.file or self.model.model)
        return fetched(weights, self.model.revision, token=read_key(self.model, HUB), quiet=quiet)

    def _serve(self) -> Any:
        model = self.model
        return serve(self._weights(quiet=True), self._key, model.limits.concurrency, model.local)

    def _headers(self) -> dict[str, str]:
        # The models file's key is for the Hub.
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return {**headers, **self._key_headers(self._key)}

    def _fixed_values(self, model: Model, values: Sampling) -> dict[str, Any]:
        body = super()._fixed_values(model, values)
        if (penalty := body.pop("repetition_penalty", None)) is not None:
            body["repeat_penalty"] = penalty
        return body


def serve(path: Path, key: str, slots: int, local: Local) -> Any:
    """The loaded model of a GGUF (xllamacpp's `Server`), also listening on this machine for who has the key. Raises
    `InputError` where the weights cannot be loaded."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_parallel = slots
    settings.n_ctx = slots * local.context
    settings.cpuparams.n_threads = local.threads or max(1, _cores() - 1)
    settings.api_keys = [key]
    settings.cors_origins = ""
    settings.endpoint_slots = settings.endpoint_props = settings.ui = False
    settings.verbosity = 0
    # These let the words depend on what was asked before.
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cache_prompt = False
    settings.cache_ram_mib = 0
    try:
        return xllamacpp.Server(settings)
    except Exception as error:
        lines = redact(str(error)).strip().splitlines() or [type(error).__name__]
        message = f"the weights {path} cannot be loaded: {lines[0]}"
        hint = "are they a whole GGUF of a model for text, and is there memory for `local: {context: ...}`?"
        raise InputError(Problem("model-not-loaded", message, hint=hint)) from error


def not_installed() -> list[Problem]:
    """What is wrong where the library is missing."""
    if importlib.util.find_spec("xllamacpp") is not None:
        return []
    message = "provider 'llamacpp' needs xllamacpp, not installed here"
    hint = (
        'pip install "bezoar-data[local]", or from a clone: pip install -c lock.txt -e ".[local]"; or run with '
        "--models pipelines/models/offline.yaml, which needs no model"
    )
    return [Problem("provider-not-installed", message, hint=hint)]


def _filled(settings: Any, **defaults: Any) -> Any:
    """The settings with values for what nobody set."""
    given = {name for name in settings.model_fields_set if getattr(settings, name) is not None}
    unset = {name: value for name, value in defaults.items() if name not in given}
    return settings.model_copy(update=unset)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _entry_problems(model: Model) -> list[Problem]:
    found: list[Problem] = []
    where = model.local.file or model.model
    try:
        weights = weights_named(where)
    except InputError as error:
        return list(error.problems)
    if isinstance(weights, Path) and not weights.is_file():
        found.append(Problem("no-weights", f"there is no file {where}", hint="give the path of a GGUF file"))
    if model.revision is not None and not _SHA256.fullmatch(model.revision):
        message = f"the revision of model '{model.model}' is not a SHA-256"
        hint = (
            "weights are pinned by their SHA-256; a commit of the Hub goes into the name: OWNER/NAME@COMMIT:FILE.gguf"
        )
        found.append(Problem("bad-revision", message, hint=hint))
    if model.base_url is not None:
        message = f"model '{model.model}' has a base_url, but provider 'llamacpp' runs it in this process"
        found.append(Problem("no-address", message, hint="leave base_url out, or name provider 'openai'"))
    return found
