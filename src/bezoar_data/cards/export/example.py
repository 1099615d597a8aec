"""A row as training text, read by a view of its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.runs.messages import Turns, turns_of


@dataclass(frozen=True, slots=True)
class Example:
    """Turns before the answer, the answer, and for a pair the worse one."""

    prompt: Turns
    answer: Turns
    rejected: Turns | None = None
    margin: float | None = None


def read_example(kind: str, parts: Mapping[str, Any]) -> Example | None:
    """The row as turns; None if its prompt or an answer is missing."""
    if kind == "messages":
        turns = turns_of(parts["messages"], "user")
        last = max((i for i, t in enumerate(turns) if t["role"] == "assistant"), default=-1)
        return Example(turns[:last], turns[last : last + 1]) if last > 0 else None
    prompt = turns_of(parts["prompt"], "user")
    system = turns_of(parts.get("system"), "system")
    answer = turns_of(parts["response" if kind == "sft" else "chosen"], "assistant")
    rejected = turns_of(parts["rejected"], "assistant") if kind == "preference" else None
    if not prompt or not answer or rejected == []:
        return None
    # A pair may hold the whole conversation on both sides: what is beyond the prompt is the answer.
    trim = [t[len(prompt) :] if t and t[: len(prompt)] == prompt else t for t in (answer, rejected)]
    margin = parts.get("margin")
    return Example([*system, *prompt], trim[0] or answer, trim[1], margin) if all(trim[:1]) else None
