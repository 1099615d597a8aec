"""What every kind of stage is given and leaves. A stage is one file with one function, named in `chain.STAGES`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.files.recipe import LoadedRecipe, Stage
from bezoar_data.config.problems import Place
from bezoar_data.training.data.examples import Examples
from bezoar_data.training.data.template import Template
from bezoar_data.training.estimate.kernels import Speed
from bezoar_data.training.models import Start
from bezoar_data.training.settings import Settings

if TYPE_CHECKING:
    from bezoar_data.training.progress import Progress


@dataclass(frozen=True, slots=True)
class Data:
    """What a stage that trains learns from."""

    examples: Examples
    settings: Settings
    adapter: Mapping[str, Any] | None
    """peft's LoraConfig for a new adapter; None where all weights are trained."""
    speed: Speed


@dataclass(frozen=True, slots=True)
class StageJob:
    """One stage, ready to run."""

    recipe: LoadedRecipe
    stage: Stage
    place: Place
    start: Start
    template: Template
    data: Data | None
    """None of a stage that does not train."""
    work: Path
    """For checkpoints; they stay when the stage is cut short."""
    result: Path
    """An empty folder for what the stage leaves."""
    progress: Progress

    def save_tokenizer(self) -> None:
        """Beside the weights, with the template they were trained with."""
        tokenizer = self.template.tokenizer
        tokenizer.chat_template = self.template.source
        tokenizer.save_pretrained(self.result)


@dataclass(frozen=True, slots=True)
class Done:
    """What a stage measured: `metrics` are the same whenever it is repeated; times and memory are not."""

    metrics: Mapping[str, Any]
    times: Mapping[str, Any]
