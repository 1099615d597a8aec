"""Conversations as the token ids a model learns from, with exact labels.

The template turns a conversation into text; the tokenizer turns the text into ids. Labels are made here, not by a
trainer. A reply is what follows in the text after the same turns without it, rendered as a prompt: what a served model
is asked to say, word for word, up to the token that ends it. Decoded, the ids that are learnt are the replies with
their ends and nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.problems import Place, Problem
from bezoar_data.training.data.template_source import complete, has_marks, read_source, without_thought
from bezoar_data.training.data.template_turns import Messages, for_template, kind, lost, parts, texts, thinks
from bezoar_data.training.data.tokens import guarded_tokens, token_after, with_recipes_tokens

Span = tuple[int, int]

IGNORED = -100
"""The label of a token that is not learnt, as torch's cross-entropy has it."""
_ROLES = ("system", "user", "assistant", "tool")
_ASKED = [{"role": "user", "content": "one"}]
_PROBE = [*_ASKED, {"role": "assistant", "content": "two"}]


class Unusable(Exception):
    """A row that cannot be learnt from; the argument is the reason it is counted under."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids, and of each whether it is learnt: part of a reply or the token that ends it."""

    ids: list[int]
    learnt: list[bool]
    last: tuple[int, int]
    """From which to before which id the last reply stands; (0, 0) where that is none to learn."""
    passed: int = 0
    """Replies that the template writes otherwise in a history than a model says them; they are not learnt."""

    @property
    def labels(self) -> list[int]:
        return [i if learnt else IGNORED for i, learnt in zip(self.ids, self.learnt, strict=True)]


@dataclass(frozen=True, slots=True)
class Seen:
    """A conversation that was encoded, the first of its kind: what the saved tokenizer must give again."""

    messages: list[dict[str, Any]]
    tools: Sequence[Any] | None
    options: Mapping[str, Any]
    """What its template was asked for beside it, such as `enable_thinking`."""
    encoded: Encoded
    said: str
    """The text of what is learnt."""
    cut: bool
    """Whether a token would have joined the last turn's text with the reply's: the text was cut between them."""


