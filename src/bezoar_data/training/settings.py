"""The settings of a stage: the recipe's and its own, by the names of TRL, and what follows from the rows there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.spec.errors import Problem, raise_errors
from bezoar_data.spec.recipe_file import LoadedRecipe
from bezoar_data.spec.trainer_settings import DPO, SFT, trainer_settings

CLASSES = {"sft": SFT, "dpo": DPO}

_NOT_BUILT = ("packing", "eval_packing", "padding_free")
_WATCHING = ("eval_strategy", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "eval_steps")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stage's trainer is given, and what was changed of what the recipe says, in words."""

    given: Mapping[str, Any]
    steps: int
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.given[name]


def written_settings(recipe: LoadedRecipe, index: int) -> dict[str, Any]:
    """The settings of the stage at `index` as written: the recipe's, and over them its own."""
    stage = recipe.file.stages[index]
    assert stage.use != "merge"  # noqa: S101 (a merge has no trainer)
    return {"seed": recipe.file.seed, "report_to": "none", **recipe.file.training, **stage.training}


def with_defaults(use: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the defaults of the trainer's class for what is not written."""
    properties = trainer_settings()[CLASSES[use]]["properties"]
    return {**{name: one.get("default") for name, one in properties.items()}, **written}


def adapter_settings(recipe: LoadedRecipe, index: int) -> dict[str, Any] | None:
    """Settings of the adapter that a new one would have at this stage; None where all weights are trained."""
    stage = recipe.file.stages[index]
    if recipe.file.adapter is None or stage.use == "merge":
        return None
    return {**recipe.file.adapter, **(stage.adapter or {})}


def check_built(recipe: LoadedRecipe) -> None:
    """Raise `InputError` for settings that would be taken without doing what they promise."""
    problems = []
    for i, stage in enumerate(recipe.file.stages):
        if stage.use == "merge":
            continue
        for name in _NOT_BUILT:
            if written_settings(recipe, i).get(name):
                path = ("stages", i, "training", name) if name in stage.training else ("training", name)
                message = f"'{name}' is not built: rows would see each other without an attention that keeps them apart"
                problems.append(Problem("not-built", message, recipe.document.place(path, key=True), "leave it out"))
    raise_errors(dict.fromkeys(problems))


def fit(use: str, written: Mapping[str, Any], train: int, held_out: int) -> Settings:
    """The settings for so many examples: no evaluation without examples held out, no longer a warm-up than there are
    steps."""
    given, notes = dict(written), []
    full = with_defaults(use, written)
    steps = _steps(full, train)
    if not held_out:
        if full["eval_strategy"] != "no" or full["load_best_model_at_end"]:
            notes.append("no rows are held out: the loss is not watched, and the last step is kept, not the best")
        given = {name: value for name, value in given.items() if name not in _WATCHING}
    warmup = full.get("warmup_steps") or 0
    if warmup > steps:
        notes.append(f"the warm-up is {steps} steps, not {warmup:g}: the stage has no more")
        given["warmup_steps"] = steps
    return Settings(given, steps, tuple(notes))


def _steps(full: Mapping[str, Any], examples: int) -> int:
    """Optimizer steps, as transformers' Trainer counts them for one process on one device."""
    if full["max_steps"] > 0:
        return int(full["max_steps"])
    per_epoch = examples / full["per_device_train_batch_size"]
    batches = math.floor(per_epoch) if full["dataloader_drop_last"] else math.ceil(per_epoch)
    updates = max(math.ceil(batches / full["gradient_accumulation_steps"]), 1)
    return math.ceil(full["num_train_epochs"] * updates)
