"""`judge.accept`: a model judges each answer, and its verdict stays with the row.

The columns are called after the judge, `judge_status`, `judge_rating` and `judge_reason` by default; with `as: gpt4`
and `rating: text` they are those of the published OpenBezoar data. Judged rows are kept whatever the verdict, and
training selects by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, StepGenerator
from bezoar_data.steps.distilabel_task import AskOnceTask
from bezoar_data.steps.judges.judging import JudgingStep
from bezoar_data.steps.judges.rubric import AnyRubric, Rubric, shipped
from bezoar_data.steps.judges.verdict import JudgeVerdict, read_verdict

DEFAULT = "answer-quality"


class JudgeAccept(JudgingStep, AskOnceTask):
    """Have a model accept or reject each answer, with a rating and a reason.

    The judge sees the instruction and the response, and the system message and a reference answer where there are
    any, under a rubric. It is asked for JSON; an answer that holds no clear verdict is asked for again with what was
    wrong with it, and so is one whose reason repeats the rubric, one of its examples or what we found wrong. A row that
    never gets one stays, with empty columns, and counts as failed (`unparsable_verdict`, `parroted_verdict`); its
    lineage keeps the judge's words. Several judges stand side by side under names of their own, see `judge.panel`.

    With `samples`, each row is judged several times and the majority decides; the rating is the median of those of the
    winning side, and all of them stand in a column of their own, so that the judge's agreement with itself is known.

    Ratings are whole numbers, so that `judge_rating >= 3` works; with `rating: text` they are text.

    The column settings fit the Orca scheme; set them for others, and set `system` or `reference` to "" to judge
    without.
    """

    use: ClassVar[str] = "judge.accept"
    version: ClassVar[int] = 4
    judges: ClassVar[Literal["accept", "attributes", "compare"]] = "accept"
    rubrics: ClassVar[type[AnyRubric]] = Rubric
    request: ClassVar[str] = "Judge the response by the rubric. Reply with the JSON object only."
    spelled: ClassVar[dict[str, str]] = {"llm": "model", "judge": "as"}
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "{response}", "{system}", "{reference}")
    writes: ClassVar[tuple[str, ...]] = ("{judge}_status", "{judge}_rating", "{judge}_reason")
    optional_writes: ClassVar[tuple[str, ...]] = ("{judge}_samples",)
    types: ClassVar[Mapping[str, str]] = {
        "{judge}_status": "text",
        "{judge}_rating": "{rating}",
        "{judge}_reason": "text",
        "{judge}_samples": "list",
    }
    example: ClassVar[str] = "- use: judge.accept\n  with: {model: judge}\n"

    judge: str = Field(
        default="judge",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="The judge's name, which the three columns begin with.",
    )
    instruction: str = Field(default="inputs", min_length=1, description="The column that holds what was asked.")
    response: str = Field(default="explained_targets", min_length=1, description="The column that holds the answer.")
    system: str = Field(default="system_message", description='The column of system messages; "" for none.')
    reference: str = Field(default="targets", description='The column of reference answers; "" for none.')
    rubric: str = Field(
        default=DEFAULT,
        description="What to judge by: the name of a shipped rubric, or a rubric file.",
        json_schema_extra={
            "path": "input",
            "names": [*shipped(Rubric)],
            "form": "bezoar_data.steps.judges.rubric:Rubric.read",
        },
    )
    rating: Literal["integer", "text"] = Field(
        default="integer", description="How ratings are written: as numbers, or as text, as in the published data."
    )
    samples: PositiveInt = Field(
        default=1, description="How often each row is judged; an odd number. Needs a temperature above 0."
    )

    @field_validator("samples")
    @classmethod
    def _odd(cls, samples: int) -> int:
        if samples % 2 == 0:
            raise ValueError(f"{samples} verdicts can end in a tie: take an odd number")
        return samples

    def run_row(self, row: Row) -> StepGenerator:
        rubric, _ = self.guide
        messages = self.messages(
            row,
            system_message=self.system,
            instruction=self.instruction,
            response=self.response,
            reference=self.reference,
        )

        def read(said: str, shown: str) -> JudgeVerdict:
            return read_verdict(said, rubric.ratings, shown)

        found = yield from self.verdicts(messages, read, samples=self.samples)
        verdicts = [one for one in found if isinstance(one, JudgeVerdict)]
        chosen = majority(verdicts, self.samples)
        if isinstance(chosen, Dropped):
            unread = next((one for one in found if isinstance(one, Dropped)), chosen)
            return self._with_samples(self.unjudged(row, unread), verdicts)
        values = (chosen.status, self._written(chosen.rating), chosen.reason)
        return self._with_samples(Kept(row.with_columns(**dict(zip(self.outputs, values, strict=True)))), verdicts)

    def _written(self, rating: int) -> int | str:
        return str(rating) if self.rating == "text" else rating

    def _with_samples(self, kept: Kept, verdicts: Sequence[JudgeVerdict]) -> Kept:
        if self.samples == 1:
            return kept
        said = [{"status": v.status, "rating": self._written(v.rating), "reason": v.reason} for v in verdicts]
        return Kept({**kept.columns, f"{self.judge}_samples": said}, kept.soft_failure)


def majority(verdicts: Sequence[JudgeVerdict], asked: int) -> JudgeVerdict | Dropped:
    """The verdict of more than half of those asked for: unreadable ones are not votes, but count.

    The rating is the median of the winning side's (the lower one of two), the reason that of its first verdict nearest
    to that rating.
    """
    votes = Counter(v.status for v in verdicts)
    status, count = votes.most_common(1)[0] if votes else ("Reject", 0)
    if 2 * count <= asked:
        return Dropped("no_majority", f"{count} of {asked} verdicts", failed=True)
    winners = [v for v in verdicts if v.status == status]
    rating = sorted(v.rating for v in winners)[(len(winners) - 1) // 2]
    return JudgeVerdict(status, rating, next(v.reason for v in winners if v.rating == rating))