class Template:
    """A chat template with the tokenizer it is for."""

    def __init__(
        self,
        tokenizer: Any,
        source: str,
        place: Place,
        *,
        end_of_turn: str | None = None,
        keeps_reasoning: bool = True,
    ) -> None:
        """`end_of_turn` is the token that ends a reply; None: the one the template writes. Raises `InputError` where
        it writes none, or cannot be used."""
        self.tokenizer = tokenizer
        self.given = source
        self.keeps_reasoning = keeps_reasoning
        self.source, self.notes = complete(source, tokenizer, self._plain)
        self._marked = has_marks(source)
        self._switch = "enable_thinking" in source
        self.end = self._end_of_turn(place, end_of_turn)
        self._guarded = guarded_tokens(tokenizer, source, self.end)
        self._splits = any(name in source for name in ("reasoning_content", ".thinking", "'thinking'", "</think>"))
        self._parsed = self._reads_mappings()
        self._lost = lost(self._rendered)
        self.seen: dict[str, Seen] = {}
        self._thought = False

    @property
    def served(self) -> str:
        """The template to save. It is that of a model that does not think, where nothing it learnt does."""
        return without_thought(self.source) if self._switch and self.seen and not self._thought else self.source

    @property
    def end_id(self) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(self.end))

    @property
    def decides(self) -> list[Any]:
        """What of it decides a stage's result, beside the ids of its rows."""
        return [self.served, self.end, self.tokenizer.eos_token, self.tokenizer.pad_token, len(self.tokenizer)]

    def encode(
        self,
        messages: Messages,
        tools: Sequence[Any] | None = None,
        *,
        train_on: Sequence[str] = ("assistant",),
        thinking: bool | None = None,
    ) -> Encoded:
        """Ids and marks of a conversation. `train_on` are the roles whose turns are learnt; `thinking` is whether the
        last reply is one after reasoning, by default as it is. Raises `Unusable`."""
        self._check_messages(messages, tools)
        turns = for_template(messages, splits=self._splits, keeps=self.keeps_reasoning, parsed=self._parsed)
        thinking = thinks(turns) if thinking is None else thinking
        options: dict[str, Any] = {"enable_thinking": thinking} if self._switch else {}
        render = partial(self._rendered, tools=tools, **options)
        text, marks = self._whole_text(turns, render)
        for part in parts(turns, tools):
            if part in self._lost:
                raise Unusable(f"template_drops_{part}")
        places = {i: found for i, found in self._places(text, marks, turns, render, train_on) if found}
        spans = [span for i, found in places.items() for span in found if messages[i].get("weight") != 0]
        if not spans:
            raise Unusable("no_reply" if places else "no_exact_mask")
        tokens = _Tokens.of(self.tokenizer, text, self.end)
        cut = tokens.join(spans)
        found = _Tokens.cut(self.tokenizer, text, spans) if cut else tokens
        if found is None:
            raise Unusable("no_exact_mask")
        passed = sum(turn["role"] == "assistant" and i not in places for i, turn in enumerate(turns))
        last = found.between(places.get(len(turns) - 1))
        encoded = Encoded(found.ids, found.inside(spans), last, passed)
        self._thought |= thinking
        name = kind(turns, tools) + (", cut" if cut else "") + (", thinking" if thinking else "")
        if name not in self.seen:
            said = "".join(text[a:b] for a, b in spans)
            self.seen[name] = Seen(turns, tools, options, encoded, said, cut)
        return encoded

    def encode_last(
        self, messages: Messages, tools: Sequence[Any] | None = None, *, thinking: bool | None = None
    ) -> tuple[list[int], list[int]]:
        """A conversation that ends in a reply, as the ids before that reply and those of it. Raises `Unusable`."""
        if messages[-1]["role"] != "assistant":
            raise Unusable("no_reply")
        unweighted = [{**message, "weight": 1} for message in messages]
        encoded = self.encode(unweighted, tools, thinking=thinking)
        start, end = encoded.last
        if start == end:
            raise Unusable("no_exact_mask")
        return encoded.ids[:start], encoded.ids[start:end]

    def reasons(self, messages: Messages) -> bool:
        """Whether the last reply of a conversation is one after reasoning, as it is trained."""
        return thinks(for_template(messages, splits=self._splits, keeps=self.keeps_reasoning, parsed=False))

    def prompt_ids(self, seen: Seen) -> list[int]:
        """The ids before the last reply."""
        return seen.encoded.ids[: seen.encoded.last[0]]

    # What the template is

    def _end_of_turn(self, place: Place, wanted: str | None) -> str:
        """The token that ends a reply, found in what the template writes after one."""
        try:
            before = self._rendered(_ASKED, prompt=True)[0]
            text = self._rendered(_PROBE)[0]
        except Exception as error:
            message = f"the chat template cannot be used: {error}"
            raise InputError(Problem("bad-template", message, place)) from error
        if not text.startswith(before):
            message = "the chat template does not begin a reply where its prompt ends"
            raise InputError(Problem("bad-template", f"{message}: {before!r}, then {text!r}", place))
        after = text[len(before) :].partition("two")[2]
        end = token_after(self.tokenizer, after) if wanted is None else wanted
        if end is None or end not in after:
            message = "the chat template does not end a reply in a token of the tokenizer"
            if wanted is not None:
                message = f"the chat template does not end a reply in {wanted}"
            hint = "write the token after the reply: {{ message['content'] + eos_token }}"
            if end is None and after.strip():
                hint = f"give the tokenizer this token with 'add_tokens', or {hint}"
            raise InputError(Problem("bad-template", f"{message}: it writes {after!r}", place, hint))
        return end

    def _reads_mappings(self) -> bool:
        call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
        try:
            self._rendered([*_ASKED, {"role": "assistant", "content": "", "tool_calls": [call]}])
        except TypeError:  # it puts a text together with them
            return False
        except Exception:  # it refuses calls, however they are written
            return True
        return True

    def _check_messages(self, messages: Messages, tools: Sequence[Any] | None) -> None:
        if any(m["role"] not in _ROLES or not isinstance(m["content"], str) for m in messages):
            raise Unusable("unknown_role")
        if not any(m["role"] == "assistant" for m in messages):
            raise Unusable("no_reply")
        replies = (m for m in messages if m["role"] == "assistant" and not m.get("tool_calls"))
        if any(not m["content"].strip() for m in replies):
            raise Unusable("empty_reply")
        # A word that the tokenizer takes for a token of its own would end a reply in its middle.
        for message in messages:
            words = {key: value for key, value in message.items() if key != "role"}
            if self._splits and message["role"] == "assistant" and isinstance(words["content"], str):
                words["content"] = words["content"].replace("<think>", "", 1).replace("</think>", "", 1)
            if any(self._guarded.search(text) for text in texts(words)):
                raise Unusable("special_token")
        if any(self._guarded.search(text) for text in texts(tools or ())):
            raise Unusable("special_token")

    # Where replies stand in the text

    def _plain(self, source: str, messages: Messages) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template

        texts, _ = render_jinja_template([list(messages)], chat_template=source, **self.tokenizer.special_tokens_map)
        return str(texts[0])

    def _rendered(
        self,
        messages: Messages,
        *,
        prompt: bool = False,
        marks: bool = False,
        tools: Sequence[Any] | None = None,
        **options: Any,
    ) -> tuple[str, list[Span]]:
        """The text, and where the template marks that the assistant speaks."""
        from transformers.utils.chat_template_utils import render_jinja_template

        options |= {"add_generation_prompt": prompt, "return_assistant_tokens_mask": marks, "tools": tools}
        known = self.tokenizer.special_tokens_map
        texts, spans = render_jinja_template([list(messages)], chat_template=self.source, **known, **options)
        return texts[0], [(a, b) for a, b in spans[0]] if spans else []

    def _whole_text(
        self, turns: Messages, render: Callable[..., tuple[str, list[Span]]]
    ) -> tuple[str, list[Span] | None]:
        try:
            text, marks = render(turns, marks=self._marked)
        except Exception as error:  # jinja2 hands on whatever happens in a template
            raise Unusable(f"template: {_one_line(error)}") from error
        return text, marks if self._marked else None

    def _places(
        self,
        text: str,
        marks: list[Span] | None,
        turns: Messages,
        render: Callable[..., tuple[str, list[Span]]],
        train_on: Sequence[str],
    ) -> Iterator[tuple[int, list[Span]]]:
        """Where each turn that can be learnt stands in the text, by its index, its end included."""
        for i, turn in enumerate(turns):
            replies = turn["role"] == "assistant"
            if turn["role"] not in train_on or (replies and not i):
                continue
            try:
                before = render(turns[:i], prompt=replies)[0] if i else ""
                upto = text if i == len(turns) - 1 else render(turns[: i + 1])[0]
            except Exception:  # noqa: S112 (for this template, the turns so far are not a conversation)
                continue
            end = upto.find(self.end, len(before)) + len(self.end) if replies else len(upto)
            # In a history some templates write a reply otherwise than a model says it: without its reasoning.
            if upto.startswith(before) and end > len(before) and text.startswith(upto[:end]):
                yield i, _marked((len(before), end), marks if replies else None)


