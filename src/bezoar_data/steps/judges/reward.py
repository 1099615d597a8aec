"""`judge.reward`: a reward model scores each answer with its own numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from bezoar_data.llms.ask import Ask, Refused
from bezoar_data.runs.conversations.turns import Unread
from bezoar_data.runs.conversations.views import read_view
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, ModelStep, StepGenerator
from bezoar_data.steps.placeholders import Words
from bezoar_data.steps.verdicts import refused

_NUMBERS = {"type": "object", "additionalProperties": {"type": "number"}}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"reward": {"type": "number"}, "scores": _NUMBERS},
    "required": ["reward", "scores"],
}


class JudgeReward(ModelStep):
    """Have a reward model (`provider: reward`) score each answer.

    Writes `reward`, one number, higher for better, and `reward_scores`, the model's number for each of its attributes.
    With `as: mine` both begin with `mine_`. A row whose conversation cannot be read, or that is longer than the model
    takes, stays, with empty columns. The numbers of a model that was trained on pairs have no scale: they rank answers
    to one prompt, as `pairs.best_worst` with `score: reward` does, and say nothing of one answer alone.
    """

    use: ClassVar[str] = "judge.reward"
    version: ClassVar[int] = 1
    spelled: ClassVar[dict[str, str]] = {"llm": "model", "judge": "as"}
    reads: ClassVar[tuple[str, ...]] = ("{prompt}", "{response}", "{system}")
    writes: ClassVar[tuple[str, ...]] = ("{judge:_}reward", "{judge:_}reward_scores")
    types: ClassVar[Mapping[str, str]] = {"{judge:_}reward": "number", "{judge:_}reward_scores": "record"}
    example: ClassVar[str] = "- use: judge.reward\n  with: {model: judge}\n"

    judge: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9_]*)?$",
        description='The judge\'s name, which the columns begin with; "" for none.',
    )
    prompt: str = Field(default="prompt", min_length=1, description="The column of what was asked: text or messages.")
    response: str = Field(default="response", min_length=1, description="The column of the answer: text or messages.")
    system: str = Field(default="", description='The column of system messages; "" for none.')

    def keep_rate(self) -> tuple[float, float]:
        return 1.0, 1.0

    def placeholder(self, ask: Ask, words: Words) -> str:
        return json.dumps({"reward": 0.0, "scores": {}})

    def run_row(self, row: Row) -> StepGenerator:
        columns = {"prompt": self.prompt, "response": self.response, "system": self.system}
        read = read_view("sft", {part: row[column] for part, column in columns.items() if column})
        if isinstance(read, Unread):
            return self._unscored(row, Dropped(read.reason, read.detail, failed=True))
        messages = [{"role": turn["role"], "content": turn["content"]} for turn in read.messages]
        try:
            answer = yield Ask(messages, schema=SCHEMA)
        except Refused as error:
            return self._unscored(row, refused(error))
        found = _read(answer.text)
        if found is None:
            return self._unscored(row, Dropped("unreadable_verdict", raw=answer.text, failed=True))
        return Kept(row.with_columns(**dict(zip(self.outputs, found, strict=True))))

    def _unscored(self, row: Row, why: Dropped) -> Kept:
        return Kept(row.with_columns(**dict.fromkeys(self.outputs)), soft_failure=why)


def _read(text: str) -> tuple[float, dict[str, float]] | None:
    """The reward and the scores in an answer; None where there are none."""
    try:
        said = json.loads(text)
        reward, scores = float(said["reward"]), {str(name): float(one) for name, one in said["scores"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return (reward, scores) if all(map(math.isfinite, (reward, *scores.values()))) else None
