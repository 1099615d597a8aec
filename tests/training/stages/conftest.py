"""What tests of single stages share: rows of the shipped pipelines that ask no model, and a stage's trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.conftest import ROOT

PLAIN: dict[str, Any] = {"quantisation": None, "adapter": None}
"""A recipe that trains all weights, in single precision."""


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs that hold pairs and ratings."""
    from bezoar_data.api import load_pipeline

    folder = tmp_path_factory.mktemp("rows")
    for name in ("hh-rlhf-dpo", "helpsteer2-ratings", "helpsteer2-preference"):
        load_pipeline(ROOT / "pipelines" / f"{name}.yaml", out=folder / name).run(quiet=True)
    return folder


def trainer_of(prepared: Any, out: Path, index: int = 0) -> Any:
    """The trainer of a stage that starts from the base, as the chain makes it."""
    from bezoar_data.training.bases import base_start, keep_base
    from bezoar_data.training.progress import Progress
    from bezoar_data.training.stages.base import TrainingJob
    from bezoar_data.training.stages.registry import stage_kinds

    recipe, folder, planned = prepared.recipe, prepared.folder, prepared.stages[index]
    keep_base(recipe, folder, prepared.base, prepared.template.tokenizer)
    training, place = planned.training, recipe.document.place(("stages", index))
    more = (training.examples, training.settings, training.adapter, training.estimate.kernels)
    start, say = base_start(recipe, folder.base), Progress(quiet=True)
    job = TrainingJob(recipe, planned.stage, place, start, prepared.template, out / "work", out / "result", say, *more)
    return stage_kinds()[planned.stage.use].trainer(job)
