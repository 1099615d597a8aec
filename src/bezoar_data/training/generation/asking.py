"""A loaded model that answers conversations: through transformers, or through llama.cpp where its weights are a GGUF.

An answer ends at the end of a turn, by the marks of model and tokenizer. The same seed gives the same words: of each
answer the random numbers are drawn from the seed and its conversation alone.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Sampling
from bezoar_data.config.files.running import Local
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Message
from bezoar_data.llms.providers.common.transformers_model import LocalModel, Row, row_seed
from bezoar_data.llms.providers.llamacpp import not_installed, serve
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import Refusal
from bezoar_data.llms.weights import fetched, weights_named
from bezoar_data.training.ends import fit_embeddings
from bezoar_data.training.generation.named import Named
from bezoar_data.training.models import load_adapter

MAX_TOKENS = 512
"""The longest answer where nobody says another."""
_CONTEXT = 4096
"""Tokens of a conversation that llama.cpp keeps room for."""
_PACKAGES = ("torch", "transformers", "accelerate", "peft")

Conversation = Sequence[Message]
Wrote = Callable[[str], bool]
"""Told the whole answer so far after each token; False: it is to end there."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How words are chosen; None: as the model's own generation settings say, else the likeliest."""

    temperature: float | None = None
    max_tokens: int = MAX_TOKENS
    seed: int = 0

    def sampling(self, own: Sampling) -> Sampling:
        given: dict[str, Any] = {"max_tokens": self.max_tokens, "seed": self.seed}
        if self.temperature is not None:
            given["temperature"] = self.temperature
        if given.get("temperature", own.temperature) == 0:
            given |= {"top_p": None, "top_k": None}
        return own.model_copy(update=given)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its text, why it ended (`stop`, `length`, or `refused` with the reason as the text), its length."""

    text: str
    finish_reason: str
    tokens: int = 0


class Model(Protocol):
    """A loaded model."""

    sampling: Sampling

    def answer(self, conversations: Sequence[Conversation], wrote: Wrote | None = None) -> list[Answer]:
        """One answer for each, in order; in one batch, where it can. `wrote` follows the first."""


def load_model(named: Named, decoding: Decoding, *, quiet: bool = False) -> Model:
    """The model, ready. Raises `InputError` where it cannot be loaded."""
    if named.gguf:
        return _Gguf(named, decoding, quiet=quiet)
    return _Transformers(named, decoding)


class _Transformers:
    def __init__(self, named: Named, decoding: Decoding) -> None:
        if missing := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
            message = f"a model in this process needs {', '.join(missing)}"
            raise InputError(Problem("missing-library", message, hint="pip install 'bezoar-data[train]'"))
        from transformers.utils import logging

        logging.set_verbosity_error()
        folder = named.folder
        try:
            self._model = LocalModel(
                named.weights,
                named.revision,
                {},
                None,
                tokenizer=str(folder) if folder else None,
                prepare=lambda model: _dressed(model, named),
            )
        except (OSError, ValueError, TypeError, ImportError, RuntimeError) as error:
            lines = redact(str(error)).strip().splitlines() or [type(error).__name__]
            message = f"{named.name} cannot be loaded: {lines[0]}"
            hint = "weights must be safetensors, and no code of a model's own is run"
            raise InputError(Problem("model-not-loaded", message, hint=hint)) from error
        self.sampling = decoding.sampling(self._model.defaults)
        borrowed = named.template is not None and not self._model.has_template
        self._template = named.template.read_text("utf-8") if borrowed and named.template else None

    def answer(self, conversations: Sequence[Conversation], wrote: Wrote | None = None) -> list[Answer]:
        rows = [self._row(conversation) for conversation in conversations]
        fitting = [row for row in rows if isinstance(row, Row)]
        if fitting and wrote is not None:
            _follow(fitting[0], wrote)
        try:
            if fitting:
                self._model.generate(fitting)
        except Refusal as refusal:  # not even one of them fits into memory
            return [_refused(refusal) for _ in rows]
        return [Answer(r.text, r.reason, len(r.answer)) if isinstance(r, Row) else r for r in rows]

    def _row(self, conversation: Conversation) -> Row | Answer:
        seed = row_seed(conversation, self.sampling.seed, 0, 0)
        try:
            return self._model.row(conversation, self.sampling, self._template, seed)
        except Refusal as refusal:
            return _refused(refusal)


def _dressed(model: Any, named: Named) -> Any:
    """The weights with their adapter, and with the generation settings that were saved beside it."""
    from transformers import AutoTokenizer, GenerationConfig

    if named.adapter is None:
        return model
    own = (named.adapter / "generation_config.json").is_file()
    generation = GenerationConfig.from_pretrained(str(named.adapter)) if own else model.generation_config
    if (named.adapter / "tokenizer_config.json").is_file():
        model = fit_embeddings(model, AutoTokenizer.from_pretrained(named.adapter))
    model = load_adapter(model, named.adapter, trainable=False)
    model.generation_config = generation
    return model


def _follow(row: Row, wrote: Wrote) -> None:
    wanted = [True]

    def told(text: str) -> None:
        wanted[0] = wrote(text) and wanted[0]

    row.wrote, row.wanted = told, lambda: wanted[0]


class _Gguf:
    """One conversation at a time: beside others, rounding could tip a choice between two words."""

    def __init__(self, named: Named, decoding: Decoding, *, quiet: bool) -> None:
        if problems := not_installed():
            raise InputError(problems)
        path = Path(fetched(weights_named(named.weights), quiet=quiet))
        self._server = serve(path, secrets.token_urlsafe(32), 1, Local(context=_CONTEXT))
        # A GGUF names no way of choosing words.
        self.sampling = decoding.sampling(Sampling(temperature=0))

    def answer(self, conversations: Sequence[Conversation], wrote: Wrote | None = None) -> list[Answer]:
        follow = wrote or (lambda text: True)
        return [self._one(turns, follow if i == 0 else lambda text: True) for i, turns in enumerate(conversations)]

    def _one(self, turns: Conversation, wrote: Wrote) -> Answer:
        parts: list[str] = []
        ended: list[str] = []

        def take(chunk: dict[str, Any]) -> bool:
            """True ends the answer."""
            if "error" in chunk:
                raise_later.append(str(chunk["error"].get("message")))
                return True
            (choice,) = chunk["choices"]
            parts.append(choice["delta"].get("content") or "")
            ended.extend([choice["finish_reason"]] if choice["finish_reason"] else [])
            return bool(parts[-1]) and not wrote("".join(parts))

        raise_later: list[str] = []
        seed = row_seed(turns, self.sampling.seed, 0, 0) % 2**31
        body = {"messages": [dict(turn) for turn in turns], "stream": True, "seed": seed}
        values = self.sampling.model_dump(include={"temperature", "max_tokens"})
        try:
            said = self._server.handle_chat_completions({**body, **values}, take)
        except (ValueError, RuntimeError) as error:
            return Answer(redact(str(error)).split("\n")[0], "refused")
        if raise_later or (isinstance(said, dict) and "error" in said):
            return Answer(redact((raise_later or [str(said)])[0]), "refused")
        return Answer("".join(parts), ended[-1] if ended else "length", sum(map(bool, parts)))


def _refused(refusal: Refusal) -> Answer:
    return Answer(redact(str(refusal)), "refused")


def in_batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]
