"""Counting the tokens of prompts that are not sent: by a named tokenizer, or by a rule of thumb that says so.

Filling, which stands for answers nobody has got yet, is counted apart and by whose answer it stands for: its length is
what `plan` knows least.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import cycle, islice, product, repeat

from bezoar_data.llms.ask import Message

RULE = "by a rule of thumb (a token for each word of up to eight letters)"
ASSUMED_OFF = (0.85, 1.2)
"""By what factor the rule may be off for texts mostly in ASCII. Against the vocabularies of several models, English
prose, questions and code came within 0.87 to 1.03 of it; tokens of small vocabularies are shorter. Ours."""
TOKENIZER_OFF = (0.95, 1.08)
"""The same where a tokenizer was named: what a chat template adds is not in it."""

_PER_MESSAGE = 4
_PER_REQUEST = 3
"""What chat templates typically put around messages, in tokens."""
_PIECE = re.compile(r"[A-Za-z]{1,8}|\d{1,3}|[^\W\d_]|[^\w\s]|_|\n+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FILLING = re.compile(r"\bzq([a-z]{2})[a-z]{3}\b")


UNNAMED = "zz"
"""The letters of filling that stands for no model's answer, or for one of a kind too many."""


class Filler:
    """Makes words of filling that tell whose answer they stand for (two letters). No two texts are alike: words come
    again after some thousands, in other company."""

    def __init__(self) -> None:
        self._endless: dict[str, Iterator[str]] = {}

    def words(self, letter: str) -> Callable[[int], str]:
        endless = self._endless.get(letter)
        if endless is None:
            # A prime number of them: texts of one length begin elsewhere each time round.
            names = islice(product(_LETTERS, repeat=3), 10_007)
            endless = self._endless[letter] = cycle([f"zq{letter}{''.join(name)}" for name in names])
        return lambda wanted: " ".join(islice(endless, wanted))


class Tokens:
    """Counts the tokens of texts and prompts. `tokenizer` is one of the library `tokenizers`, or None for the rule."""

    def __init__(self, tokenizer: object = None, name: str = "") -> None:
        self.name = f"by the tokenizer {name}" if tokenizer is not None else RULE
        self.off = TOKENIZER_OFF if tokenizer is not None else ASSUMED_OFF
        self.foreign = 0
        """Letters beyond ASCII among those counted: what the rule knows least."""
        self.letters = 0
        self._tokenizer = tokenizer
        # Rubrics and system messages come with every row.
        self._of = lru_cache(maxsize=4096)(self._count)

    def text(self, text: str) -> float:
        """The tokens of a text, filling counted as a token for each word."""
        known, filling = self._split(text)
        return self._of(known) + filling.total()

    def has_filling(self, text: str) -> bool:
        return _FILLING.search(text) is not None

    def prompt(self, messages: Sequence[Message]) -> tuple[float, Counter[str]]:
        """A prompt's tokens: those of known text and of the template, and those of filling by its letter."""
        known, filling = float(_PER_REQUEST), Counter[str]()
        for message in messages:
            text, inside = self._split(message["content"])
            known += _PER_MESSAGE + self._of(text)
            filling.update(inside)
        return known, filling

    @property
    def range(self) -> tuple[float, float]:
        """By what factor all counts may be off, together: wider where scripts are that the rule knows little of."""
        low, high = self.off
        share = self.foreign / max(1, self.letters)
        return (low, high) if self._tokenizer is not None else (low, high + share)

    def _split(self, text: str) -> tuple[str, Counter[str]]:
        if "zq" not in text:
            return text, Counter()
        found = Counter(_FILLING.findall(text))
        return (_FILLING.sub("", text), found) if found else (text, found)

    def _count(self, text: str) -> int:
        if self._tokenizer is not None:
            return len(self._tokenizer.encode(text, add_special_tokens=False).ids)  # type: ignore[attr-defined]
        self.letters += len(text)
        if not text.isascii():
            self.foreign += sum(not c.isascii() and c.isalpha() for c in text)
        return len(_PIECE.findall(text))


def letters() -> Iterator[str]:
    """Two letters for each kind of answer. Those beyond all pairs share the last."""
    yield from map("".join, product(_LETTERS, repeat=2))
    yield from repeat(UNNAMED)
