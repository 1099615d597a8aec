"""Conversations of `{"role", "content"}`, as chat templates and TRL read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.conversations.views import Example

NEEDS_VIEW = True


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    if example.rejected is None:
        return {"messages": [*example.prompt, *example.answer]}
    pair: dict[str, Any] = {"prompt": example.prompt, "chosen": example.answer, "rejected": example.rejected}
    return pair if example.margin is None else {**pair, "margin": example.margin}
