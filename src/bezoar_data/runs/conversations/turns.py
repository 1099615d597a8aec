"""The one inner form of a conversation: OpenAI's messages, as chat templates and TRL read them.

A turn has a `role` (`system`, `user`, `assistant`, `tool`) and a `content`, a text that is empty only where an
assistant calls tools or a tool has nothing to say. Where they were there, it has `name`, `tool_calls` (OpenAI's, the
arguments as JSON text), `tool_call_id`, `reasoning_content`, `weight` (0: not learnt; 1) and every other key that the
source gave it. A key whose value is null is not a key: in a file, turns have the keys of all others.

What is read is whole or it is `Unread`, with the reason: no turn and no key is cut out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from bezoar_data.measures.words import is_blank
from bezoar_data.runs.conversations.spellings import (
    CALL,
    CONTENT_KEYS,
    LEARNT_KEYS,
    ROLE_KEYS,
    ROLE_OF,
    ROLES,
    TEXT_KEYS,
    TEXT_PARTS,
)

Turn = dict[str, Any]
Turns = list[Turn]


_DEEPEST = 254
"""Levels that orjson writes. Those that an interpreter bears differ with its version, and with where it is called."""
_MAYBE_JSON = re.compile(r"\s*[\[{]")


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a value is not a conversation: a code people count by, and what is wrong with this one.

    `not_turns` (neither text nor a list of turns), `empty` (a turn says nothing), `roles` (a turn has none, or one that
    is not known), `not_text` (a picture, a number), `not_unicode` (half a surrogate pair), `tool_calls`, `tools`,
    `weight` (they cannot be read).
    """

    reason: str
    detail: str = ""


class _Bad(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        self.unread = Unread(reason, detail)


def read_turns(value: Any, role: str, *, roles: Mapping[str, str] | None = None) -> Turns | Unread:
    """A column's value as turns, whatever its spelling: a text is one turn of `role`, a mapping one turn, a list holds
    turns or Alpaca's pairs of question and answer. Null and blank text are not turns.

    `roles` says what more spellings of roles mean.
    """
    try:
        turns = _turns(value, role, {name.strip().casefold(): known for name, known in (roles or {}).items()})
        return turns if is_unicode(turns) else Unread("not_unicode", "it contains half a surrogate pair")
    except _Bad as bad:
        return bad.unread
    except RecursionError:
        return Unread("not_turns", "it is nested too deep")


def from_json(value: Any) -> Any:
    """A value that stands as JSON text, where the text is that of a list or a mapping; else the value as it is."""
    if isinstance(value, str) and _MAYBE_JSON.match(value):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, list | dict) else value
    return value


def read_tools(value: Any) -> list[Turn] | Unread | None:
    """The tools that a conversation may call, in OpenAI's form, from a list or its JSON text; None where there are
    none. LLaMA-Factory's, functions without a `type`, get one."""
    tools = from_json(value)
    if tools is None or tools == [] or (isinstance(tools, str) and is_blank(tools)):
        return None
    tools = [tools] if isinstance(tools, Mapping) else tools
    if not isinstance(tools, list) or not all(isinstance(tool, Mapping) and tool for tool in tools):
        return Unread("tools", "the tools are not a list of mappings")
    found = [without_nulls(tool) for tool in tools]
    return [{"type": "function", "function": t} if "name" in t and "type" not in t else t for t in found]


def asked_with(prompt: Any, context: Any) -> Any:
    """A prompt, text or turns, with a text that belongs to it (a passage, an input) after a blank line."""
    if not isinstance(context, str) or not context.strip():
        return prompt
    if isinstance(prompt, str):
        return f"{prompt}\n\n{context}" if prompt.strip() else prompt
    turns = read_turns(prompt, "user")
    if isinstance(turns, Unread) or not turns:
        return prompt
    return [*turns[:-1], {**turns[-1], "content": f"{turns[-1]['content']}\n\n{context}"}]


def as_text(turns: Sequence[Turn]) -> str:
    """Turns as people and judges read them: who speaks, then what is thought, said and called."""
    return "\n\n".join(f"[{_speaker(turn)}]\n{said_in(turn)}" for turn in turns)


