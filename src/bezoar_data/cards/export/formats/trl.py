"""TRL's conversational types: `prompt` and `completion` where one answer is learnt, `messages` of a whole dialogue, and
`prompt`, `chosen` and `rejected` of a pair, with the `margin` that its reward trainer reads.

TRL trains on the completion alone. `tools` are JSON text, and so are the arguments of calls: `datasets` would give all
of them the keys of all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.held import MARGIN, REASONING, TOOLS, CannotHold
from bezoar_data.runs.conversations.views import Example

HOLDS = TOOLS | {REASONING, MARGIN}


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    tools = {"tools": json.dumps(example.tools, ensure_ascii=False)} if example.tools else {}
    if example.rejected is None and any(turn["role"] == "assistant" for turn in example.prompt):
        return {"messages": example.messages, **tools}
    # TRL takes what follows a prompt for the assistant's turn, and goes on in one that is the assistant's already.
    if example.prompt[-1]["role"] == "assistant":
        raise CannotHold("turns_in_a_row", "two turns of the assistant in a row at the end")
    if example.prompt[-1]["role"] == "system":
        raise CannotHold("system_turns", "a system message stands before the answer")
    if example.rejected is None:
        return {"prompt": example.prompt, "completion": example.answer, **tools}
    margin = {} if example.margin is None else {"margin": example.margin}
    return {"prompt": example.prompt, "chosen": example.answer, "rejected": example.rejected, **margin, **tools}
