"""The stage `steerlm`: SFT on rated replies, conditioned on their ratings (Dong et al. 2023, arXiv 2310.05344).

Each prompt says how its reply was rated (`helpfulness:4,verbosity:2`), and the reply is learnt as in SFT: a model that
is asked for the best ratings then writes as the replies did that had them. HelpSteer2's authors asked for 4 in
helpfulness, correctness and coherence, and 2 in complexity and verbosity (arXiv 2406.08673).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.data.examples import MakeExample, StageRows
from bezoar_data.training.data.scored import need_attributes
from bezoar_data.training.data.steered import rated_conversation
from bezoar_data.training.data.template import Template
from bezoar_data.training.stages.base import TrainingKind
from bezoar_data.training.stages.sft import make_trainer, sft_examples, sft_faults


class SteerlmStage(TrainingStage):
    """SFT on the card's `rating` view, each prompt saying how its reply was rated, outside of the loss."""

    model_config = ConfigDict(title="SteerLM stage")
    trainer: ClassVar[str] = "SFTConfig"
    views: ClassVar[tuple[str, ...]] = ("rating",)
    padding_free: ClassVar[bool] = True

    use: Literal["steerlm"] = Field(description="What the stage does.", examples=["steerlm"])
    view: Literal["rating"] | None = Field(
        default=None, description="The card's view to train on.", examples=["rating"]
    )
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Which attributes of the card's view a prompt names, in this order; by default all of them.",
        examples=[["helpfulness", "verbosity"]],
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's SFTConfig, over those of the recipe.",
        examples=[{"num_train_epochs": 2, "learning_rate": 1e-5}],
    )


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    names = need_attributes(rows.view, cast(SteerlmStage, rows.stage).attributes)
    read = partial(rated_conversation, rows.view, attributes=names)
    return sft_examples(rows, template, settings, read)


KIND = TrainingKind(SteerlmStage, make_trainer, _examples, sft_faults)