def said_in(turn: Turn) -> str:
    """What is thought, said and called in a turn."""
    thought = f"<think>\n{turn['reasoning_content']}\n</think>" if "reasoning_content" in turn else ""
    calls = [f"{c['function']['name']}({c['function']['arguments']})" for c in turn.get("tool_calls", ())]
    return "\n".join(text for text in (thought, turn["content"], *calls) if text)


def without_nulls(value: Any) -> Any:
    """The value without keys that hold null, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list | tuple) else value


def _turns(value: Any, role: str, roles: Mapping[str, str]) -> Turns:
    if value is None:
        return []
    if isinstance(value, str):
        return [] if is_blank(value) else [{"role": role, "content": value}]
    if isinstance(value, bool | int | float):
        raise _Bad("not_text", f"{type(value).__name__} where text or turns are needed")
    given = [value] if isinstance(value, Mapping) else value
    if not isinstance(given, list | tuple):
        raise _Bad("not_turns", f"{type(value).__name__} where text or turns are needed")
    if given and all(_is_pair(one) for one in given):
        given = [turn for asked, said in given for turn in _exchange(asked, said)]
    return [_turn(one, f"turn {i} of {len(given)}", roles) for i, one in enumerate(given, start=1)]


def _is_pair(one: Any) -> bool:
    return isinstance(one, list | tuple) and len(one) == 2 and all(isinstance(text, str) for text in one)


def _exchange(asked: str, said: str) -> Turns:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


def _turn(given: Any, where: str, roles: Mapping[str, str]) -> Turn:
    if not isinstance(given, Mapping):
        raise _Bad("not_turns", f"{where} is {_kind(given)}, not a mapping with a role and what was said")
    if (plain := _plain(given, roles)) is not None:
        return plain
    keys = {str(key): without_nulls(value) for key, value in given.items() if value is not None}
    if not keys.keys() & {*ROLE_KEYS, *CONTENT_KEYS}:
        raise _Bad("not_turns", f"{where} is a mapping without a role and what was said")
    role = _role(_take(keys, ROLE_KEYS), where, roles)
    thought, content = _content(_take(keys, CONTENT_KEYS), where)
    calls = _calls_of(keys, where)
    if role == CALL:
        role, calls, content = "assistant", calls or _read_calls(content, where), content if calls else ""
    if is_blank(content) and role != "tool" and not (calls and role == "assistant"):
        raise _Bad("empty", f"{where} ({role}) says nothing")
    turn: Turn = {"role": role, "content": content, **({"tool_calls": calls} if calls else {})}
    turn |= _texts(keys, where)
    if thought:
        turn["reasoning_content"] = "\n\n".join(t for t in (turn.get("reasoning_content"), thought) if t)
    return {**turn, **_weight(keys, where), **keys}


def _plain(given: Mapping[str, Any], roles: Mapping[str, str]) -> Turn | None:
    """A turn of a known role and a text alone, as almost all are: the same as below, several times faster."""
    if len(given) != 2:
        return None
    role, said = given.get("role", given.get("from")), given.get("content", given.get("value"))
    if type(role) is not str or type(said) is not str or role in roles:
        return None
    known = ROLE_OF.get(role)
    return None if known is None or known == CALL or is_blank(said) else {"role": known, "content": said}


def _texts(keys: Turn, where: str) -> Turn:
    """The turn's other texts, taken out; ids may be numbers."""
    found = {name: _take(keys, spelled) for name, spelled in TEXT_KEYS.items()}
    for name, text in found.items():
        if text is not None and (isinstance(text, bool) or not isinstance(text, str | int)):
            raise _Bad("not_text", f"{where}: `{name}` is {_kind(text)}")
    return {name: str(text) for name, text in found.items() if text is not None and str(text)}


def _take(keys: Turn, spelled: Sequence[str]) -> Any:
    """The value of the first of these keys that is there, taken out."""
    return next((keys.pop(key) for key in spelled if key in keys), None)


def _role(given: Any, where: str, roles: Mapping[str, str]) -> str:
    if given is None:
        raise _Bad("roles", f"{where} has no role")
    if not isinstance(given, str):
        raise _Bad("roles", f"{where} has {_kind(given)} as its role")
    word = given.strip().casefold()
    role = roles.get(word) or ROLE_OF.get(word)
    if role is None:
        hint = f"say what it means: roles: {{{given[:40]}: assistant}}, or {', '.join(ROLES[:2])}, {ROLES[3]}"
        raise _Bad("roles", f"{where} has the role {given[:40]!r}; {hint}")
    return role


