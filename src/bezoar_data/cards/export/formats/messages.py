"""OpenAI's messages, as its fine-tuning and chat templates read them: whatever a conversation has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.held import EVERYTHING
from bezoar_data.runs.conversations.views import Example

HOLDS = EVERYTHING


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    tools = {"tools": example.tools} if example.tools else {}
    if example.rejected is None:
        return {"messages": example.messages, **tools}
    margin = {} if example.margin is None else {"margin": example.margin}
    return {"prompt": example.prompt, "chosen": example.answer, "rejected": example.rejected, **margin, **tools}
