"""A stand-in that knows nothing: its text says that it is not an answer.

With recorded answers (`answers:` of a models file) it makes a demo: those are found, and whatever else is asked gets a
placeholder. It never gives JSON, a list or a verdict, so that no step takes it for one; rows it touches are `demo`.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from typing import ClassVar

from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.providers.base import Completion, Provider, Refusal, Request
from bezoar_data.measures.placeholder import MARK

WORDS = 40
"""The words of a placeholder where `extra_body: {words: N}` does not say how many."""

_SAYS = (
    f"{MARK} these offline models know the shipped seeds only. Name another models file with --models for real answers."
)
_SYLLABLES = ("ba", "de", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu")


class Placeholder(Provider):
    """Answers with a placeholder of `words` words; what follows the first sentences depends on the request alone.

    A request with a schema is refused: a made-up instance of it could be taken for a verdict.
    """

    kind: ClassVar[str] = "placeholder"
    demo: ClassVar[bool] = True
    needs_network: ClassVar[bool] = False

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._words = model.extra_body.get("words", WORDS)

    def problems(self) -> list[Problem]:
        if isinstance(self._words, int) and not isinstance(self._words, bool) and self._words > 0:
            return []
        return [Problem("bad-value", "'words' of extra_body should be a whole number above 0", hint="words: 40")]

    async def complete(self, request: Request) -> Sequence[Completion]:
        if request.schema is not None:
            message = f"model '{self.model.model}' holds no answer to this, and a placeholder is nothing to read: "
            raise Refusal(400, message + "name another models file with --models")
        most = request.max_tokens or self._words
        finish = "length" if most < self._words else "stop"
        asked = [dict(message) for message in request.messages]
        done = []
        for sample in request.samples:
            given = json.dumps([asked, request.attempt, sample], sort_keys=True, ensure_ascii=True)
            text = " ".join(_words(given, min(most, self._words)))
            done.append(Completion(text, finish, 0, 0))
        return done


def _words(given: str, count: int) -> Iterator[str]:
    """So many words: what it is, then invented ones."""
    said = _SAYS.split()
    yield from said[:count]
    chance = random.Random(hashlib.sha256(given.encode()).digest())
    for _ in range(count - len(said)):
        yield "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4)))
