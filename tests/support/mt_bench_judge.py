"""A scripted judge of MT-Bench, whose verdicts can be worked by hand from a question's number and the answers.

Of the first turn it rates question 81 with 2, 82 with 3, ... 89 with 10 and 90 with 1, and so on by the last digit; of
the second the first category with 1, the next with 2, ... the last with 8. Of two answers it prefers the longer, in the
second turn the shorter, whatever their order; but of questions that end in 3 it prefers what stands first. As the model
"sloppy" it forgets the format for every fifth question, and rates one higher otherwise, up to 10. As the model
"answerer" it answers a question itself.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

CATEGORIES = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
_ANSWER = r"\[The Start of Assistant {side}'s Answer\]\n(.*)\n\[The End of Assistant {side}'s Answer\]"
_SECOND = (
    r"<\|The Start of Assistant {side}'s Conversation with User\|>.*### User:\n.*?### Assistant {side}:\n.*"
    r"### Assistant {side}:\n(.*)\n\n<\|The End of Assistant {side}'s Conversation with User\|>"
)


def judge_completion(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a chat completion that answers a judge's prompt."""
    text = verdict(body["messages"][-1]["content"], body["model"])
    return {
        "object": "chat.completion", "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip


def verdict(prompt: str, model: str) -> str:
    if model == "answerer":
        return "Whatever you say."
    number = next(number for number, first in _questions() if first in prompt)
    turn = 2 if "Conversation with User" in prompt else 1
    sloppy = model == "sloppy"
    if sloppy and number % 5 == 0:
        return "A fine answer, all in all."
    if "Assistant B" in prompt:
        return f"Both are fine. [[{_preferred(prompt, number, turn)}]]"
    rating = number % 10 + 1 if turn == 1 else (number - 81) // 10 + 1
    return f"It is helpful. Rating: [[{min(10, rating + sloppy)}]]"


def _preferred(prompt: str, number: int, turn: int) -> str:
    if number % 10 == 3:
        return "A"
    pattern = _ANSWER if turn == 1 else _SECOND
    found = [re.search(pattern.format(side=side), prompt, re.DOTALL) for side in "AB"]
    a, b = (len(one[1]) for one in found if one is not None)
    if a == b:
        return "C"
    return "A" if (a > b) == (turn == 1) else "B"


@cache
def _questions() -> list[tuple[int, str]]:
    """The number and the first turn of each question, the longest first: one may be part of another."""
    path = Path(os.environ["BEZOAR_TEST_DATA"], "mt_bench", "question.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return sorted(((row["question_id"], row["turns"][0]) for row in rows), key=lambda row: -len(row[1]))
