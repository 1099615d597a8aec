"""`pairs.best_worst`: of the answers to one prompt, the one with the highest score over the one with the lowest.

So were made HelpSteer2's pairs for DPO, from two answers each by helpfulness, and those of its iterative DPO, from ten
samples by 0.65 helpfulness + 0.8 correctness + 0.45 coherence (arXiv 2406.08673, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bezoar_data.runs.row import Columns, Row, group_of
from bezoar_data.steps.base import Dropped, GlobalMakingStep, Made
from bezoar_data.steps.pairs.pair import PAIR, PAIR_TYPES, make_pair, number


@dataclass(frozen=True, slots=True)
class _Scored:
    row: Row
    score: Decimal


class BestWorst(GlobalMakingStep):
    """Make a pair of the best and the worst answer to each prompt, by a score that a judge or people gave.

    Rows hold one answer each; those with equal values in the columns `by` answer one prompt. `score` is a column, or
    weights of several: `{helpfulness: 0.65, correctness: 0.8, coherence: 0.45}`. `margin` is the difference of the two
    scores. Among answers with the same score the first counts. A pair has two parents, the chosen row's and the
    rejected row's; `keep` takes columns along from the chosen one.

    A prompt that gives no pair is dropped: `alone` (it has one answer), `unscored` (fewer than two of its answers have
    a score), `tie` (best and worst have the same), `small_margin`, `empty`, `identical` (they say the same), and where
    the answers make no dialogue with the prompt (`prompts_differ`, `history`, `no_reply`).
    """

    use: ClassVar[str] = "pairs.best_worst"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{by}", "{prompt}", "{response}", "{score}", "{keep}")
    writes: ClassVar[tuple[str, ...]] = (*PAIR, "chosen_score", "rejected_score", "{keep}")
    types: ClassVar[Mapping[str, str]] = {**PAIR_TYPES, "chosen_score": "number", "rejected_score": "number"}
    example: ClassVar[str] = "- use: pairs.best_worst\n  with: {score: goodness}\n"

    score: str | dict[str, float] = Field(
        min_length=1, description="The column of scores, higher is better; or a weight for each of several columns."
    )
    by: Annotated[list[str], Field(min_length=1)] = Field(
        default=["prompt"], description="Columns whose values are equal in rows that answer one prompt."
    )
    prompt: str = Field(default="prompt", min_length=1, description="The column of prompts: text or messages.")
    response: str = Field(default="response", min_length=1, description="The column of answers: text or messages.")
    least_margin: float = Field(default=0, ge=0, description="Drop pairs whose scores differ by less than this.")
    keep: list[str] = Field(default=[], description="Other columns to take along, from the chosen answer's row.")

    def run_all(self, rows: Sequence[Row]) -> Sequence[Made]:
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(group_of([row.get(column) for column in self.by]), []).append(row)
        return [self._pair(group, place) for place, group in enumerate(groups.values())]

    def _pair(self, group: Sequence[Row], place: int) -> Made:
        scored = [_Scored(row, score) for row in group if (score := self._score(row)) is not None]
        if len(scored) < 2:
            reason = "alone" if len(group) == 1 else "unscored"
            detail = f"{len(scored)} of {len(group)} answers with a score"
            return Made(group, (place,), self._columns_of(group, scored)[0], dropped=Dropped(reason, detail))
        best, worst = max(scored, key=lambda s: s.score), min(scored, key=lambda s: s.score)
        if best.score == worst.score:
            tie = Dropped("tie", f"{len(scored)} answers with the score {best.score}")
            return Made(group, (place,), self._columns_of([s.row for s in scored], scored)[0], dropped=tie)
        columns, dropped = self._columns_of((best.row, worst.row), (best, worst))
        if dropped is None and columns["margin"] < self.least_margin:
            dropped = Dropped("small_margin", f"{columns['margin']} is less than {self.least_margin}")
        return Made((best.row, worst.row), (place,), columns, dropped=dropped)

    def _score(self, row: Row) -> Decimal | None:
        weights: Mapping[str, float] = {self.score: 1} if isinstance(self.score, str) else self.score
        total = Decimal(0)
        for column, weight in weights.items():
            value = number(row.get(column))
            if value is None:
                return None
            total += Decimal(str(weight)) * value
        return total

    def _columns_of(self, rows: Sequence[Row], scored: Sequence[_Scored]) -> tuple[Columns, Dropped | None]:
        """The pair of the first two rows, and why it is none; where there is only one, or no two scores, what there
        is."""
        first = rows[0]
        second = rows[1].get(self.response) if len(rows) > 1 else None
        scores: list[Any] = [float(s.score) for s in scored[:2]] if len(scored) > 1 else [None, None]
        margin = scored[0].score - scored[1].score if len(scored) > 1 else None
        pair, unusable = make_pair(first.get(self.prompt), first.get(self.response), second, margin)
        kept = {column: first.get(column) for column in self.keep}
        return {**pair, "chosen_score": scores[0], "rejected_score": scores[1], **kept}, unusable
