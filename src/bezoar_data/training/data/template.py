"""Conversations as the token ids a model learns from, with exact labels.

The template turns a conversation into text and marks what the assistant says; the tokenizer turns the text into ids.
Labels are made here, not by a trainer: decoded, the ids that are learnt are the replies with their end-of-text tokens
and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

Messages = Sequence[Mapping[str, str]]
Span = tuple[int, int]

IGNORED = -100
"""The label of a token that is not learnt, as torch's cross-entropy has it."""
_ROLES = ("system", "user", "assistant")


class Unusable(Exception):
    """A row that cannot be learnt from; the argument is the reason it is counted under."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids, and of each whether it is the assistant's: part of a reply or the token that ends it."""

    ids: list[int]
    learnt: list[bool]

    @property
    def labels(self) -> list[int]:
        return [i if learnt else IGNORED for i, learnt in zip(self.ids, self.learnt, strict=True)]


class Template:
    """A chat template with the tokenizer it is for."""

    def __init__(self, tokenizer: Any, source: str, place: Place, *, own: bool) -> None:
        """`own` says that the template is the tokenizer's: then it writes the first token itself. Raises `InputError`
        where the template does not end a reply in the end-of-text token."""
        self.tokenizer = tokenizer
        self.source = source
        self._marked = "generation" in source and "endgeneration" in source
        first = [] if own else tokenizer("a").input_ids[:1]
        self._first = first if first and first[0] == tokenizer.bos_token_id else []
        self._special = [text for text in tokenizer.all_special_tokens if text]
        self._check(place)

    def encode(self, messages: Messages) -> Encoded:
        """Ids and marks of a conversation. Raises `Unusable`."""
        self._check_messages(messages)
        text, spans = self._render(messages)
        if not spans:
            raise Unusable("no_reply")
        found = self._whole(text, spans) or self._in_pieces(text, spans)
        if found is None:
            raise Unusable("no_exact_mask")
        return Encoded([*self._first, *found.ids], [*(False for _ in self._first), *found.learnt])

    def encode_last(self, messages: Messages) -> tuple[list[int], list[int]]:
        """A conversation that ends in a reply, as the ids before that reply and those of it. Raises `Unusable`."""
        if messages[-1]["role"] != "assistant":
            raise Unusable("no_reply")
        encoded = self.encode(messages)
        end = len(encoded.ids)
        while not encoded.learnt[end - 1]:  # what a template writes after the end of a turn
            end -= 1
        start = end
        while start and encoded.learnt[start - 1]:
            start -= 1
        return encoded.ids[:start], encoded.ids[start:end]

    def _check(self, place: Place) -> None:
        probe = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
        try:
            text, spans = self._render(probe)
        except Exception as error:
            message = f"the chat template cannot be used: {error}"
            raise InputError(Problem("bad-template", message, place)) from error
        said = text[slice(*spans[-1])] if spans else ""
        if said != "two" + str(self.tokenizer.eos_token):
            message = "the chat template does not end a reply in the tokenizer's end-of-text token right after it"
            hint = "mark the reply and its eos_token with {% generation %} … {% endgeneration %}"
            raise InputError(Problem("bad-template", f"{message}: it gives {said!r}", place, hint))

    def _check_messages(self, messages: Messages) -> None:
        if any(m["role"] not in _ROLES or not isinstance(m["content"], str) for m in messages):
            raise Unusable("unknown_role")
        if not any(m["role"] == "assistant" for m in messages):
            raise Unusable("no_reply")
        if any(m["role"] == "assistant" and not m["content"].strip() for m in messages):
            raise Unusable("empty_reply")
        # A word that the tokenizer takes for a token of its own would end a reply in its middle.
        if any(special in m["content"] for m in messages for special in self._special):
            raise Unusable("special_token")

    def _render(self, messages: Messages) -> tuple[str, list[Span]]:
        """The text, and where the assistant speaks in it, the end-of-text token included."""
        from transformers.utils.chat_template_utils import render_jinja_template

        def rendered(some: Messages, **more: Any) -> tuple[str, list[Span]]:
            known = self.tokenizer.special_tokens_map
            texts, spans = render_jinja_template([list(some)], chat_template=self.source, **known, **more)
            return texts[0], [(a, b) for a, b in spans[0]] if spans else []

        if self._marked:
            return rendered(messages, return_assistant_tokens_mask=True)
        text, _ = rendered(messages)
        return text, list(self._unmarked(text, messages, lambda some: rendered(some, add_generation_prompt=True)[0]))

    def _unmarked(self, text: str, messages: Messages, prompt: Callable[[Messages], str]) -> Iterator[Span]:
        """The replies in a text whose template marks none: each begins where the text before it, rendered as a prompt,
        ends."""
        eos = str(self.tokenizer.eos_token)
        for i, message in enumerate(messages):
            if message["role"] == "assistant":
                before = prompt(messages[:i])
                end = len(before) + len(message["content"])
                if not text.startswith(before + message["content"]):
                    raise Unusable("no_exact_mask")
                yield len(before), end + len(eos) if text.startswith(eos, end) else end

    def _whole(self, text: str, spans: Sequence[Span]) -> Encoded | None:
        """The text tokenised as one; None where a token lies on both sides of a reply's border."""
        tokens = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        learnt = []
        for a, b in tokens["offset_mapping"]:
            inside = any(start <= a and b <= end and a < b for start, end in spans)
            if not inside and any(a < end and start < b for start, end in spans):
                return None
            learnt.append(inside)
        return Encoded(list(tokens["input_ids"]), learnt)

    def _in_pieces(self, text: str, spans: Sequence[Span]) -> Encoded | None:
        """The text cut at the replies' borders; None where the pieces do not make the text again."""
        ids: list[int] = []
        learnt: list[bool] = []
        at = 0
        for start, end in [*spans, (len(text), len(text))]:
            for a, b, inside in ((at, start, False), (start, end, True)):
                piece = self.tokenizer(text[a:b], add_special_tokens=False, verbose=False).input_ids if a < b else []
                ids += piece
                learnt += [inside] * len(piece)
            at = end
        same = self.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
        return Encoded(ids, learnt) if same else None


def load_template(tokenizer: Any, file: Path | None, place: Place) -> Template:
    """The template of a recipe: a file, or the tokenizer's own. Raises `InputError`."""
    if file is not None:
        return Template(tokenizer, file.read_text("utf-8"), place, own=False)
    source = tokenizer.chat_template
    if not isinstance(source, str):
        hint = "name a .jinja file as 'template'"
        raise InputError(Problem("bad-template", "the base's tokenizer has no chat template", place, hint))
    return Template(tokenizer, source, place, own=True)
