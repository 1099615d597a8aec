"""TRL's conversational types: `prompt` and `completion` of a question with its answer, `messages` of a whole dialogue,
and `prompt`, `chosen` and `rejected` of a pair, with the `margin` that its reward trainer reads.

TRL trains on the completion alone, and on all of a dialogue unless `assistant_only_loss` says otherwise. `tools` are
JSON text, and so are the arguments of calls: `datasets` would give all of them the keys of all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.held import MARGIN, REASONING, TOOLS, CannotHold
from bezoar_data.runs.conversations.views import Example

HOLDS = TOOLS | {REASONING, MARGIN}


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    # TRL takes what follows a prompt for the assistant's turn, and goes on in one that is the assistant's already.
    if example.prompt[-1]["role"] == "assistant":
        raise CannotHold("turns_in_a_row", "two turns of the assistant in a row at the end")
    if example.prompt[-1]["role"] == "system":
        raise CannotHold("system_turns", "a system message comes before the answer")
    if example.rejected is None:
        return {"prompt": example.prompt, "completion": example.answer, **_tools(example)}
    sides = {"chosen": example.answer, "rejected": example.rejected}
    margin = {} if example.margin is None else {"margin": example.margin}
    return {"prompt": example.prompt, **sides, **margin, **_tools(example)}


def convert_dialogue(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    return {"messages": example.messages, **_tools(example)}


def _tools(example: Example) -> dict[str, str]:
    return {"tools": json.dumps(example.tools, ensure_ascii=False)} if example.tools else {}
