"""ShareGPT's conversations of `{"from", "value"}`. Calls of tools are turns of their own, as in LLaMA-Factory's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.held import TOOLS, CannotHold
from bezoar_data.runs.conversations.turns import Turn
from bezoar_data.runs.conversations.views import Example

HOLDS = TOOLS - {"name", "tool_call_id"}
_ROLES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    tools = {"tools": json.dumps(example.tools, ensure_ascii=False)} if example.tools else {}
    if example.rejected is None:
        return {"conversations": [sharegpt_turn(turn) for turn in example.messages], **tools}
    sides = {"chosen": sharegpt_turn(example.answer[0]), "rejected": sharegpt_turn(example.rejected[0])}
    return {"conversations": [sharegpt_turn(turn) for turn in example.prompt], **sides, **tools}


def sharegpt_turn(turn: Turn, said: str | None = None) -> dict[str, str]:
    """The turn, with `said` in the place of what it says. Raises `CannotHold`."""
    content = turn["content"] if said is None else said
    if "tool_calls" not in turn:
        return {"from": _ROLES[turn["role"]], "value": content}
    if turn["content"].strip():
        raise CannotHold("text_beside_calls", "an assistant says something in the turn that calls a tool")
    calls = [_call(call["function"]) for call in turn["tool_calls"]]
    return {
        "from": "function_call",
        "value": content + json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False),
    }


def _call(function: Mapping[str, Any]) -> dict[str, Any]:
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        raise CannotHold("tool_calls", "the arguments of a call are not JSON") from None
    return {"name": function["name"], "arguments": arguments}
