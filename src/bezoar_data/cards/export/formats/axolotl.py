"""axolotl's `chat_template` type, and the entries of its configuration that read the files: `datasets.yaml`, whose text
goes into the configuration. (docs/dataset-formats/conversation.qmd and docs/rlhf.qmd of it)

Of pairs it reads who says what and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.export.formats import Files
from bezoar_data.cards.export.held import REASONING, TOOLS, WEIGHT
from bezoar_data.runs.conversations.turns import Turn
from bezoar_data.runs.conversations.views import Example

HOLDS = TOOLS | {REASONING, WEIGHT}
PAIR_HOLDS = frozenset[str]()

_CONVERSATIONS = "    type: chat_template\n    field_messages: messages\n    message_field_training: train\n"
_PAIRS = (
    "    type: chat_template.default\n    field_messages: messages\n    field_chosen: chosen\n"
    "    field_rejected: rejected\n"
)


def convert(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    if example.rejected is not None:
        return {"messages": example.prompt, "chosen": example.answer[0], "rejected": example.rejected[0]}
    # As JSON text: `datasets` would give all tools the keys of all others.
    tools = {"tools": json.dumps(example.tools, ensure_ascii=False)} if example.tools else {}
    return {"messages": [_turn(turn) for turn in example.messages], **tools}


def _turn(turn: Turn) -> dict[str, Any]:
    if WEIGHT not in turn:
        return turn
    return {**{key: value for key, value in turn.items() if key != WEIGHT}, "train": bool(turn[WEIGHT])}


def beside(files: Files) -> Mapping[str, str]:
    pairs = files.kind == "preference"
    how = _PAIRS if pairs else _CONVERSATIONS
    lines = ["# For axolotl's configuration; paths are as from the folder that the export was called in.\n"]
    lines += ["rl: dpo\n"] if pairs else []
    first = next(iter(files.by_split)) if "train" not in files.by_split else "train"
    for key, splits in (("datasets", [first]), ("test_datasets", [s for s in files.by_split if s != first])):
        lines += [f"{key}:\n"] if splits else []
        for split in splits:
            path = json.dumps((files.folder / files.by_split[split]).as_posix(), ensure_ascii=False)
            lines.append(f"  - path: {path}\n    ds_type: json\n    split: train\n{how}")
    return {"datasets.yaml": "".join(lines)}
