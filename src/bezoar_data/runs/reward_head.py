"""What a model that scores texts says with its numbers: `reward.json`, which lies beside its weights or its adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bezoar_data.runs.record import Record

REWARD_FILE = "reward.json"
REWARD = "reward"
"""The one attribute of a model that was trained on pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardHead(Record):
    """`reward.json`."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "reward"
    IF_MISSING: ClassVar[str] = "train it with a `reward` stage"
    IF_OLDER: ClassVar[str] = "train it again with this version"

    attributes: tuple[str, ...]
    """What each number of the model is, in order."""
    weights: Mapping[str, float]
    """What each attribute counts in the one reward; one that is not named does not count."""
    scale: tuple[float, float] | None
    """The lowest and the highest rating it was trained on; None of a model that was trained on pairs, whose scores have
    no scale and no zero."""
    end_of_turn: str
    """The token that ends a reply: the text is scored there."""

    def reward(self, scores: Sequence[float]) -> float:
        """The numbers of one text as one."""
        return sum(self.weights.get(name, 0.0) * score for name, score in zip(self.attributes, scores, strict=True))


def reward_head(folder: Path) -> RewardHead | None:
    """What the model in a folder scores; None where it scores nothing. Raises `InputError`."""
    return RewardHead.read(folder / REWARD_FILE) if (folder / REWARD_FILE).is_file() else None
