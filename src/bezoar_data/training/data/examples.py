"""A stage's rows as examples for its trainer: tokenised, labelled, cut to length, and everything left out counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.data.packing import Example, pack
from bezoar_data.training.data.template import Unusable


@dataclass(frozen=True, slots=True)
class StageRows:
    """Rows as the dataset holds them, chosen and split, and the view that makes them text."""

    view: Mapping[str, str]
    train: list[dict[str, Any]]
    held_out: list[dict[str, Any]]
    passed_over: int
    """Rows of the training split that `where` or `rows` left out."""
    where: str | None = None
    """Which rows were taken: what the stage says, else which are accepted; None: all."""
    train_on: tuple[str, ...] = ("assistant",)
    """The roles whose turns are learnt."""
    stage: TrainingStage | None = None
    """What is trained on them."""
    notes: tuple[str, ...] = ()
    """What a person should know of the choice."""


@dataclass
class Counted:
    """What became of the rows of one side."""

    rows: int = 0
    examples: int = 0
    tokens: int = 0
    learnt: int = 0
    """Tokens whose loss counts."""
    truncated: int = 0
    """Examples that were longer than `max_length`."""
    replies_passed: int = 0
    """Replies of earlier turns that are not learnt: the template writes them otherwise than a model says them."""
    left_out: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "examples": self.examples,
            "tokens": self.tokens,
            "learnt_tokens": self.learnt,
            "truncated": self.truncated,
            "replies_passed": self.replies_passed,
            "left_out": dict(sorted(self.left_out.items())),
        }


@dataclass(frozen=True, slots=True)
class Examples:
    """What a stage trains on and what it watches its loss on: one row each, or packed ones."""

    train: list[Example]
    held_out: list[Example]
    counts: Mapping[str, Counted]


MakeExample = Callable[[Mapping[str, Any], Counted], Example]
"""Makes a row's example and counts its tokens. Raises `Unusable`."""


def make_examples(rows: StageRows, make: MakeExample, settings: Mapping[str, Any]) -> Examples:
    """The examples of a stage. Of its trainer's settings, with defaults, packing and `max_length` count here."""
    counts = {"train": Counted(), "validation": Counted()}
    train = _all(rows.train, make, counts["train"])
    held_out = _all(rows.held_out, make, counts["validation"])
    packs = settings.get("packing")
    if packs:
        train = pack(train, settings["max_length"])
    if packs if settings.get("eval_packing") is None else settings["eval_packing"]:
        held_out = pack(held_out, settings["max_length"])
    return Examples(train, held_out, counts)


def _all(rows: Sequence[Mapping[str, Any]], make: MakeExample, counted: Counted) -> list[Example]:
    examples = []
    for row in rows:
        counted.rows += 1
        try:
            examples.append(make(row, counted))
            counted.examples += 1
        except Unusable as reason:
            counted.left_out[str(reason)] += 1
    return examples
