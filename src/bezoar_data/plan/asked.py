"""What plans have asked: several that share it, as for the variants of an ablation, count a question of theirs once."""

from __future__ import annotations

from bezoar_data.llms.ask import Answer
from bezoar_data.plan.token_count import filler


class Asked:
    """Questions by the journal's keys, each with its answer, and the filler words that make placeholders differ."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, ...], Answer] = {}
        self.words = filler()
