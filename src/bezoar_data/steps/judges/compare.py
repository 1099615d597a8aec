"""`judge.compare`: a model says which of two answers is better, asked in both orders.

Judges favour a place (mostly the first) whatever stands there, which single questions hide (Zheng et al. 2023, arXiv
2306.05685, section 3.3). Asked in both orders, a verdict that changes with the order shows itself, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, StepGenerator
from bezoar_data.steps.judges.judging import JudgingStep
from bezoar_data.steps.judges.rubric import AnyRubric, ComparisonRubric, Side, shipped
from bezoar_data.steps.judges.scores import read_choice

DEFAULT = "better-answer"
INCONSISTENT = "inconsistent"

_NAMED: dict[bool, dict[Side, str]] = {
    False: {"first": "a", "second": "b", "tie": "tie"},
    True: {"first": "b", "second": "a", "tie": "tie"},
}


class JudgeCompare(JudgingStep):
    """Have a model say which of two answers is better, asked once in each order.

    Writes `judge_preference`: "a" or "b" where both orders agree on that one, "tie" where both call it a tie, and
    "inconsistent" where the verdict changes with the order. `judge_order_ab` and `judge_order_ba` hold what was said
    when a or b stood first ("a", "b" or "tie"), `judge_preference_reason` the reason given when a stood first. A row
    whose verdicts are never readable stays, with empty columns.
    """

    use: ClassVar[str] = "judge.compare"
    version: ClassVar[int] = 2
    judges: ClassVar[Literal["accept", "attributes", "compare"]] = "compare"
    rubrics: ClassVar[type[AnyRubric]] = ComparisonRubric
    request: ClassVar[str] = "Compare the two responses by the rubric. Reply with the JSON object only."
    spelled: ClassVar[dict[str, str]] = {"llm": "model", "judge": "as"}
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "{a}", "{b}", "{system}", "{reference}")
    writes: ClassVar[tuple[str, ...]] = (
        "{judge}_preference",
        "{judge}_order_ab",
        "{judge}_order_ba",
        "{judge}_preference_reason",
    )
    types: ClassVar[Mapping[str, str]] = {
        "{judge}_preference": "text",
        "{judge}_order_ab": "text",
        "{judge}_order_ba": "text",
        "{judge}_preference_reason": "text",
    }
    example: ClassVar[str] = "- use: judge.compare\n  with: {model: judge, a: response_a, b: response_b}\n"

    judge: str = Field(
        default="judge", pattern=r"^[a-z][a-z0-9_]*$", description="The judge's name, which the columns begin with."
    )
    a: str = Field(default="response_a", min_length=1, description="The column that holds one answer.")
    b: str = Field(default="response_b", min_length=1, description="The column that holds the other answer.")
    instruction: str = Field(default="prompt", min_length=1, description="The column that holds what was asked.")
    system: str = Field(default="", description='The column of system messages; "" for none.')
    reference: str = Field(default="", description='The column of reference answers; "" for none.')
    rubric: str = Field(
        default=DEFAULT,
        description="What to compare by: the name of a shipped rubric, or a rubric file.",
        json_schema_extra={
            "path": "input",
            "names": [*shipped(ComparisonRubric)],
            "form": "bezoar_data.steps.judges.rubric:ComparisonRubric.read",
        },
    )

    def run_row(self, row: Row) -> StepGenerator:
        said: list[str] = []
        reasons: list[str] = []
        for swapped in (False, True):
            first, second = (self.b, self.a) if swapped else (self.a, self.b)
            messages = self.messages(
                row,
                system_message=self.system,
                instruction=self.instruction,
                first_response=first,
                second_response=second,
                reference=self.reference,
            )
            choice = yield from self.verdict(messages, read_choice)
            if isinstance(choice, Dropped):
                return self.unjudged(row, choice)
            said.append(_NAMED[swapped][choice.better])
            reasons.append(choice.reason)
        preference = said[0] if said[0] == said[1] else INCONSISTENT
        values = (preference, *said, reasons[0])
        return Kept(row.with_columns(**dict(zip(self.outputs, values, strict=True))))
