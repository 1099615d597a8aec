"""The kinds of stages: one for each module of this folder that defines `KIND`."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from bezoar_data.config.errors import raise_errors
from bezoar_data.config.files.recipe import LoadedRecipe, Stage, TrainingStage
from bezoar_data.config.files.recipe_check import Columns, check_recipe
from bezoar_data.config.problems import Problem
from bezoar_data.training.settings import with_defaults, written_settings
from bezoar_data.training.stages.base import StageKind, TrainingKind


@cache
def stage_kinds() -> Mapping[str, StageKind | TrainingKind]:
    """Every kind of stage, by the `use` that names it."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [import_module(f"{__package__}.{name}") for name in names]
    return {module.KIND.config.kind(): module.KIND for module in modules if hasattr(module, "KIND")}


def stage_configs() -> list[type[Stage]]:
    """What a person may write as a stage."""
    return [kind.config for kind in stage_kinds().values()]


def load_recipe(path: Path, columns: Columns = lambda card: None) -> LoadedRecipe:
    """Read and check a recipe and the cards it names. Raises `InputError` with every mistake found.

    Nothing of the training libraries is imported.
    """
    recipe = check_recipe(path, stage_configs(), columns)
    raise_errors(dict.fromkeys(_setting_faults(recipe)))
    return recipe


def _setting_faults(recipe: LoadedRecipe) -> Iterator[Problem]:
    """Settings that do harm or nothing, as a stage's kind says."""
    for i, stage in enumerate(recipe.file.stages):
        kind = stage_kinds()[stage.use]
        if isinstance(stage, TrainingStage) and isinstance(kind, TrainingKind):
            for name, message, hint in kind.faults(with_defaults(stage.trainer, written_settings(recipe, stage))):
                path = ("stages", i, "training", name) if name in stage.training else ("training", name)
                yield Problem("bad-value", message, recipe.document.place(path, key=True), hint)
