"""What a format holds of a conversation beside who says what, and what becomes of the rest.

A row that means something a format cannot say is left out as a whole and counted: a call of a tool cut out of a
dialogue makes the dialogue a lie. What says nothing to a model, such as an id, is cut out and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from bezoar_data.runs.conversations.turns import Turn, Turns
from bezoar_data.runs.conversations.views import Example

EVERYTHING = frozenset({"*"})
"""For a format that holds whatever a turn has."""
TOOLS = frozenset({"tools", "tool_calls", "tool_call_id", "name"})
REASONING, WEIGHT, MARGIN = "reasoning_content", "weight", "margin"

_REASONS = {
    "tool_calls": ("tool_calls", "an assistant calls tools"),
    "tools": ("tools", "it has tools that may be called"),
    "name": ("names", "a turn has the name of who speaks"),
    REASONING: ("reasoning", "a turn has its reasoning beside what it says"),
    WEIGHT: ("weights", "it says which turns are learnt"),
}


class CannotHold(Exception):
    """Why a format cannot hold a row: a code that people count by, and what it is in this one."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def held(example: Example, holds: frozenset[str]) -> tuple[Example, set[str]]:
    """The example with what the format holds of it alone, and the names of what was cut out. Raises `CannotHold`."""
    if holds == EVERYTHING:
        return example, set()
    sides = (example.prompt, example.answer, example.rejected or [])
    turns = [turn for side in sides for turn in side]
    if example.tools and "tools" not in holds:
        raise CannotHold(*_REASONS["tools"])
    for turn in turns:
        for key in _meant(turn):
            if key not in holds:
                raise CannotHold(*_REASONS[key])
    cut = {key for turn in turns for key in turn if key not in holds and key not in ("role", "content", WEIGHT)}
    margin = example.margin
    if margin is not None and MARGIN not in holds:
        margin = None
        cut.add(MARGIN)
    kept = holds | {"role", "content"}
    prompt, answer, rejected = ([{k: v for k, v in turn.items() if k in kept} for turn in side] for side in sides)
    return replace(
        example, prompt=prompt, answer=answer, rejected=rejected if example.rejected else None, margin=margin
    ), cut


def _meant(turn: Turn) -> Iterator[str]:
    """What a turn has that a model would learn from, or that says what it learns."""
    if "tool_calls" in turn or turn["role"] == "tool":
        yield "tool_calls"
    if REASONING in turn:
        yield REASONING
    # Of a tool's answer it is the name of the tool, which stands in the call.
    if "name" in turn and turn["role"] != "tool":
        yield "name"
    if turn.get(WEIGHT, int(turn["role"] == "assistant")) != int(turn["role"] == "assistant"):
        yield WEIGHT


def alternating(turns: Iterable[Turn]) -> Turns:
    """Turns after the first system message, which are the user's and the assistant's in turn, the user's first, with
    tools and their answers in the places of assistant and user. Raises `CannotHold`."""
    found: Turns = []
    for turn in turns:
        role = turn["role"]
        if role == "system":
            raise CannotHold("system_turns", "a system message comes after the first turn")
        asks = role in ("user", "tool")
        if asks == (len(found) % 2 == 1):
            reason = "greeting" if not found else "turns_in_a_row"
            detail = "the assistant speaks first" if not found else f"two turns of one side in a row, the last {role}'s"
            raise CannotHold(reason, detail)
        found.append(turn)
    return found


def system_and_rest(turns: Turns) -> tuple[str, Turns]:
    """What the first system message says, empty where there is none, and the turns after it."""
    first: dict[str, Any] = turns[0] if turns else {}
    return (first["content"], turns[1:]) if first.get("role") == "system" else ("", turns)
