"""Which way an instruction is evolved in an epoch: drawn for a whole category, or for each instruction by itself.

The authors of OpenBezoar draw once an epoch for all instructions of a category: first the strategy, both being equally
likely, then for in-depth the operation. WizardLM (arXiv 2304.12244) draws for each instruction, among the operations
and in-breadth alike. Either draw is a function of the seed and of what it is drawn for, never of other rows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bezoar_data.runs.row import digest

Scope = Literal["per_epoch", "per_instruction"]

IN_DEPTH = "in-depth-evolving"
IN_BREADTH = "in-breadth-evolving"


@dataclass(frozen=True, slots=True)
class Draw:
    """A strategy, and the operation where it is in-depth."""

    strategy: str
    operation: str | None = None


def draw_for_category(seed: int, step: str, category: str, epoch: int, operations: Sequence[str]) -> Draw:
    """The authors' draw: one for all instructions of a category in an epoch. In-breadth comes up half the time."""
    chance = random.Random(digest("evolve", seed, step, category, epoch))
    if chance.random() < 0.5:
        return Draw(IN_BREADTH)
    return Draw(IN_DEPTH, chance.choice(operations))


def draw_for_row(seed: int, step: str, row_id: str, epoch: int, operations: Sequence[str]) -> Draw:
    """WizardLM's draw: one for each instruction, in-breadth as likely as each operation."""
    drawn = random.Random(digest("evolve-row", seed, step, row_id, epoch)).choice((*operations, None))
    return Draw(IN_BREADTH) if drawn is None else Draw(IN_DEPTH, drawn)
