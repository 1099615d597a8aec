"""Conversations as rows hold them: lists of `{"role", "content"}`, as chat templates and TRL read them."""

from __future__ import annotations

from typing import Any

Turns = list[dict[str, str]]

_ROLES = {"human": "user", "prompter": "user", "gpt": "assistant", "model": "assistant"}


def asked_with(prompt: Any, context: Any) -> Any:
    """A prompt, text or turns, with a text that belongs to it (a passage, an input) after a blank line."""
    if not isinstance(context, str) or not context.strip():
        return prompt
    if isinstance(prompt, str):
        return f"{prompt}\n\n{context}" if prompt.strip() else prompt
    turns = turns_of(prompt, "user")
    return [*turns[:-1], {**turns[-1], "content": f"{turns[-1]['content']}\n\n{context}"}] if turns else prompt


def turns_of(value: Any, role: str) -> Turns:
    """A column's value as turns: text is one turn of `role`, a list holds turns in either common spelling (`role` and
    `content`, or ShareGPT's `from` and `value`). Empty text is no turn."""
    if isinstance(value, str):
        return [{"role": role, "content": value}] if value.strip() else []
    turns: Turns = []
    for turn in value if isinstance(value, list | tuple) else ():
        if not isinstance(turn, dict):
            continue
        said = turn.get("content", turn.get("value"))
        name = str(turn.get("role", turn.get("from", role)))
        if isinstance(said, str) and said.strip():
            turns.append({"role": _ROLES.get(name, name), "content": said})
    return turns
