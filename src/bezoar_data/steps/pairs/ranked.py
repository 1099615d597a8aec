"""`pairs.ranked`: pairs from several answers in one row that people, or a judge, put in an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any, ClassVar, Literal

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, RowStep, Verdict
from bezoar_data.steps.pairs.pair import PAIR, PAIR_TYPES, make_pair, number


@dataclass(frozen=True, slots=True)
class _Ranked:
    said: Any
    rank: Decimal


class Ranked(RowStep):
    """Make pairs of the answers in a row by their ranks, as people who compare several answers give them.

    `responses` is a list of answers (texts or lists of messages) and `ranks` a list of their ranks; with `ranks: ""`
    each answer is a mapping that holds its text and rank under `text_key` and `rank_key`. `take` says which pairs:
    `best_worst` (one of each row), `adjacent` (each answer over the next one), `all` (each over every later one, as
    InstructGPT has it). `margin` is the difference of the ranks. A pair's parent is the row.

    Drop reasons: `tie` (equal ranks), `bad_ranking` (fewer than two answers with a rank, or not a rank for each),
    `empty`, `identical`, and answers that make no dialogue with the prompt (`prompts_differ`, `history`,
    `no_reply`).
    """

    use: ClassVar[str] = "pairs.ranked"
    version: ClassVar[int] = 1
    makes: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{prompt}", "{responses}", "{ranks}", "{keep}")
    writes: ClassVar[tuple[str, ...]] = (*PAIR, "{keep}")
    types: ClassVar[Mapping[str, str]] = PAIR_TYPES
    example: ClassVar[str] = "- use: pairs.ranked\n  with: {responses: answers, ranks: human_ranks}\n"

    prompt: str = Field(default="prompt", min_length=1, description="The column of prompts: text or messages.")
    responses: str = Field(default="responses", min_length=1, description="The column that lists the answers.")
    ranks: str = Field(default="ranks", description='The column that lists their ranks; "" if each answer holds its.')
    text_key: str = Field(default="text", description="Where an answer that is a mapping holds its text.")
    rank_key: str = Field(default="rank", description="Where it holds its rank.")
    better: Literal["lower", "higher"] = Field(default="lower", description="Which ranks are better.")
    take: Literal["best_worst", "adjacent", "all"] = Field(default="best_worst", description="Which pairs to make.")
    keep: list[str] = Field(default=[], description="Other columns to take along.")

    def run_row(self, row: Row) -> Verdict:
        kept = {column: row.get(column) for column in self.keep}
        ranked = self._ranked(row)
        if isinstance(ranked, Dropped):
            nothing, _ = make_pair(row.get(self.prompt), None, None, None)
            return Children([Child({**nothing, **kept}, dropped=ranked)])
        children = []
        for better, worse in self._pairs(ranked):
            margin = abs(better.rank - worse.rank)
            pair, unusable = make_pair(row.get(self.prompt), better.said, worse.said, margin)
            dropped = unusable if margin else Dropped("tie", f"both have the rank {better.rank}")
            children.append(Child({**pair, **kept}, dropped=dropped))
        return Children(children)

    def _ranked(self, row: Row) -> list[_Ranked] | Dropped:
        """The answers with their ranks, the best first; among equals the earlier one."""
        answers = row.get(self.responses)
        if not isinstance(answers, list | tuple):
            return Dropped("bad_ranking", f"{self.responses} is not a list")
        said = [a.get(self.text_key) if isinstance(a, dict) else a for a in answers]
        ranks = row.get(self.ranks) if self.ranks else [a.get(self.rank_key) for a in answers if isinstance(a, dict)]
        if not isinstance(ranks, list | tuple) or len(ranks) != len(said):
            return Dropped("bad_ranking", f"not a rank for each of the {len(said)} answers")
        found = [_Ranked(s, r) for s, rank in zip(said, ranks, strict=True) if (r := number(rank)) is not None]
        if len(found) < 2:
            return Dropped("bad_ranking", f"{len(found)} of {len(said)} answers have a rank")
        return sorted(found, key=lambda f: f.rank if self.better == "lower" else -f.rank)

    def _pairs(self, ranked: Sequence[_Ranked]) -> Iterator[tuple[_Ranked, _Ranked]]:
        if self.take == "best_worst":
            return iter([(ranked[0], ranked[-1])])
        return pairwise(ranked) if self.take == "adjacent" else combinations(ranked, 2)
