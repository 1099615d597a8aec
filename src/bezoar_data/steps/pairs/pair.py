"""A preference pair as a row holds it: TRL's conversational format with an explicit prompt.

`prompt`, `chosen` and `rejected` are lists of messages (`{"role", "content"}`); `margin` says by how much the chosen
answer is better, on the scale of whatever said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bezoar_data.runs.messages import turns_of
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped

PAIR = ("prompt", "chosen", "rejected", "margin")


def pair_columns(prompt: Any, chosen: Any, rejected: Any, margin: Decimal | None) -> Columns:
    """The columns of a pair, from texts or lists of messages."""
    return {
        "prompt": turns_of(prompt, "user"),
        "chosen": turns_of(chosen, "assistant"),
        "rejected": turns_of(rejected, "assistant"),
        "margin": None if margin is None else float(margin),
    }


def check_pair(pair: Mapping[str, Any]) -> Dropped | None:
    """Why no model can learn from a pair: `empty` (no prompt, or an answer that says nothing) or `identical`."""
    empty = [name for name in PAIR[:3] if not pair[name]]
    if empty:
        return Dropped("empty", f"nothing in {' and '.join(empty)}")
    if pair["chosen"] == pair["rejected"]:
        return Dropped("identical", "both answers say the same")
    return None


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
