"""A causal language model in this process, generating for a batch of prompts at once.

Each row of a batch has its own sampling values, its own length and its own random numbers, drawn from a seed made of
its question alone: what a row is answered does not follow from who happened to be in its batch. Only rounding does:
matrix products of other sizes differ in their last bits, which can tip a choice between two words that are equally
likely; who needs every bit sets `limits.concurrency: 1`.

Everything heavy is imported here when a model is loaded, never before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from logging import ERROR, getLogger
from typing import Any

from bezoar_data.config.files.models import Sampling
from bezoar_data.llms.ask import Message
from bezoar_data.llms.providers.common.prompt_template import PLAIN_STOP, PromptTemplate
from bezoar_data.llms.retry_policy import Refusal
from bezoar_data.llms.templates.in_transformers import bound_templates

MAX_TOKENS = 1024
"""The longest answer where the models file sets no `max_tokens`."""
TOP_K = 50
"""Of so many words a model that samples chooses, where its own defaults name no number: transformers' default."""
_LIKELY = 1024
"""So many words usually hold all the probability that `top_p` asks for."""


@dataclass(slots=True)
class Row:
    """One answer to be written: its prompt, how its words are chosen, and, once it ended, how."""

    prompt: list[int]
    sampling: Sampling
    stop: tuple[str, ...]
    most: int
    """Tokens."""
    seed: int
    wanted: Callable[[], bool] = field(default=lambda: True)
    """False once nobody waits for it any more."""
    wrote: Callable[[str], None] | None = None
    """Told after each token what the answer is so far."""
    answer: list[int] = field(default_factory=list)
    text: str = ""
    reason: str = ""

    @property
    def greedy(self) -> bool:
        return self.sampling.temperature == 0 or self.sampling.top_k == 1


def row_seed(messages: Sequence[Message], seed: int | None, attempt: int, sample: int) -> int:
    """The seed of one answer's random numbers. Without a seed in the models file it is no less determined."""
    text = json.dumps([seed, attempt, sample, [[m["role"], m["content"]] for m in messages]])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 2**63


class LocalModel:
    """A model and its tokenizer on the best device there is. Not for several threads at once."""

    def __init__(
        self,
        model: str,
        revision: str | None,
        settings: dict[str, Any],
        token: str | None,
        *,
        tokenizer: str | None = None,
        prepare: Callable[[Any], Any] = lambda model: model,
    ) -> None:
        """`tokenizer` is the folder of another tokenizer than the model's; `prepare` puts an adapter on the weights."""
        import torch  # type: ignore[import-not-found,unused-ignore]
        from transformers import (  # type: ignore[import-not-found,unused-ignore]
            AutoModelForCausalLM,
            AutoTokenizer,
            BitsAndBytesConfig,
            GenerationConfig,
        )
        from transformers.utils import logging  # type: ignore[import-not-found,unused-ignore]

        bound_templates()
        # It would write over a run's own progress. The Hub's, for what takes long, stays.
        logging.disable_progress_bar()
        getLogger("bitsandbytes").setLevel(ERROR)  # it tells of kernels that this machine does without
        self._torch = torch
        common = {"revision": revision or "main", "token": token, "trust_remote_code": False}
        cuda = torch.cuda.is_available()
        options: dict[str, Any] = {"use_safetensors": True, "device_map": "auto" if cuda else "cpu"}
        # On a processor the small types are slow, and rounding in them shows in the answers.
        options["dtype"] = settings.get("dtype") or ("auto" if cuda else "float32")
        if settings.get("load_in_4bit"):
            options["quantization_config"] = BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16 if cuda else torch.float32,
            )
        named = (tokenizer, {"trust_remote_code": False}) if tokenizer else (model, common)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(named[0], **named[1])
        self._model: Any = prepare(AutoModelForCausalLM.from_pretrained(model, **common, **options)).eval()
        self._ends = _end_tokens(self._model, self._tokenizer)
        self._pad = self._tokenizer.pad_token_id
        if self._pad is None:
            self._pad = min(self._ends, default=0)
        self.defaults = _defaults(self._model.generation_config)
        """How the model's makers would have its words chosen."""
        # Its own generation defaults (a temperature, a penalty...) would act unseen: only its marks are kept.
        marks = GenerationConfig(
            pad_token_id=self._pad, eos_token_id=sorted(self._ends) or None, do_sample=False, num_beams=1
        )
        self._model.generation_config = marks
        if hasattr(self._model, "get_base_model"):  # an adapter may leave the generating to the weights below it
            self._model.get_base_model().generation_config = marks
        self._context = _context(self._model)

    @property
    def has_template(self) -> bool:
        return bool(self._tokenizer.chat_template)

    def row(
        self, messages: Sequence[Message], sampling: Sampling, template: str | None, seed: int, wanted: Any = None
    ) -> Row:
        """A row for these messages. Raises `Refusal` when the template does not take them or they are too long."""
        stop = sampling.stop
        if template or self._tokenizer.chat_template:
            try:
                prompt = self._tokenizer.apply_chat_template(
                    [dict(m) for m in messages], chat_template=template, tokenize=False, add_generation_prompt=True
                )
            except Exception as error:  # a stranger's program may fail in any way, and always fails so
                raise Refusal(422, f"the chat template does not take these messages: {error}") from None
            ids = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        else:
            stop = stop or PLAIN_STOP
            ids = self._tokenizer(PromptTemplate().render(messages))["input_ids"]
        room = self._context - len(ids)
        if room < 1:
            raise Refusal(413, f"a prompt of {len(ids)} tokens; the model takes {self._context}", "context_too_long")
        most = min(sampling.max_tokens or MAX_TOKENS, room)
        return Row(list(ids), sampling, stop, most, seed, wanted or (lambda: True))

    def generate(self, rows: Sequence[Row]) -> None:
        """Write the answers of all rows. Raises `Refusal` when not even one fits into memory."""
        torch = self._torch
        try:
            self._generate(rows)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise Refusal(413, f"no memory for a prompt of {len(rows[0].prompt)} tokens", "too_large") from None
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            half = len(rows) // 2
            self.generate(rows[:half])
            self.generate(rows[half:])

    def _generate(self, rows: Sequence[Row]) -> None:
        from transformers import LogitsProcessorList, StoppingCriteriaList

        torch, device = self._torch, self._model.device
        width = max(len(row.prompt) for row in rows)
        ids = torch.tensor([[self._pad] * (width - len(row.prompt)) + row.prompt for row in rows], device=device)
        mask = torch.tensor([[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows], device=device)
        for row in rows:
            row.answer, row.text, row.reason = [], "", ""
        with torch.inference_mode():
            self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=max(row.most for row in rows),
                logits_processor=LogitsProcessorList([_Chooser(torch, rows, width, device)]),
                stopping_criteria=StoppingCriteriaList([_Ends(self, rows)]),
            )

    def ends(self, row: Row, token: int) -> bool:
        """Take a row's next token; whether that was its last."""
        row.answer.append(token)
        if token in self._ends:
            row.reason = "stop"
            row.text = self._text(row.answer[:-1])
        elif row.stop and (cut := self._stopped(row)) is not None:
            row.reason, row.text = "stop", cut
        elif len(row.answer) >= row.most or not row.wanted():
            row.reason = "length"
            row.text = self._text(row.answer)
        if row.wrote is not None:
            row.wrote(row.text if row.reason else self._text(row.answer))
        return bool(row.reason)

    def _stopped(self, row: Row) -> str | None:
        """The text before the first stop, if one stands in what was just written."""
        longest = max(map(len, row.stop))
        # A character may be several tokens; every token is at least a byte.
        if not any(stop in self._text(row.answer[-(4 * longest + 8) :]) for stop in row.stop):
            return None
        text = self._text(row.answer)
        return text[: min((at for stop in row.stop if (at := text.find(stop)) >= 0), default=len(text))]

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text


