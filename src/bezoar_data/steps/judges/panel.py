"""`judge.panel`: one verdict out of those of several judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from bezoar_data.measures.agreement import as_label
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Kept, RowStep, Verdict

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_Votes = Mapping[str, tuple[str, int | None]]
"""Status and rating by judge, of those that judged the row; no rating where the column holds no whole number."""


class JudgePanel(RowStep):
    """Put the verdicts of several judges together into one, by a rule.

    `majority` accepts or rejects what more than half of the judges do; `unanimous` accepts what all accept, and rejects
    what any rejects; `mean` accepts from a mean rating of `cut` up, for judges that use the same scale. A judge without
    a verdict on the row has no vote but counts: where the others do not settle it, the panel's columns stay empty.
    Writes `panel_status`, `panel_rating` (the mean of the ratings there are; text with `rating: text`)
    and `panel_reason` (who said what).
    """

    use: ClassVar[str] = "judge.panel"
    version: ClassVar[int] = 2
    spelled: ClassVar[dict[str, str]] = {"judge": "as"}
    reads: ClassVar[tuple[str, ...]] = ("{judges}_status", "{judges}_rating")
    writes: ClassVar[tuple[str, ...]] = ("{judge}_status", "{judge}_rating", "{judge}_reason")
    types: ClassVar[Mapping[str, str]] = {
        "{judge}_status": "text",
        "{judge}_rating": "{rating}",
        "{judge}_reason": "text",
    }
    example: ClassVar[str] = "- use: judge.panel\n  with: {judges: [gpt4, falcon, llama2], rule: majority}\n"

    judges: Annotated[list[_Name], Field(min_length=2)] = Field(
        description="The judges, by the names their columns begin with."
    )
    rule: Literal["majority", "unanimous", "mean"] = Field(
        default="majority", description="How the verdicts become one."
    )
    cut: float | None = Field(default=None, description="The mean rating from which `mean` accepts.", examples=[3.5])
    rating: Literal["number", "text"] = Field(
        default="number", description="How the mean is written: as a number, or as text, as in the published data."
    )
    judge: str = Field(
        default="panel", pattern=r"^[a-z][a-z0-9_]*$", description="The panel's name, which the columns begin with."
    )

    @model_validator(mode="after")
    def _fits(self) -> JudgePanel:
        if (self.rule == "mean") != (self.cut is not None):
            raise ValueError("`rule: mean` needs `cut`, and no other rule takes it")
        if len(set(self.judges)) < len(self.judges):
            raise ValueError("a judge is named twice")
        if self.judge in self.judges:
            raise ValueError(f"the panel cannot be called '{self.judge}' as one of its judges is: set `as`")
        return self

    def keep_rate(self) -> tuple[float, float]:
        return 1.0, 1.0

    def run_row(self, row: Row) -> Verdict:
        votes = {
            name: (str(row[f"{name}_status"]), _whole(row.get(f"{name}_rating")))
            for name in self.judges
            if row.get(f"{name}_status") is not None
        }
        status = self._status(votes)
        said = "; ".join(
            f"{name}: {_said(*votes[name])}" if name in votes else f"{name}: no verdict" for name in self.judges
        )
        ratings = [rating for _, rating in votes.values() if rating is not None]
        mean = self._mean(ratings) if status and ratings else None
        values = (status, mean, said if status else None)
        return Kept(row.with_columns(**dict(zip(self.outputs, values, strict=True))))

    def _mean(self, ratings: Sequence[int]) -> float | str:
        """With two decimals at most."""
        mean = float(round(Fraction(sum(ratings), len(ratings)), 2))
        return f"{mean:g}" if self.rating == "text" else mean

    def _status(self, votes: _Votes) -> str | None:
        accepted = sum(status == "Accept" for status, _ in votes.values())
        return decide(self.rule, accepted, len(votes) - accepted, len(self.judges)) or self._by_mean(votes)

    def _by_mean(self, votes: _Votes) -> str | None:
        ratings = [rating for _, rating in votes.values() if rating is not None]
        if self.cut is None or len(ratings) < len(self.judges):
            return None
        return "Accept" if sum(ratings) >= self.cut * len(ratings) else "Reject"


def _whole(rating: object) -> int | None:
    text = as_label(rating)
    return int(text) if text.isascii() and text.isdigit() else None


def _said(status: str, rating: int | None) -> str:
    return status if rating is None else f"{status}, {rating}"


def decide(rule: str, accepted: int, rejected: int, judges: int) -> str | None:
    """The panel's status by votes; None where they do not settle it."""
    if rule == "majority":
        return "Accept" if 2 * accepted > judges else "Reject" if 2 * rejected > judges else None
    if rule == "unanimous":
        return "Reject" if rejected else "Accept" if accepted == judges else None
    return None
