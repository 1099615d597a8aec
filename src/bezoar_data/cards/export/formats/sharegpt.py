"""ShareGPT's conversations of `{"from", "value"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.runs.conversations.views import Example

NEEDS_VIEW = True
_ROLES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    if example.rejected is None:
        return {"conversations": _turns([*example.prompt, *example.answer])}
    sides = {"chosen": _turns(example.answer)[0], "rejected": _turns(example.rejected)[0]}
    return {"conversations": _turns(example.prompt), **sides}


def _turns(turns: Turns) -> Turns:
    return [{"from": _ROLES.get(t["role"], t["role"]), "value": t["content"]} for t in turns]
