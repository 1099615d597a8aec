"""What a training has otherwise than its recipe's file says: seed, last stage, where data lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bezoar_data.config.files.recipe import LoadedRecipe


@dataclass(frozen=True, slots=True)
class Instead:
    """What is otherwise than in the recipe's file: for trainings of one recipe side by side."""

    seed: int | None = None
    until: str | None = None
    """The last stage that is trained."""
    built: Mapping[Path, Path] = field(default_factory=dict)
    """The folder of the run that has built a card's data, by the card's real path."""

    def of(self, recipe: LoadedRecipe) -> LoadedRecipe:
        file = recipe.file
        if self.seed is not None:
            file = file.model_copy(update={"seed": self.seed})
        if self.until is not None:
            last = next(i for i, stage in enumerate(file.stages) if stage.id == self.until)
            file = file.model_copy(update={"stages": file.stages[: last + 1]})
        return replace(recipe, file=file)
