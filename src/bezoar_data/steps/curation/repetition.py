"""`repetition`: answers in which a model went round in circles."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bezoar_data.measures.repetition import longest_loop, longest_run, repeated_lines, repeated_runs
from bezoar_data.measures.words import words_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep


class Repetition(FilterStep):
    """Drop rows whose text repeats itself.

    Three signs, each a reason of its own: `loop`, the same words or characters over and over without anything between;
    `repeated_lines`, whole lines or sentences said again; `repeated_words`, long runs of words that stood before.
    Short texts repeat little of anything and pass.
    """

    use: ClassVar[str] = "repetition"
    version: ClassVar[int] = 2
    example: ClassVar[str] = "- use: repetition\n  with: {column: explained_targets}\n"

    mark: str = Field(default="repetition", description="The column that `action: mark` writes; null if all is well.")
    loops: int = Field(default=5, ge=2, description="The same words this many times in a row are too many.")
    lines: float = Field(
        default=0.4, gt=0, le=1, description="Share of the text, in characters, in lines or sentences said before."
    )
    runs: float = Field(default=0.4, gt=0, le=1, description="Share of the words in runs that stood before.")
    run_words: int = Field(default=8, ge=3, description="Words in such a run.")
    least_words: int = Field(default=30, ge=0, description="Shares are measured in texts of at least this many words.")

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        words = words_of(text)
        times, unit = longest_loop(words, self.loops)
        if times >= self.loops:
            return "loop", f"{times} times '{' '.join(unit)[:80]}'"
        times, characters = longest_run(text)
        if characters:
            return "loop", f"{times} times '{characters}'"
        if len(words) < self.least_words:
            return None
        share, line = repeated_lines(text)
        if share >= self.lines:
            return "repeated_lines", f"{share:.0%} of the text, such as '{line[:80]}'"
        share = repeated_runs(words, self.run_words)
        if share >= self.runs:
            return "repeated_words", f"{share:.0%} of the words in runs of {self.run_words} that stood before"
        return None
