"""What is odd about how the answers behind a run's rows ended: counted from the journal, for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bezoar_data.llms.reading.finish_reasons import ending_of, finish_word

_UNNAMED = finish_word("")


@dataclass(frozen=True, slots=True)
class Endings:
    """Finish reasons that nobody knows, by name with the number of answers, and how many answers special tokens were
    cut off."""

    unknown: Mapping[str, int]
    special_tokens: int

    @classmethod
    def of(cls, found: Iterable[tuple[str, int, int]]) -> Endings:
        """From (finish reason, answers, those of them with special tokens)."""
        unknown: Counter[str] = Counter()
        marked = 0
        for said, answers, with_marks in found:
            marked += with_marks
            if ending_of(said) == "unknown":
                unknown[finish_word(said)] += answers
        return cls(dict(sorted(unknown.items())), marked)

    def lines(self) -> Iterator[str]:
        """In words for people."""
        if self.unknown:
            named = (f"{n:,} {f'{name!r}' if name != _UNNAMED else 'with none'}" for name, n in self.unknown.items())
            yield f"answers kept although their finish reason is not known: {', '.join(named)}"
        if self.special_tokens:
            yield f"special tokens cut off {self.special_tokens:,} answers: is the server's chat template the model's?"