class _Tokens:
    """A text's ids with where each stands in it."""

    def __init__(self, ids: list[int], places: list[Span]) -> None:
        self.ids, self.places = ids, places

    @classmethod
    def of(cls, tokenizer: Any, text: str, end: str) -> _Tokens:
        """The text tokenised as one. The place of `end` is the token's own: some swallow the line break after it."""
        made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids, places = list(made["input_ids"]), list(made["offset_mapping"])
        end_id = tokenizer.convert_tokens_to_ids(end)
        for i, (a, b) in enumerate(places):
            if ids[i] == end_id and (at := text.find(end, a, b)) >= 0:
                places[i] = (at, at + len(end))
        return cls(ids, places)

    @classmethod
    def cut(cls, tokenizer: Any, text: str, spans: Sequence[Span]) -> _Tokens | None:
        """The text cut at the borders; None where the pieces do not make the text again."""
        edges = sorted({0, len(text), *(edge for span in spans for edge in span)})
        ids: list[int] = []
        places: list[Span] = []
        for a, b in pairwise(edges):
            piece = tokenizer(text[a:b], add_special_tokens=False, verbose=False).input_ids
            ids += piece
            places += [(a, b)] * len(piece)
        same = tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
        return cls(ids, places) if same else None

    def join(self, spans: Sequence[Span]) -> bool:
        """Whether a token lies on both sides of a border."""
        edges = sorted({edge for span in spans for edge in span})
        return any(bisect_right(edges, a) < bisect_left(edges, b) for a, b in self.places)

    def inside(self, spans: Sequence[Span]) -> list[bool]:
        return [any(_holds(span, place) for span in spans) for place in self.places]

    def between(self, spans: Sequence[Span] | None) -> tuple[int, int]:
        """From which to before which id the spans reach."""
        found = [i for i, place in enumerate(self.places) if any(_holds(span, place) for span in spans or ())]
        return (found[0], found[-1] + 1) if found else (0, 0)


def _holds(span: Span, place: Span) -> bool:
    """Whether a token is of a span. One without a place of its own, such as the space that some tokenizers put before
    a word, is of the text after it."""
    (start, end), (a, b) = span, place
    return start <= a and b <= end and (a < b or a < end)


def _marked(span: Span, marks: list[Span] | None) -> list[Span]:
    """What of a span is marked; all of it where the template marks nothing at all."""
    if marks is None:
        return [span]
    parts = [(max(span[0], a), min(span[1], b)) for a, b in marks]
    return [(a, b) for a, b in parts if a < b]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def load_template(recipe: LoadedRecipe, tokenizer: Any) -> Template:
    """The template that a recipe names, for the tokenizer with the recipe's tokens. Raises `InputError`."""
    source, place = read_source(recipe, tokenizer)
    file = recipe.file
    return Template(
        with_recipes_tokens(recipe, tokenizer),
        source,
        place,
        end_of_turn=file.end_of_turn,
        keeps_reasoning=file.reasoning == "keep",
    )
