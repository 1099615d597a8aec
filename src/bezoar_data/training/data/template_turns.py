"""Turns as chat templates read them, and what is to be looked at in them before they become ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Turn = Mapping[str, Any]
Messages = Sequence[Turn]

_THOUGHT = "reasoning_content"
_OPEN, _CLOSE = "<think>", "</think>"


def for_template(messages: Messages, *, splits: bool, keeps: bool, parsed: bool) -> list[dict[str, Any]]:
    """Turns with arguments of calls as mappings (`parsed`: what most templates read), reasoning as a key of its own
    where it stands before the reply (`splits`), and left out unless `keeps`."""
    found = []
    for message in messages:
        turn = {key: value for key, value in message.items() if key != "weight"}
        if turn["role"] == "assistant":
            if splits or not keeps:
                turn = _split(turn)
            if not keeps:
                turn.pop(_THOUGHT, None)
        if parsed and turn.get("tool_calls"):
            turn["tool_calls"] = [_parsed(call) for call in turn["tool_calls"]]
        found.append(turn)
    return found


def _split(turn: dict[str, Any]) -> dict[str, Any]:
    thought, closed, said = turn["content"].lstrip().removeprefix(_OPEN).partition(_CLOSE)
    if _THOUGHT in turn or not closed or not turn["content"].lstrip().startswith(_OPEN):
        return turn
    return {**turn, "content": said.lstrip("\n"), _THOUGHT: thought.strip("\n")}


def _parsed(call: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(call["function"])
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, TypeError, KeyError):
        return dict(call)
    return {**call, "function": {**function, "arguments": arguments}} if isinstance(arguments, dict) else dict(call)


def thinks(messages: Messages) -> bool:
    """Whether the last reply is thought about first."""
    return bool(messages) and bool(str(messages[-1].get(_THOUGHT) or "").strip())


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, Iterable):
        for part in value:
            yield from texts(part)


def lost(render: Callable[..., tuple[str, Any]]) -> frozenset[str]:
    """What a template leaves out without a word: `system`, `tool`, `tool_calls`, `tools`, `reasoning`."""
    mark = "qzvx"
    call = {"type": "function", "function": {"name": mark, "arguments": {}}}
    asked, said = {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}
    called = {"role": "assistant", "content": "", "tool_calls": [call]}
    answers = {"role": "tool", "content": "three", "name": "f"}
    other = {"type": "function", "function": {"name": "f", "arguments": {}}}
    probes: dict[str, tuple[list[Turn], list[Any] | None]] = {
        "system": ([{"role": "system", "content": mark}, asked, said], None),
        "tool_calls": ([asked, called, answers, said], None),
        "tool": ([asked, {**called, "tool_calls": [other]}, {**answers, "content": mark}, said], None),
        "tools": ([asked, said], [{"type": "function", "function": {"name": mark, "parameters": {}}}]),
        "reasoning": ([asked, {**said, _THOUGHT: mark}], None),
    }
    found = set()
    for part, (turns, tools) in probes.items():
        try:
            text, _ = render(turns, tools=tools)
        except Exception:  # noqa: S112 (what it refuses it does not leave out in silence)
            continue
        if mark not in text:
            found.add(part)
    return frozenset(found)


def parts(messages: Messages, tools: Sequence[Any] | None) -> Iterator[str]:
    """What a conversation has that a template may leave out."""
    if tools:
        yield "tools"
    for message in messages:
        yield message["role"]
        if message.get("tool_calls"):
            yield "tool_calls"
    # Of earlier turns it may be left out, and should be with some.
    if thinks(messages):
        yield "reasoning"


def kind(messages: Messages, tools: Sequence[Any] | None) -> str:
    """What sets a conversation apart from others for a template, in words."""
    roles = [message["role"] for message in messages]
    said = {
        "system": "system" in roles,
        "several turns": roles.count("user") > 1,
        "tools": bool(tools),
        "calls": any(message.get("tool_calls") for message in messages),
        "tool turns": "tool" in roles,
        "reasoning": any(message.get(_THOUGHT) for message in messages),
        "blank edges": any(message["content"] != message["content"].strip() for message in messages),
        "starts with the assistant": roles[:1] == ["assistant"],
    }
    return ", ".join(name for name, holds in said.items() if holds) or "question and answer"
