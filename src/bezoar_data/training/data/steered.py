"""Conversations that say how the reply is to be: SteerLM's attribute line, such as `helpfulness:4,verbosity:2`.

It stands at the end of the system message, so that whoever serves the model writes it there too, and no loss is taken
on it. NVIDIA's own code writes it behind the assistant's header, which no chat API lets one do. Of a conversation the
last reply was rated, and it alone is learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.runs.conversations.views import Example as Conversation
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Unusable


def attribute_line(ratings: Mapping[str, float | None]) -> str:
    """The ratings there are, as whole numbers, in order."""
    return ",".join(f"{name}:{round(rating)}" for name, rating in ratings.items() if rating is not None)


def steered(prompt: Turns, line: str) -> Turns:
    """The turns before a reply, with the line at the end of the system message."""
    if prompt and prompt[0]["role"] == "system":
        return [{**prompt[0], "content": f"{prompt[0]['content']}\n\n{line}"}, *prompt[1:]]
    return [{"role": "system", "content": line}, *prompt]


def rated_conversation(
    view: Mapping[str, str], row: Mapping[str, Any], attributes: Sequence[str] | None
) -> Conversation:
    """A rated row as a conversation whose prompt says how its reply was rated. Raises `Unusable`."""
    found = read_row(view, row)
    given = found.ratings or {}
    line = attribute_line({name: given.get(name) for name in attributes or given})
    if not line:
        raise Unusable("no_rating")
    before = [{**turn, "weight": 0} if turn["role"] == "assistant" else turn for turn in found.prompt]
    return replace(found, prompt=steered(before, line))
