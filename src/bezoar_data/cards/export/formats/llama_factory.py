"""LLaMA-Factory's ShareGPT layout, and the `dataset_info.json` that tells it how to read the files: the folder is its
`dataset_dir`, and `dataset: NAME` the training rows. (data/README.md and src/llamafactory/data/converter.py of it)

Human and observation stand in odd places, gpt and function_call in even ones; anything else it skips with a warning.
The first system message and the tools are columns, which every row has. Reasoning stands before an answer as LLaMA-
Factory wants it: `<think>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.formats import Files
from bezoar_data.cards.export.formats.sharegpt import HOLDS as _HOLDS
from bezoar_data.cards.export.formats.sharegpt import sharegpt_turn
from bezoar_data.cards.export.held import REASONING, CannotHold, alternating, system_and_rest
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.conversations.turns import Turn
from bezoar_data.runs.conversations.views import Example

HOLDS = _HOLDS | {REASONING}
INFO = "dataset_info.json"


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    system, talk = system_and_rest(example.prompt)
    turns = [_turn(turn) for turn in alternating([*talk, *example.answer])]
    value: dict[str, Any] = {"conversations": turns}
    if example.rejected is not None:
        value = {"conversations": turns[:-1], "chosen": turns[-1], "rejected": _turn(example.rejected[0])}
    tools = json.dumps(example.tools, ensure_ascii=False) if example.tools else ""
    return {**value, "system": system, "tools": tools}


def _turn(turn: Turn) -> dict[str, str]:
    thought = turn.get(REASONING)
    if thought is None:
        return sharegpt_turn(turn)
    if turn["role"] != "assistant":
        raise CannotHold("reasoning", "a turn that is not the assistant's has reasoning")
    thinking = f"<think>\n{thought}\n</think>\n\n"
    return sharegpt_turn(turn, thinking + turn["content"])


def beside(files: Files) -> Mapping[str, str]:
    """The description of the files, among those that stand there of other datasets."""
    there = files.read(INFO)
    try:
        described = json.loads(there) if there else {}
    except ValueError:
        described = None
    if not isinstance(described, dict):
        place = Place(str(files.folder / INFO))
        raise InputError(Problem("bad-out", "this is not a description of datasets", place, "name another --out"))
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    entry: dict[str, Any] = {"formatting": "sharegpt"}
    if files.kind == "preference":
        entry["ranking"] = True
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    for split, file in files.by_split.items():
        name = files.name if split == "train" or len(files.by_split) == 1 else f"{files.name}_{split}"
        described[name] = {"file_name": file, **entry, "columns": columns}
    return {INFO: json.dumps(described, indent=2, ensure_ascii=False) + "\n"}
