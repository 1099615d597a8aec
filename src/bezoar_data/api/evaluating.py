"""Evaluations from Python: a recipe's stages, one stage, or any model, on a suite."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import BASE
from bezoar_data.config.files.suite import load_suite
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import clean_text
from bezoar_data.evaluation.record import Evaluation
from bezoar_data.evaluation.run import evaluate as run
from bezoar_data.evaluation.run import plan
from bezoar_data.evaluation.targets import Target, model_target, stages_before
from bezoar_data.runs.stage_record import STAGE_FILE
from bezoar_data.training.bases import base_start
from bezoar_data.training.stages.registry import load_recipe


def evaluate(
    models: Sequence[str | Path],
    suite: str | Path,
    *,
    out: str | Path = "evaluated",
    stages: Sequence[str] = (),
    trained: str | Path = "trained",
    runs: str | Path = "runs",
    revision: str | None = None,
    quiet: bool = False,
) -> tuple[list[Evaluation], Path]:
    """Evaluate models on a suite: of a recipe its base and every stage that is trained, or those named in `stages`.

    Data that the models were trained on, where their builds lie in `runs` or were pulled, are searched for the suite's
    items.

    Returns the evaluations and the folder that holds one for each model, `out`/NAME/SUITE. What is done already is not
    done again. Raises `InputError`.
    """
    loaded = load_suite(Path(suite))
    targets, name = [], ""
    for model in models:
        if str(model).endswith((".yaml", ".yml")):
            found, name = _of_recipe(Path(model), Path(trained), stages)
            targets += found
        else:
            target = model_target(str(model), revision=revision)
            targets.append(target)
            name = name or target.name
    _need_names(targets)
    folder = Path(out) / (name if len(models) == 1 else "models") / loaded.file.name
    data = (Path(runs), Path("pulled"))
    return run(loaded, targets, folder, data, (lambda text: None) if quiet else _say), folder


def plan_evaluation(suite: str | Path) -> list[dict[str, Any]]:
    """The tasks of a suite: how many items each has, and the smallest difference that these can show. Raises
    `InputError`."""
    return plan(load_suite(Path(suite)))


def _of_recipe(path: Path, trained: Path, wanted: Sequence[str]) -> tuple[list[Target], str]:
    recipe = load_recipe(path)
    folder = trained / recipe.file.name
    start = base_start(recipe, folder / BASE)
    names = [BASE, *(stage.id for stage in recipe.file.stages)]
    for name in wanted:
        if name not in names:
            hint = did_you_mean(name, names)
            raise InputError(Problem("unknown-stage", f"the recipe has no stage '{name}'", Place(str(path)), hint))
    targets: list[Target] = []
    for name in wanted or names:
        if name != BASE:
            if not (folder / name / STAGE_FILE).is_file():
                hint = f"train it: bezoar-data train {path}"
                raise InputError(Problem("not-trained", f"the stage '{name}' is not trained", Place(str(path)), hint))
            target = model_target(str(folder / name), name=name)
            targets.append(replace(target, before=stages_before(Path(start.weights), target.record)))
        else:
            targets.append(model_target(start.weights, revision=start.revision, name=BASE))
    return targets, recipe.file.name


def _need_names(targets: Sequence[Target]) -> None:
    names = [target.name for target in targets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"two models are called {', '.join(twice)}"
        raise InputError(
            Problem("duplicate-name", message, hint="evaluate them one by one, each with an --out of its own")
        )


def _say(text: str) -> None:
    print(clean_text(text), file=sys.stderr, flush=True)  # noqa: T201
