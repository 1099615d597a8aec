"""What past answers teach of one kind of question: how long answers are beside their stand-ins, and how often two
questions get the same answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bezoar_data.plan.priors import Lengths


@dataclass(slots=True)
class Kind:
    """The questions of one kind that one step asks one model. `letter` marks the filling that stands for answers."""

    letter: str
    past: list[tuple[float, int]] = field(default_factory=list)
    """Of past answers: the tokens of what would stand in for it, and its own."""
    found: list[tuple[float, int]] = field(default_factory=list)
    """The same of the answers that the journal holds for this very plan."""
    texts: list[str] = field(default_factory=list)
    """Past answers to different questions; behind them what stands for those to come."""
    equal: float = 0.0
    """The chance that two questions get the same answer."""
    repeats: int = 0
    """Past answers that were equal to an earlier one."""
    drawn: int = 0
    """Answers to come of which it was drawn that they are."""

    def lengths(self) -> Lengths | None:
        """What is known of lengths."""
        known = (lengths for pairs in (self.found, self.past) if (lengths := Lengths.of(pairs)) is not None)
        return max(known, key=lambda lengths: lengths.count, default=None)

    def learn_equal(self, texts: Iterable[str]) -> None:
        """Learn from past answers to different questions: the share of equal pairs among all pairs is an unbiased
        estimate of the chance that two are equal (Simpson's index)."""
        self.texts += texts
        counts = Counter(self.texts)
        self.repeats = len(self.texts) - len(counts)
        if self.repeats:
            self.equal = sum(math.comb(n, 2) for n in counts.values()) / math.comb(len(self.texts), 2)

    def say(self, key: str, text: str) -> str:
        """What stands for the answer to the question with this key: an answer that was given before, if it is drawn
        that both are equal, or this text. The draw is always the same for a key."""
        if self.equal and int(key[:8], 16) / 16**8 >= (1 - self.equal) ** len(self.texts):
            text = self.texts[int(key[8:16], 16) % len(self.texts)]
            self.drawn += 1
        self.texts.append(text)
        return text
