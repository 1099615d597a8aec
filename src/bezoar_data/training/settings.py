"""The settings of a stage: the recipe's and its own, by the names of TRL, and what follows from the rows there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.files.trainer_settings import DPO, SFT, trainer_settings
from bezoar_data.config.problems import Problem
from bezoar_data.training.distributed import shared_batch

CLASSES = {"sft": SFT, "dpo": DPO}

_WATCHING = ("eval_strategy", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "eval_steps")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stage's trainer is given, and what was changed of what the recipe says, in words."""

    given: Mapping[str, Any]
    steps: int
    shared: Mapping[str, int]
    """What each of several processes is given in the place of it."""
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


def check_joined(recipe: LoadedRecipe) -> None:
    """Raise `InputError` for settings that would join rows in one sequence where they would see each other, or not join
    them at all."""
    problems = []
    for i, stage in enumerate(recipe.file.stages):
        if stage.use == "merge":
            continue
        written = written_settings(recipe, i)
        for name, message, hint in _joining_faults(stage.use, with_defaults(stage.use, written)):
            path = ("stages", i, "training", name) if name in stage.training else ("training", name)
            problems.append(Problem("bad-value", message, recipe.document.place(path, key=True), hint))
    raise_errors(dict.fromkeys(problems))


def _joining_faults(use: str, full: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if use == "dpo":
        if full["padding_free"]:
            yield "padding_free", "TRL's DPOTrainer pads all batches: 'padding_free' does nothing", "leave it out"
        return
    if full["packing"] and full["packing_strategy"] == "wrapped":
        message = "'wrapped' packing cuts rows in pieces that see each other"
        yield "packing_strategy", message, "take 'bfd', which keeps rows whole and apart"
    if full["packing"] and full["max_length"] is None:
        yield "max_length", "'packing' needs a length to fill", "give 'max_length'"
    if full["eval_packing"] and not (full["packing"] or full["padding_free"]):
        message = "packed for evaluation alone, rows would see each other"
        yield "eval_packing", message, "add 'packing' or 'padding_free'"


def fit(use: str, written: Mapping[str, Any], train: int, held_out: int, processes: int = 1) -> Settings:
    """The settings for so many examples: no evaluation without examples held out, no longer a warm-up than there are
    steps. Raises `InputError` where the processes cannot share a step's rows."""
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
    shared = shared_batch(full, processes)
    if shared is None:
        rows = full["per_device_train_batch_size"] * full["gradient_accumulation_steps"]
        message = f"{processes} processes cannot share the {rows} rows of a step evenly"
        hint = "start as many as divide per_device_train_batch_size or gradient_accumulation_steps, or change those"
        raise InputError(Problem("several-processes", message, hint=hint))
    return Settings(given, steps, shared, tuple(notes))


def _steps(full: Mapping[str, Any], examples: int) -> int:
    """Optimizer steps, as transformers' Trainer counts them for one process on one device."""
    if full["max_steps"] > 0:
        return int(full["max_steps"])
    per_epoch = examples / full["per_device_train_batch_size"]
    batches = math.floor(per_epoch) if full["dataloader_drop_last"] else math.ceil(per_epoch)
    updates = max(math.ceil(batches / full["gradient_accumulation_steps"]), 1)
    return math.ceil(full["num_train_epochs"] * updates)
