"""A recipe with all that decides its stages, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.recipe import LoadedRecipe, Stage
from bezoar_data.runs.stage_record import StageRecord
from bezoar_data.training.data.datasets import StageCard
from bezoar_data.training.data.examples import Examples, StageRows
from bezoar_data.training.data.template import Template
from bezoar_data.training.estimate.estimator import Estimate
from bezoar_data.training.estimate.model_config import ModelConfig
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.settings import Settings


@dataclass(frozen=True, slots=True)
class ReadRecipe:
    """A recipe that its policy allows, with the rows of its cards: what is known without the libraries of training."""

    recipe: LoadedRecipe
    folder: TrainingFolder
    cards: Mapping[int, StageCard]
    """Of each stage that trains, by its index; and its rows."""
    rows: Mapping[int, StageRows]


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """What a stage that trains learns from, and how."""

    card: StageCard
    rows: StageRows
    examples: Examples
    settings: Settings
    adapter: Mapping[str, Any] | None
    """peft's LoraConfig for a new adapter; None where all weights are trained."""
    estimate: Estimate
    longest: int
    """Tokens of its longest sequence."""


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One stage of a recipe, and what its weights will depend on."""

    index: int
    stage: Stage
    start: str
    """The id of the stage it goes on from, or `base`."""
    key: str
    training: PlannedTraining | None
    """None of a stage that does not train."""
    again: tuple[str, ...] = ()
    """Why it is trained again, where it stands there from something else."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe compared with its cards, with every stage's examples."""

    recipe: LoadedRecipe
    folder: TrainingFolder
    template: Template
    stages: list[PlannedStage]
    base: str
    """The key of the base."""
    model_config: ModelConfig | None
    """Of the base; None where its configuration is not here."""
    warnings: tuple[str, ...]

    def finished(self, planned: PlannedStage) -> StageRecord | None:
        return self.folder.finished(planned.stage.id, planned.key)
