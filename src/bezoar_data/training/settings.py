"""The settings of a stage: the recipe's and its own, by the names of TRL, and what follows from the rows there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import LoadedRecipe, TrainingStage
from bezoar_data.config.files.trainer_settings import trainer_settings
from bezoar_data.config.problems import Place, Problem
from bezoar_data.training.distributed import shared_batch

_WATCHING = ("eval_strategy", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "eval_steps")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stage's trainer is given, and what was changed of what the recipe says."""

    given: Mapping[str, Any]
    full: Mapping[str, Any]
    """The same with the trainer's defaults."""
    steps: int
    shared: Mapping[str, int]
    """What each of several processes is given in the place of it."""
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    @property
    def rows_per_step(self) -> int:
        return int(self.full["per_device_train_batch_size"] * self.full["gradient_accumulation_steps"])

    def epochs(self, examples: int) -> float:
        """How often each of so many examples is trained on; 0 where there is none."""
        return self.steps * self.rows_per_step / examples if examples else 0


def written_settings(recipe: LoadedRecipe, stage: TrainingStage) -> dict[str, Any]:
    """The settings of a stage as written: the recipe's, and over them its own."""
    return {"seed": recipe.file.seed, "report_to": "none", **recipe.file.training, **stage.training}


def setting_place(recipe: LoadedRecipe, index: int, name: str) -> Place:
    """Where a setting of the stage at `index` is written: in the stage, in the recipe, or nowhere; then, the stage."""
    stage, document = recipe.file.stages[index], recipe.document
    if name in getattr(stage, "training", ()):
        return document.place(("stages", index, "training", name), key=True)
    if name in recipe.file.training:
        return document.place(("training", name), key=True)
    return document.place(("stages", index))


def with_defaults(trainer: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the defaults of the trainer's class for what is not written."""
    properties = trainer_settings()[trainer]["properties"]
    return {**{name: one.get("default") for name, one in properties.items()}, **written}


def adapter_settings(recipe: LoadedRecipe, stage: TrainingStage) -> dict[str, Any] | None:
    """Settings of the adapter that a new one would have at this stage; None where all weights are trained."""
    return None if recipe.file.adapter is None else {**recipe.file.adapter, **(stage.adapter or {})}


def fit(trainer: str, written: Mapping[str, Any], train: int, held_out: int, processes: int = 1) -> Settings:
    """The settings for so many examples: no evaluation without examples held out, no longer a warm-up than there are
    steps. Raises `InputError` where the processes cannot share a step's rows."""
    given, notes = dict(written), []
    full = with_defaults(trainer, written)
    steps = _steps(full, train)
    if not held_out:
        if full["eval_strategy"] != "no" or full["load_best_model_at_end"]:
            notes.append("no rows are held out: the loss is not watched, and the last step is kept, not the best")
        given = {name: value for name, value in given.items() if name not in _WATCHING}
    warmup: float = full.get("warmup_steps") or 0
    if warmup > steps:
        notes.append(f"the warm-up is {steps} steps, not {warmup:g}: the stage has no more")
        given["warmup_steps"] = steps
    shared = shared_batch(full, processes)
    if shared is None:
        rows = full["per_device_train_batch_size"] * full["gradient_accumulation_steps"]
        message = f"{processes} processes cannot share the {rows} rows of a step evenly"
        hint = "start as many as divide per_device_train_batch_size or gradient_accumulation_steps, or change those"
        raise InputError(Problem("several-processes", message, hint=hint))
    return Settings(given, with_defaults(trainer, given), steps, shared, tuple(notes))


def _steps(full: Mapping[str, Any], examples: int) -> int:
    """Optimizer steps, as transformers' Trainer counts them for one process on one device."""
    if full["max_steps"] > 0:
        return int(full["max_steps"])
    if "num_generations" in full:  # of prompts that are answered several times; a batch that is not full is dropped
        prompts = full["per_device_train_batch_size"] * full["gradient_accumulation_steps"] // full["num_generations"]
        return int(full["num_train_epochs"] * (examples // max(prompts, 1)) * full["num_iterations"])
    per_epoch = examples / full["per_device_train_batch_size"]
    batches = math.floor(per_epoch) if full["dataloader_drop_last"] else math.ceil(per_epoch)
    updates: int = max(math.ceil(batches / full["gradient_accumulation_steps"]), 1)
    return math.ceil(float(full["num_train_epochs"]) * updates)
