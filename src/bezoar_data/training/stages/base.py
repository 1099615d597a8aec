"""What makes a kind of stage, what its code is given, and what it leaves.

A kind of stage is one file of this folder: a class for what a person writes (a `Stage` or `TrainingStage` of
`config.files.recipe`), the function that runs it, and both together as `KIND`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import LoadedRecipe, Stage, TrainingStage
from bezoar_data.config.problems import Place
from bezoar_data.training.data.examples import Examples, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.template import Template
from bezoar_data.training.ends import save_beside
from bezoar_data.training.estimate.kernels import Kernels
from bezoar_data.training.models import Start
from bezoar_data.training.progress import Progress
from bezoar_data.training.sampling import Sampler
from bezoar_data.training.settings import Settings


@dataclass(frozen=True, slots=True)
class StageJob:
    """One stage, ready to run."""

    recipe: LoadedRecipe
    stage: Stage
    place: Place
    start: Start
    template: Template
    work: Path
    """For checkpoints; they stay when the stage is cut short."""
    result: Path
    """An empty folder for what the stage leaves."""
    progress: Progress

    def save_tokenizer(self, model: Any = None) -> None:
        """Beside the weights: with the template they were trained with, and what ends a text."""
        save_beside(self.result, model, self.template)


@dataclass(frozen=True, slots=True)
class TrainingJob(StageJob):
    """A stage that trains, with what it learns from."""

    examples: Examples
    settings: Settings
    adapter: Mapping[str, Any] | None
    """peft's LoraConfig for a new adapter; None where all weights are trained."""
    kernels: Kernels
    watch: Sampler | None = None
    """Of what the model says while it is trained."""
    others: Mapping[str, Start] = field(default_factory=dict)
    """What the stages left that it needs beside its start, by the fields that name them."""
    tried: bool = False
    """Whether the trainer is only built, to see whether it can be."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a stage measured: `metrics` are the same whenever it is repeated; times and memory are not."""

    metrics: Mapping[str, Any]
    times: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StageKind:
    """A kind of stage that does not train. Of several processes the first alone runs it."""

    config: type[Stage]
    run: Callable[[StageJob], Done]


def _no_faults(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield from ()


def _one_sequence(example: Example) -> list[int]:
    return [len(example["input_ids"])]


def _nothing(job: TrainingJob) -> None:
    return None


def _no_figures(job: TrainingJob, trainer: Any) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class TrainingKind:
    """A kind of stage that trains on rows. The settings handed to its functions are the trainer's, with defaults."""

    config: type[TrainingStage]
    trainer: Callable[[TrainingJob], Any]
    """Makes TRL's trainer, which `stages.trainer.run_trainer` runs. Raises `InputError` for what it refuses."""
    examples: Callable[[StageRows, Template, Mapping[str, Any]], MakeExample]
    """How a row becomes an example, by the view of its rows, the template and the settings."""
    faults: Callable[[Mapping[str, Any]], Iterator[tuple[str, str, str]]] = _no_faults
    """Settings that would do harm or nothing: of each its name, a message and a hint."""
    sequences: Callable[[Example], list[int]] = _one_sequence
    """The lengths of the sequences that an example is to the model."""
    beside: Callable[[TrainingJob], None] = _nothing
    """Leaves what stands beside the weights, in the stage's folder."""
    measure: Callable[[TrainingJob, Any], Mapping[str, Any]] = _no_figures
    """What the trainer's model is worth once it is trained, for the stage's record."""
