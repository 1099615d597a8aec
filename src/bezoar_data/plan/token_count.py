"""Counting the tokens of prompts that are not sent: by a named tokenizer, or by a rule of thumb that says so.

Filler words, of which placeholders consist, are counted apart: how many there will be is what `plan` knows least.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import cycle, islice, product

from bezoar_data.llms.ask import Message
from bezoar_data.plan.interval import Interval

RULE = "by a rule of thumb (a token for each word of up to eight letters)"
RULE_OFF = (0.87, 1.16)
"""By what factor the rule may be off for texts mostly in ASCII. Against the vocabularies of several models, English
prose, questions and code came within 0.87 to 1.03 of it; tokens of small vocabularies are shorter. Our assumption."""
TOKENIZER_OFF = (0.95, 1.08)
"""The same where a tokenizer was named: what a chat template adds is not in it."""

_PER_MESSAGE = 4
_PER_REQUEST = 3
"""What chat templates typically put around messages, in tokens."""
_PIECE = re.compile(r"[A-Za-z]{1,8}|\d{1,3}|[^\W\d_]|[^\w\s]|_|\n+")
_FILLER = re.compile(r"\bzq[a-z]{4}\b")
_LETTERS = "bcdfghjklmnpqrstvwxyz"


def filler() -> Callable[[int], str]:
    """Makes so many filler words, each about a token long. No two texts are alike: words come again after some hundred
    thousand, in other company."""
    endless = cycle(map("".join, product(("zq",), *(_LETTERS,) * 4)))
    return lambda wanted: " ".join(islice(endless, wanted))


class Tokens:
    """Counts the tokens of texts and prompts. `tokenizer` is one of the library `tokenizers`, or None for the rule."""

    def __init__(self, tokenizer: object = None, name: str = "") -> None:
        self.name = f"by the tokenizer {name}" if tokenizer is not None else RULE
        self._tokenizer = tokenizer
        self._letters = self._foreign = 0
        # Rubrics and system messages come with every row.
        self._of = lru_cache(maxsize=4096)(self._count)

    def text(self, text: str) -> float:
        """The tokens of a text, a filler word counted as one."""
        known, filling = _FILLER.subn("", text)
        return self._of(known) + filling

    def prompt(self, messages: Sequence[Message]) -> tuple[float, int]:
        """A prompt's tokens: those of known text and of the template, and the filler words in it."""
        known, filling = float(_PER_REQUEST), 0
        for message in messages:
            text, inside = _FILLER.subn("", message["content"])
            known += _PER_MESSAGE + self._of(text)
            filling += inside
        return known, filling

    @property
    def off(self) -> Interval:
        """By what factor all counts may be off, together: wider where scripts are that the rule knows little of."""
        low, high = TOKENIZER_OFF if self._tokenizer is not None else RULE_OFF
        return Interval(low, 1.0, high + (self._foreign / max(1, self._letters)))

    def _count(self, text: str) -> int:
        if self._tokenizer is not None:
            return len(self._tokenizer.encode(text, add_special_tokens=False).ids)  # type: ignore[attr-defined]
        self._letters += len(text)
        if not text.isascii():
            self._foreign += sum(not c.isascii() and c.isalpha() for c in text)
        return len(_PIECE.findall(text))