class _Chooser:
    """Makes each row's own choice the likeliest word, which generation then takes.

    Adding the noise of a Gumbel distribution to the logits and taking the largest is drawing from the softmax; the
    noise of a row comes from the row's own generator.
    """

    def __init__(self, torch: Any, rows: Sequence[Row], width: int, device: Any) -> None:
        self._torch, self._rows, self._width = torch, rows, width
        self._generators = [
            None if row.greedy else torch.Generator(device=device).manual_seed(row.seed) for row in rows
        ]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        chosen = scores.clone()
        for i, row in enumerate(self._rows):
            if not row.reason:
                chosen[i] = self._choose(row, self._generators[i], input_ids[i], scores[i].float())
        return chosen

    def _choose(self, row: Row, generator: Any, ids: Any, scores: Any) -> Any:
        torch, values = self._torch, row.sampling
        if values.repetition_penalty is not None:
            said = ids[self._width - len(row.prompt) :].unique()  # without the padding, which others decide on
            found = scores[said]
            penalty = values.repetition_penalty
            scores = scores.scatter(0, said, torch.where(found < 0, found * penalty, found / penalty))
        if generator is None:
            return scores
        if values.temperature is not None:
            scores = scores / values.temperature
        if values.top_k is not None and 0 < values.top_k < len(scores):
            scores = scores.masked_fill(scores < scores.topk(values.top_k).values[-1], -torch.inf)
        if values.top_p is not None and values.top_p < 1:
            scores = self._nucleus(scores, values.top_p)
        noise = torch.empty_like(scores).exponential_(generator=generator)
        return scores - noise.log()

    def _nucleus(self, scores: Any, top_p: float) -> Any:
        """Only the likeliest words that together have this probability."""
        torch = self._torch
        every = torch.logsumexp(scores, 0)
        # Sorting a whole vocabulary takes longer than a small model's step, and is hardly ever needed.
        for count in (_LIKELY, len(scores)):
            likely, order = scores.topk(min(count, len(scores)))
            shares = (likely - every).exp()
            reached = shares.cumsum(0)
            if reached[-1] >= top_p:
                break
        kept = reached - shares < top_p
        return torch.full_like(scores, -torch.inf).scatter(0, order[kept], likely[kept])


class _Ends:
    """Tells generation which rows are done."""

    def __init__(self, model: LocalModel, rows: Sequence[Row]) -> None:
        self._model, self._rows = model, rows

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        tokens = input_ids[:, -1].tolist()
        done = [bool(row.reason) or self._model.ends(row, token) for row, token in zip(self._rows, tokens, strict=True)]
        return input_ids.new_tensor(done).bool()


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: the model's and the tokenizer's, which differ in many chat models."""
    named = model.generation_config.eos_token_id if model.generation_config is not None else None
    ids = named if isinstance(named, list) else [named]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)


def _defaults(generation: Any) -> Sampling:
    """The sampling values of a generation configuration; the likeliest words where it does not sample."""
    if generation is None or not generation.do_sample:
        penalty = getattr(generation, "repetition_penalty", None)
        return Sampling(temperature=0, repetition_penalty=penalty)
    values = {name: getattr(generation, name) for name in ("temperature", "top_p", "top_k", "repetition_penalty")}
    own = {name: value for name, value in values.items() if value is not None}
    # As it is, even where it is outside of what a models file may say.
    return Sampling().model_copy(update={"temperature": 1.0, "top_k": TOP_K, **own})


def _context(model: Any) -> int:
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    return int(getattr(config, "max_position_embeddings", None) or 2**31)
