"""`judge.attributes`: a model scores each answer on HelpSteer2's attributes.

HelpSteer2: Open-source dataset for training top-performing reward models (Wang et al. 2024, arXiv 2406.08673): five
attributes from 0 to 4, which people gave there, and 0.65 helpfulness + 0.8 correctness + 0.45 coherence as the one
number by which its authors chose and rejected responses for DPO and rewarded them in PPO ("goodness").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from bezoar_data.measures.ratings import GOODNESS
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, StepGenerator
from bezoar_data.steps.distilabel_task import AskOnceTask
from bezoar_data.steps.judges.judging import JudgingStep
from bezoar_data.steps.judges.rubric import ATTRIBUTES, AnyRubric, AttributeRubric, shipped
from bezoar_data.steps.judges.scores import Scores, read_scores

DEFAULT = "helpsteer2"

_DIGITS = 6


class JudgeAttributes(JudgingStep, AskOnceTask):
    """Have a model score each answer on HelpSteer2's five attributes, and say whether it is safe.

    Writes `helpfulness`, `correctness`, `coherence`, `complexity` and `verbosity` (whole numbers from 0 to 4, as in the
    released data), `safety` ("pass" or "fail"), `goodness` (the attributes weighted into one number; 0 to 7.6 with
    HelpSteer2's weights) and `attributes_reason`. With `as: gpt4` each name begins with `gpt4_`, so that several
    judges, or a judge and people, stand side by side. A row whose scores are never readable stays, with empty columns.

    Rows are judged one response each, as HelpSteer2 is released: `unfold` makes such rows out of rows with several.
    """

    use: ClassVar[str] = "judge.attributes"
    version: ClassVar[int] = 2
    judges: ClassVar[Literal["accept", "attributes", "compare"]] = "attributes"
    rubrics: ClassVar[type[AnyRubric]] = AttributeRubric
    request: ClassVar[str] = "Score the response by the rubric. Reply with the JSON object only."
    spelled: ClassVar[dict[str, str]] = {"llm": "model", "judge": "as"}
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "{response}", "{system}", "{reference}")
    writes: ClassVar[tuple[str, ...]] = (
        "{judge:_}helpfulness",
        "{judge:_}correctness",
        "{judge:_}coherence",
        "{judge:_}complexity",
        "{judge:_}verbosity",
        "{judge:_}safety",
        "{judge:_}goodness",
        "{judge:_}attributes_reason",
    )
    types: ClassVar[Mapping[str, str]] = {
        **{f"{{judge:_}}{name}": "integer" for name in ATTRIBUTES},
        "{judge:_}safety": "text",
        "{judge:_}goodness": "number",
        "{judge:_}attributes_reason": "text",
    }
    example: ClassVar[str] = "- use: judge.attributes\n  with: {model: judge}\n"

    judge: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9_]*)?$",
        description='The judge\'s name, which the columns begin with; "" for the plain names of HelpSteer2.',
    )
    instruction: str = Field(default="prompt", min_length=1, description="The column that holds what was asked.")
    response: str = Field(default="response", min_length=1, description="The column that holds the answer.")
    system: str = Field(default="", description='The column of system messages; "" for none.')
    reference: str = Field(default="", description='The column of reference answers; "" for none.')
    rubric: str = Field(
        default=DEFAULT,
        description="What the levels mean: the name of a shipped rubric, or a rubric file.",
        json_schema_extra={
            "path": "input",
            "names": [*shipped(AttributeRubric)],
            "form": "bezoar_data.steps.judges.rubric:AttributeRubric.read",
        },
    )
    weights: dict[str, float] = Field(
        default=dict(GOODNESS), description="What each attribute counts in `goodness`; HelpSteer2's by default."
    )

    @field_validator("weights")
    @classmethod
    def _known(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = [name for name in weights if name not in ATTRIBUTES]
        if unknown or not weights:
            what = f"'{unknown[0]}' is not an attribute" if unknown else "there is no weight"
            raise ValueError(f"{what}: known are {', '.join(ATTRIBUTES)}")
        return weights

    def run_row(self, row: Row) -> StepGenerator:
        messages = self.messages(
            row,
            system_message=self.system,
            instruction=self.instruction,
            response=self.response,
            reference=self.reference,
        )
        scores = yield from self.verdict(messages, read_scores)
        return self.unjudged(row, scores) if isinstance(scores, Dropped) else self._scored(row, scores)

    def _scored(self, row: Row, scores: Scores) -> Kept:
        values = {
            **scores.attributes,
            "safety": None if scores.safe is None else "pass" if scores.safe else "fail",
            "goodness": goodness(scores.attributes, self.weights),
            "attributes_reason": scores.reason,
        }
        return Kept(row.with_columns(**dict(zip(self.outputs, values.values(), strict=True))))


def goodness(attributes: Mapping[str, float], weights: Mapping[str, float] = GOODNESS) -> float:
    """The attributes as one number: their weighted sum."""
    return round(sum(weight * attributes[name] for name, weight in weights.items()), _DIGITS)
