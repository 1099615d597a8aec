"""A preference pair as a row holds it: TRL's conversational format with an explicit prompt.

`prompt`, `chosen` and `rejected` are lists of messages; `margin` says by how much the chosen answer is better, on the
scale of whatever said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bezoar_data.runs.conversations.turns import Unread, read_turns
from bezoar_data.runs.conversations.views import read_view
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped

PAIR = ("prompt", "chosen", "rejected", "margin")
PAIR_TYPES: Mapping[str, str] = {"prompt": "list", "chosen": "list", "rejected": "list", "margin": "number"}


def make_pair(prompt: Any, chosen: Any, rejected: Any, margin: Decimal | None) -> tuple[Columns, Dropped | None]:
    """The columns of a pair, from texts or lists of messages, and why no model can learn from it: the reasons of
    `read_view`. What cannot be read stays as it was."""
    strength = None if margin is None else float(margin)
    found = read_view("preference", {"prompt": prompt, "chosen": chosen, "rejected": rejected})
    if isinstance(found, Unread):
        parts = (("prompt", prompt, "user"), ("chosen", chosen, "assistant"), ("rejected", rejected, "assistant"))
        columns = {name: _readable(value, role) for name, value, role in parts}
        return {**columns, "margin": strength}, Dropped(found.reason, found.detail)
    pair = {"prompt": found.prompt, "chosen": found.answer, "rejected": found.rejected, "margin": strength}
    return pair, None


def _readable(value: Any, role: str) -> Any:
    turns = read_turns(value, role)
    return value if isinstance(turns, Unread) else turns


def number(value: Any) -> Decimal | None:
    """A score, rank or strength as an exact number: ratings often stand in columns of text. None for anything else.

    Exact, because a tie is a tie: 0.1 + 0.2 and 0.3 differ as binary numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
