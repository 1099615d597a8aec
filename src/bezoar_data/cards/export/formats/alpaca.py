"""Alpaca's three keys, with those that trainers have added: system, history, pairs.

A `history` is pairs of a question and its answer: the user and the assistant speak in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.held import alternating, system_and_rest
from bezoar_data.runs.conversations.views import Example


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    system, talk = system_and_rest(example.prompt)
    said = [turn["content"] for turn in alternating([*talk, *example.answer])]
    value: dict[str, Any] = {"instruction": said[-2], "input": ""}
    if example.rejected is None:
        value["output"] = said[-1]
    else:
        value |= {"chosen": said[-1], "rejected": example.rejected[0]["content"]}
    if system:
        value["system"] = system
    if len(said) > 2:
        value["history"] = [said[i : i + 2] for i in range(0, len(said) - 2, 2)]
    return value
