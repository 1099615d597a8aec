"""`judge.accept`: a model judges each answer, and its verdict stays with the row.

The columns are those of the published OpenBezoar data (`gpt4_status`, `gpt4_rating`, `gpt4_reason`): judged rows are
kept whatever the verdict, and training selects by it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt, PrivateAttr

from bezoar_data.llms.ask import Ask, Message
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, ModelStep, Turns
from bezoar_data.steps.judges.blocks import blocks
from bezoar_data.steps.judges.rubric import DEFAULT, NAMES, Rubric, load_rubric
from bezoar_data.steps.judges.verdict import Unreadable, read_verdict

_REQUEST = "Judge the response by the rubric. Reply with the JSON object only."
_LONGEST_QUOTE = 2000


class JudgeAccept(ModelStep):
    """Have a model accept or reject each answer, with a rating and a reason.

    The judge sees the instruction and the response, and the system message and a reference answer where there are
    any, under a rubric. It is asked for JSON; an answer that holds no clear verdict is asked for again with what was
    wrong with it, and a row that never gets one is dropped as `unparsable_verdict`, with the judge's words. The column
    settings fit the Orca scheme; set them for others, and set `system` or `reference` to "" to judge without.
    """

    use: ClassVar[str] = "judge.accept"
    version: ClassVar[int] = 1
    spelled: ClassVar[dict[str, str]] = {"llm": "model", "judge": "as"}
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "{response}", "{system}", "{reference}")
    writes: ClassVar[tuple[str, ...]] = ("{judge}_status", "{judge}_rating", "{judge}_reason")
    example: ClassVar[str] = "- use: judge.accept\n  with: {model: judge, as: gpt4}\n"

    judge: str = Field(
        default="gpt4",
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
        json_schema_extra={"path": "input", "names": [*NAMES]},
    )
    retries: NonNegativeInt = Field(default=2, description="How often an unclear verdict is asked for again.")

    _rubric: Rubric | None = PrivateAttr(default=None)
    _instructions: str = PrivateAttr(default="")

    def load(self) -> None:
        super().load()
        self._loaded()

    def run_row(self, row: Row) -> Turns:
        rubric = self._loaded()
        asked = self._messages(row)
        messages = asked
        said = ""
        fault = ""
        for attempt in range(self.retries + 1):
            answer = yield Ask(messages, schema=rubric.verdict_schema(), attempt=attempt)
            said = answer.text
            try:
                verdict = read_verdict(said, rubric.ratings)
            except Unreadable as unreadable:
                fault = str(unreadable)
                messages = (*asked, *_correction(said, fault))
            else:
                values = {"status": verdict.status, "rating": str(verdict.rating), "reason": verdict.reason}
                return Kept(row.with_columns(**{f"{self.judge}_{k}": v for k, v in values.items()}))
        return Dropped("unparsable_verdict", fault, raw=said, failed=True)

    def _messages(self, row: Row) -> tuple[Message, ...]:
        def text(column: str) -> str:
            value = row.get(column) if column else None
            return "" if value is None else str(value)

        material = blocks(text(self.instruction), text(self.response), text(self.system), text(self.reference))
        return (
            {"role": "system", "content": self._instructions},
            {"role": "user", "content": f"{material}\n\n{_REQUEST}"},
        )

    def _loaded(self) -> Rubric:
        if self._rubric is None:
            self._rubric = load_rubric(self.rubric)
            self._instructions = self._rubric.instructions()
        return self._rubric


def _correction(said: str, fault: str) -> tuple[dict[str, Any], ...]:
    again = {"role": "user", "content": f"That verdict cannot be used: {fault}. {_REQUEST}"}
    if not said.strip():
        # Some providers refuse an empty assistant turn.
        return ()
    return ({"role": "assistant", "content": said[:_LONGEST_QUOTE]}, again)
