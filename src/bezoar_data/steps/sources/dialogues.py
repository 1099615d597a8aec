"""Dialogues that were published as one text: taking them apart into messages, and saying what is wrong with them.

Anthropic's HH-RLHF begins a turn with a blank line and `Human:` or `Assistant:`; HelpSteer2 parts the turns of a prompt
with lines `<extra_id_1>User` and `<extra_id_1>Assistant`. Both are texts, so a turn that quotes such a marker cannot be
distinguished from two turns.

A user and an assistant take turns; what an assistant says, calls and is told by tools, to its last word, is one turn of
it. The rules for pairs are those by which cleaned copies of HH-RLHF were made: two dialogues
of equal, even length, whose roles alternate from the user on, without empty turns, equal but for their last one.
"""

from __future__ import annotations

import re
from itertools import groupby

from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.steps.verdicts import Dropped

_HH_TURN = re.compile(r"\n\n(Human|Assistant):")
_HH_ROLES = {"Human": "user", "Assistant": "assistant"}
_HELPSTEER_TURN = re.compile(r"(?<![^\n])<extra_id_1>[ \t]*(Assistant|User)[ \t]*(?:\r?\n|\Z)")
_HELPSTEER_MARK = "<extra_id_"
_HELPSTEER_ROLES = {"User": "user", "Assistant": "assistant"}


def parse_hh(text: str) -> Turns | Dropped:
    """The turns of an HH-RLHF dialogue, white space around each taken off. They may be empty and in any order; text
    before the first turn, or no turn at all, is dropped as `roles`."""
    before, *rest = _HH_TURN.split(text)
    if before.strip():
        return Dropped("roles", f"text before the first turn: {before.strip()[:60]!r}")
    if not rest:
        return Dropped("roles", "no turn in it")
    return [{"role": _HH_ROLES[who], "content": said.strip()} for who, said in zip(rest[::2], rest[1::2], strict=True)]


def parse_helpsteer(prompt: str, *answers: str) -> Turns | Dropped:
    """The turns of a HelpSteer2 prompt, the first of which is the user's, its marker written or not; or the rule that
    it breaks (`check_prompt`). A marker that stands elsewhere, in an answer too, is dropped as `roles`."""
    first, *rest = _HELPSTEER_TURN.split(prompt)
    turns = [{"role": "user", "content": first.strip()}] if first.strip() or not rest else []
    for who, said in zip(rest[::2], rest[1::2], strict=True):
        turns.append({"role": _HELPSTEER_ROLES[who], "content": said.strip()})
    if any(_HELPSTEER_MARK in text for text in (*(turn["content"] for turn in turns), *answers)):
        return Dropped("roles", f"the marker {_HELPSTEER_MARK} is where no turn begins")
    return check_prompt(turns) or turns


def merge_consecutive(turns: Turns) -> Turns:
    """The turns with those of one role in a row made one, a blank line between their texts; empty ones add nothing."""
    merged = []
    for role, group in groupby(turns, key=lambda turn: turn["role"]):
        merged.append({"role": role, "content": "\n\n".join(t["content"] for t in group if t["content"])})
    return merged


def check_dialogue(turns: Turns) -> Dropped | None:
    """The first rule that a dialogue which should end with the assistant breaks: `odd` or `roles`."""
    talk = _exchanges(turns)
    if dropped := _odd(talk) or _roles(talk):
        return dropped
    return Dropped("odd", f"{len(turns)} turns, the last one a tool's") if turns[-1]["role"] == "tool" else None


def _exchanges(turns: Turns) -> Turns:
    """The turns without those that an assistant's turn goes on with: what tools say, and what it says to that."""
    follows = {"tool": ("assistant", "tool"), "assistant": ("tool",)}
    before = [None, *(turn["role"] for turn in turns)]
    return [turn for turn, last in zip(turns, before, strict=False) if last not in follows.get(turn["role"], ())]


def check_prompt(turns: Turns) -> Dropped | None:
    """The same for a dialogue that should end with the user: `even`, `roles` or `empty`."""
    if len(turns) % 2 == 0:
        return Dropped("even", f"{len(turns)} turns, the last one the {turns[-1]['role']}'s")
    return _roles(turns) or _empty(turns)


def check_pair(chosen: Turns, rejected: Turns) -> Dropped | None:
    """The first rule that two dialogues break as a pair: `turn_count`, `odd`, `roles`, `empty`, `history` (they differ
    before the last turn) or `identical` (they do not differ at all)."""
    if len(chosen) != len(rejected):
        return Dropped("turn_count", f"{len(chosen)} turns in chosen, {len(rejected)} in rejected")
    for rule in (_odd, _roles, _empty):
        for side, turns in (("chosen", chosen), ("rejected", rejected)):
            if dropped := rule(turns):
                return Dropped(dropped.reason, f"{side}: {dropped.detail}")
    differs = next((i for i, (a, b) in enumerate(zip(chosen, rejected, strict=True)) if a != b), None)
    if differs is None:
        return Dropped("identical", "both sides say the same")
    if differs < len(chosen) - 1:
        return Dropped("history", f"the sides differ in turn {differs + 1} of {len(chosen)}")
    return None


def _odd(turns: Turns) -> Dropped | None:
    return Dropped("odd", f"{len(turns)} turns, the last one the {turns[-1]['role']}'s") if len(turns) % 2 else None


def _roles(turns: Turns) -> Dropped | None:
    for i, turn in enumerate(turns):
        if turn["role"] != ("user", "assistant")[i % 2]:
            return Dropped("roles", f"turn {i + 1} of {len(turns)} is the {turn['role']}'s")
    return None


def _empty(turns: Turns) -> Dropped | None:
    empty = next((i for i, turn in enumerate(turns) if not turn["content"]), None)
    return None if empty is None else Dropped("empty", f"turn {empty + 1} of {len(turns)} says nothing")
