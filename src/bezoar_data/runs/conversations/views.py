"""A row as training text, read by a view of its card: the one function for exports, training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from bezoar_data.config.files.card_front_matter import RATED
from bezoar_data.measures.words import is_blank
from bezoar_data.runs.conversations.spellings import CONTENT_KEYS, ROLE_KEYS
from bezoar_data.runs.conversations.turns import Turn, Turns, Unread, from_json, read_tools, read_turns
from bezoar_data.runs.values import as_json_text


@dataclass(frozen=True, slots=True)
class Example:
    """Turns before the answer, the answer, which is the assistant's last turn, and for a pair the worse one."""

    prompt: Turns
    answer: Turns
    rejected: Turns | None = None
    margin: float | None = None
    tools: list[Turn] | None = None
    """What the assistant may call, in OpenAI's form."""
    ratings: Mapping[str, float | None] | None = None
    """Of a rated answer, by attribute; None where it was not rated for one."""

    @property
    def messages(self) -> Turns:
        return [*self.prompt, *self.answer]

    @property
    def worse(self) -> Turns:
        """The conversation that ends in a pair's worse answer."""
        return [*self.prompt, *(self.rejected or ())]


class _Bad(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        self.unread = Unread(reason, detail)


def kind_of(view: Mapping[str, str]) -> str:
    """The kind of a view, by its parts."""
    if any(role.startswith(RATED) for role in view):
        return "rating"
    return "messages" if "messages" in view else "preference" if "chosen" in view else "sft"


def read_view(kind: str, parts: Mapping[str, Any], *, roles: Mapping[str, str] | None = None) -> Example | Unread:
    """The row as turns. `parts` are the values of the view's columns by what they are to it; `roles` as in
    `read_turns`.

    A side that is a whole dialogue, its prompt included, is read as one, and the prompt stands once. Beside the reasons
    of `read_turns` there are `empty` (no prompt, or no answer), `no_reply` (it does not end with the assistant),
    `prompts_differ` (the prompt is not in the dialogue that follows it), `history` (the two sides of a pair differ
    before the last turn), `identical` (they differ nowhere), `margin`, `rating` (it, or one, is not a number).
    """
    try:
        tools = _good(read_tools(parts.get("tools")), "tools")
        system = _turns(parts, "system", "system", roles)
        if kind == "messages":
            whole = _turns({"messages": from_json(parts.get("messages"))}, "messages", "user", roles)
            return _example(_with_system(system, whole), tools)
        asked = _with_context(_turns(parts, "prompt", "user", roles), parts.get("context"))
        prompt = _with_system(system, asked)
        sides = _sides(parts) if kind == "preference" else {"response": parts.get("response")}
        wholes = [_whole(prompt, _turns(sides, side, "assistant", roles), side) for side in sides]
        if kind == "preference":
            return _pair(wholes[0], wholes[1], parts.get("margin"), tools)
        return _example(wholes[0], tools, _ratings(parts) if kind == "rating" else None)
    except _Bad as bad:
        return bad.unread


def _good(found: Any, part: str) -> Any:
    if isinstance(found, Unread):
        raise _Bad(found.reason, f"{part}: {found.detail}")
    return found


def _turns(parts: Mapping[str, Any], part: str, role: str, roles: Mapping[str, str] | None) -> Turns:
    found: Turns = _good(read_turns(_from_file(parts.get(part)), role, roles=roles), part)
    return found


def _sides(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The sides of a pair. Beside a side of turns, the text of an empty list is a side without turns, as it stands in a
    column that is written as JSON text."""
    sides = {side: _from_file(parts.get(side)) for side in ("chosen", "rejected")}
    turns = any(isinstance(value, list) for value in sides.values())
    return {side: [] if turns and value == "[]" else value for side, value in sides.items()}


def _from_file(value: Any) -> Any:
    """A place that holds texts in one row and turns, or parts of a turn, in another is written as JSON text: what is
    exactly that, to the last sign, is read as what it was."""
    turns = _unwritten(value, ROLE_KEYS)
    return [_turn_from_file(turn) for turn in turns] if isinstance(turns, list) else turns


def _turn_from_file(turn: Any) -> Any:
    key = next((key for key in CONTENT_KEYS if isinstance(turn, dict) and key in turn), None)
    if key is None or (parts := _unwritten(turn[key], ("type",))) is turn[key]:
        return turn
    return {**turn, key: parts}


def _unwritten(value: Any, keys: Sequence[str]) -> Any:
    found = from_json(value)
    if found is value or not isinstance(found, list) or not found or as_json_text(found) != value:
        return value
    return found if all(isinstance(one, dict) and any(key in one for key in keys) for one in found) else value


def _with_context(prompt: Turns, context: Any) -> Turns:
    """The prompt with a text that belongs to it after a blank line."""
    if context is None or (isinstance(context, str) and is_blank(context)) or not prompt:
        return prompt
    if not isinstance(context, str):
        raise _Bad("not_text", "the context is not text")
    return [*prompt[:-1], {**prompt[-1], "content": f"{prompt[-1]['content']}\n\n{context}"}]


def _with_system(system: Turns, turns: Turns) -> Turns:
    """The system's message before the turns, unless it stands there."""
    if turns[: len(system)] and all(map(_alike, system, turns)):
        return turns
    if system and turns and turns[0]["role"] == "system":
        raise _Bad("prompts_differ", "there are two system messages, in a column and in the turns")
    return [*system, *turns]


def _whole(prompt: Turns, side: Turns, part: str) -> Turns:
    """The dialogue of an answer: the prompt and what follows it, or the answer alone where that repeats the prompt."""
    if not side:
        raise _Bad("empty", f"nothing in {part}")
    if side[-1]["role"] != "assistant":
        raise _Bad("no_reply", f"{part} ends with the {side[-1]['role']}'s turn")
    system = [turn for turn in prompt if turn["role"] == "system"]
    asked = [turn for turn in prompt if turn["role"] != "system"]
    if not asked or _holds(side[:-1], asked):
        return _with_system(system, side)
    if side[0]["role"] == "assistant":
        return [*prompt, *side]
    hint = "" if part == "response" else "; leave `prompt` out of the view to take the dialogues' own"
    raise _Bad("prompts_differ", f"the prompt is not in the dialogue in {part}{hint}")


def _holds(turns: Turns, some: Turns) -> bool:
    """Whether some turns stand in others, in a row."""
    talk = [turn for turn in turns if turn["role"] != "system"]
    starts = range(len(talk) - len(some) + 1)
    return any(all(map(_alike, talk[start:], some)) for start in starts)


def _alike(one: Turn, other: Turn) -> bool:
    """Whether two turns say the same, white space aside."""
    words = [" ".join(turn["content"].split()) for turn in (one, other)]
    keys = ("role", "name", "tool_calls", "tool_call_id")
    return words[0] == words[1] and all(one.get(key) == other.get(key) for key in keys)


def _example(whole: Turns, tools: list[Turn] | None, ratings: Mapping[str, float | None] | None = None) -> Example:
    if not whole:
        raise _Bad("empty", "there are no turns")
    if whole[-1]["role"] != "assistant":
        raise _Bad("no_reply", f"it ends with the {whole[-1]['role']}'s turn")
    _check_asked(whole)
    return Example(whole[:-1], whole[-1:], tools=tools, ratings=ratings)


def _check_asked(whole: Turns) -> None:
    if not any(turn["role"] in ("user", "tool") for turn in whole[:-1]):
        raise _Bad("empty", "nothing is asked: there is no prompt")


def _pair(better: Turns, worse: Turns, margin: Any, tools: list[Turn] | None) -> Example:
    _check_asked(better)
    _check_asked(worse)
    before = min(len(better), len(worse)) - 1
    if len(better) != len(worse) or not all(map(_alike, better[:before], worse[:before])):
        raise _Bad("history", "the sides differ before the last turn")
    if _said(better[-1]) == _said(worse[-1]):
        raise _Bad("identical", "both answers say the same")
    return Example(better[:-1], better[-1:], worse[-1:], _number(margin, "margin"), tools)


def _ratings(parts: Mapping[str, Any]) -> dict[str, float | None]:
    rated = {role.removeprefix(RATED): value for role, value in parts.items() if role.startswith(RATED)}
    return {name: _number(value, "rating") for name, value in rated.items()}


def _said(turn: Turn) -> Turn:
    return {key: value for key, value in turn.items() if key != "weight"}


def _number(value: Any, what: str) -> float | None:
    if value is None or (isinstance(value, str) and is_blank(value)):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        found = Decimal("nan")
    if isinstance(value, bool) or not found.is_finite():
        raise _Bad(what, f"the {what} is not a number: {str(value)[:40]}")
    return float(found)
