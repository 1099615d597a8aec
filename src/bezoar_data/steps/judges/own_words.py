"""Whether a judge's reason is its own: a model too weak to judge says again what it was shown.

Such a verdict is well formed, and worth nothing: of SmolLM2-135M's, most are an example of the rubric with two words
missing, others speak of our correction ("the JSON object is broken") as if it were about the response. What judges say
in words of their own shares single words with the rubric, never a sentence of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rapidfuzz.distance import Levenshtein

from bezoar_data.measures.words import FUNCTION_WORDS, words_of
from bezoar_data.steps.judges.reading import REPEATED, Parroted

_FEWEST = 5
"""Words from which a sentence tells whose it is: "The answer is right" is anybody's."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_ANYBODYS = FUNCTION_WORDS | {"response", "answer", "instruction"}

Words = tuple[str, ...]


class OwnWords:
    """Tells a judge's own reasons from those that repeat `shown`: the texts of a rubric."""

    def __init__(self, shown: Iterable[str]) -> None:
        sentences = (tuple(words_of(part)) for text in shown for part in (text, *_SENTENCE.split(text)))
        # Each with its words and how many may be others: every verdict of a run is held against all of them.
        self._shown = [
            (words, frozenset(words), _edits(len(words))) for words in dict.fromkeys(sentences) if len(words) >= _FEWEST
        ]

    def check(self, reason: str, *, correction: str = "", material: str = "") -> None:
        """Raises `Parroted` for a reason at least half of which is a sentence shown, give or take two words or a fifth
        of a long one; or that has a sentence about the `correction` which asked for it, and not about the `material`.
        """
        said = tuple(words_of(reason))
        repeated = {place for shown in self._alike(said) for place in _places(said, shown)}
        if said and 2 * len(repeated) >= len(said):
            raise Parroted(REPEATED)
        ours = frozenset(words_of(correction)) - _ANYBODYS
        if ours and any(_is_about(part, ours - {*words_of(material)}) for part in _SENTENCE.split(reason)):
            raise Parroted("it speaks of this correction, instead of judging")

    def _alike(self, said: Words) -> Iterator[Words]:
        """What was shown that has nearly all its words in what was said: only that is worth aligning."""
        there = frozenset(said)
        return (shown for shown, words, edits in self._shown if len(words - there) <= edits)


def _edits(length: int) -> int:
    """How many words of a sentence may be others, missing or new, and it is still that sentence."""
    return 1 if length < 7 else max(2, round(length / 5))


def _places(said: Words, shown: Words) -> Iterator[int]:
    """Where in what was said the sentence shown stands, as places of words."""
    edits, length = _edits(len(shown)), len(shown)
    for start in range(len(said)):
        for end in range(start + length - edits, min(len(said), start + length + edits) + 1):
            if Levenshtein.distance(said[start:end], shown, score_cutoff=edits) <= edits:
                yield from range(start, end)


def _is_about(sentence: str, words: frozenset[str]) -> bool:
    """Whether half of what a sentence says are these words, and at least two of them."""
    said = frozenset(words_of(sentence)) - _ANYBODYS
    return len(said & words) >= max(2, len(said) / 2)
