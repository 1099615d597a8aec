"""Alpaca's three keys, and for what they cannot hold those that trainers have added: system, history, pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.conversations.views import Example

NEEDS_VIEW = True


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    system = [t["content"] for t in example.prompt if t["role"] == "system"]
    talk = [t["content"] for t in example.prompt if t["role"] != "system"]
    value: dict[str, Any] = {"instruction": talk[-1] if talk else "", "input": ""}
    if example.rejected is None:
        value["output"] = example.answer[0]["content"]
    else:
        value |= {"chosen": example.answer[0]["content"], "rejected": example.rejected[0]["content"]}
    if system:
        value["system"] = "\n".join(system)
    if len(talk) > 1:
        value["history"] = [[talk[i], talk[i + 1]] for i in range(0, len(talk) - 2, 2)]
    return value
