"""What past answers took, for plans: the newest ones of a step and model, whoever's row they were for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bezoar_data.llms.ask import Message
from bezoar_data.llms.journal.entry import expand
from bezoar_data.llms.journal.integrity import reading
from bezoar_data.llms.journal.journal import Journal

MOST = 2_000
WITHIN = 200_000
"""Of the newest entries, so many are looked through: a large journal must not hold up a plan."""


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """Tokens and time of one answer. `seconds` includes the time its request stood in line."""

    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float
    messages: Sequence[Message] | None
    text: str | None


def past_answers(journal: Journal, model: str, step: str | None = None) -> list[PastAnswer]:
    """The newest answers of this model, in this step if one is named; the newest first."""
    with reading(journal.path) as connection:
        rows = connection.execute(
            """SELECT a.prompt_tokens, a.completion_tokens, a.answered_at - a.asked_at, a.request, r.messages, a.text
               FROM answers a LEFT JOIN requests r ON r.hash = a.request
               WHERE a.id > (SELECT coalesce(max(id), 0) FROM answers) - ?1
                 AND a.model = ?2 AND (?3 IS NULL OR a.step = ?3) AND a.error IS NULL
               ORDER BY a.id DESC LIMIT ?4""",
            (WITHIN, model, step, MOST),
        ).fetchall()
    return [
        PastAnswer(prompt, answer, seconds, None if stored is None else expand(stored, request), text)
        for prompt, answer, seconds, request, stored, text in rows
    ]
