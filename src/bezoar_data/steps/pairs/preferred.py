"""`pairs.preferred`: a pair from two answers in one row, and what people or a judge said of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, RowStep, Verdict
from bezoar_data.steps.pairs.pair import PAIR, PAIR_TYPES, make_pair, number


class Preferred(RowStep):
    """Make a pair of two answers by a preference: below zero for the first, above zero for the second, zero for none.

    HelpSteer2's preference set says so, from -3 to 3; `words` says what words mean, as `judge.compare` and arenas write
    them. `margin` is the strength, the number without its sign. The pair's parent is the row that held both answers.

    Drop reasons: `tie` (no preference either way), `no_preference` (no number, or a word that `words` does not know),
    `small_margin`, `empty`, `identical`, and answers that make no dialogue with the prompt (`prompts_differ`,
    `history`, `no_reply`).
    """

    use: ClassVar[str] = "pairs.preferred"
    version: ClassVar[int] = 1
    makes: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{prompt}", "{first}", "{second}", "{preference}", "{keep}")
    writes: ClassVar[tuple[str, ...]] = (*PAIR, "{keep}")
    types: ClassVar[Mapping[str, str]] = PAIR_TYPES
    example: ClassVar[str] = (
        "- use: pairs.preferred\n  with: {first: response_a, second: response_b, preference: judge_preference}\n"
    )

    preference: str = Field(min_length=1, description="The column that says which answer is better, and how much.")
    prompt: str = Field(default="prompt", min_length=1, description="The column of prompts: text or messages.")
    first: str = Field(default="response_1", min_length=1, description="The column of the first answer.")
    second: str = Field(default="response_2", min_length=1, description="The column of the second answer.")
    words: dict[str, float] = Field(
        default={"a": -1, "b": 1, "tie": 0}, description="The number that each word in `preference` stands for."
    )
    least_margin: float = Field(default=0, ge=0, description="Drop preferences weaker than this.")
    keep: list[str] = Field(default=[], description="Other columns to take along.")

    def run_row(self, row: Row) -> Verdict:
        said = row.get(self.preference)
        strength = self._strength(said)
        sides = (self.first, self.second) if strength is None or strength <= 0 else (self.second, self.first)
        chosen, rejected = (row.get(side) for side in sides)
        margin = None if strength is None else abs(strength)
        pair, unusable = make_pair(row.get(self.prompt), chosen, rejected, margin)
        columns = {**pair, **{column: row.get(column) for column in self.keep}}
        return Children([Child(columns, dropped=self._no_preference(said, margin) or unusable)])

    def _strength(self, said: Any) -> Decimal | None:
        return number(self.words.get(said, said) if isinstance(said, str) else said)

    def _no_preference(self, said: Any, margin: Decimal | None) -> Dropped | None:
        if margin is None:
            return Dropped("no_preference", f"{self.preference} is {str(said)[:60]!r}")
        if margin == 0:
            return Dropped("tie", f"{self.preference} is {str(said)[:60]!r}")
        if margin < Decimal(str(self.least_margin)):
            return Dropped("small_margin", f"{margin} is less than {self.least_margin}")
        return None