def _content(given: Any, where: str) -> tuple[str, str]:
    """What was thought and what was said, parts of text put together as chat templates do."""
    if given is None or isinstance(given, str):
        return "", given or ""
    if not isinstance(given, list):
        raise _Bad("not_text", f"{where} holds {_kind(given)}, not text")
    thought: list[str] = []
    said: list[str] = []
    for part in given:
        kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
        text = part.get("thinking" if kind == "thinking" else "text") if isinstance(part, Mapping) else part
        if not isinstance(text, str) or kind not in (*TEXT_PARTS, "thinking"):
            raise _Bad("not_text", f"{where} holds a part that is not text: {str(kind)[:40]}")
        (thought if kind == "thinking" else said).append(text)
    return "".join(thought), "".join(said)


def _calls_of(keys: Turn, where: str) -> list[Turn]:
    calls = keys.pop("tool_calls", None)
    if not calls and isinstance(keys.get(CALL), Mapping | str):
        calls = keys.pop(CALL)
    return _read_calls(calls, where) if calls else []


def _read_calls(given: Any, where: str) -> list[Turn]:
    """Calls of tools in OpenAI's form, from it, from bare functions, or from the JSON text of either."""
    calls = from_json(given)
    calls = [calls] if isinstance(calls, Mapping) else calls
    if not isinstance(calls, list) or not calls:
        raise _Bad("tool_calls", f"{where}: its calls are not a list of mappings with a function")
    return [_read_call(call, where) for call in calls]


def _read_call(given: Any, where: str) -> Turn:
    call = without_nulls(from_json(given))
    function = from_json(call.pop("function", None)) if isinstance(call, dict) else None
    if function is None and isinstance(call, dict):
        function = {key: call.pop(key) for key in ("name", "arguments", "parameters") if key in call}
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or is_blank(function["name"]):
        raise _Bad("tool_calls", f"{where} calls a function that has no name")
    rest = dict(function)
    name, arguments = rest.pop("name"), _take(rest, ("arguments", "parameters"))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False, default=str)
    first = {"id": str(call.pop("id"))} if "id" in call else {}
    return {
        **first,
        "type": call.pop("type", "function"),
        "function": {"name": name, "arguments": text, **rest},
        **call,
    }


def _weight(keys: Turn, where: str) -> Turn:
    """The `weight` of a turn, taken out of `keys`, where it says whether it is learnt."""
    said = {key: keys.pop(key) for key in LEARNT_KEYS if key in keys and (key == "weight" or keys[key] in (0, 1))}
    if "weight" in said and said["weight"] not in (0, 1):
        raise _Bad("weight", f"{where} has the weight {str(said['weight'])[:40]}; 0 and 1 are known")
    found = {int(bool(value) == LEARNT_KEYS[key]) for key, value in said.items()}
    if len(found) > 1:
        raise _Bad("weight", f"{where} says two things of whether it is learnt: {', '.join(said)}")
    return {"weight": found.pop()} if found else {}


def is_unicode(value: Any) -> bool:
    """Whether no text in a value holds half a surrogate pair, which no file of text can hold.

    Raises `RecursionError` for a value that is nested deeper than `_DEEPEST`, whatever the interpreter would bear."""
    try:
        orjson.dumps(value)  # many times faster than looking at each text, and refuses such a one
        return True
    except TypeError:
        pass  # or what it does not take for another reason, as long integers
    return _all_unicode(value, _DEEPEST)


def _all_unicode(value: Any, deeper: int) -> bool:
    if deeper < 0:
        raise RecursionError
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
        return True
    parts: Iterable[Any] = ()
    if isinstance(value, Mapping):
        parts = chain(value.keys(), value.values())
    elif isinstance(value, list | tuple):
        parts = value
    for part in parts:  # noqa: SIM110 (one frame to a level)
        if not _all_unicode(part, deeper - 1):
            return False
    return True


def _kind(value: Any) -> str:
    names = {
        dict: "a mapping",
        list: "a list",
        str: "a text",
        int: "a number",
        float: "a number",
        bool: "true or false",
    }
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _speaker(turn: Turn) -> str:
    return f"{turn['role']}: {turn['name']}" if "name" in turn else str(turn["role"])
