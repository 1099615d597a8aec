"""An ablation file with everything it names, checked before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bezoar_data.cards.cross_check import check_pipeline_card
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.ablation import LoadedAblation, Variant
from bezoar_data.config.files.ablation import load_ablation as read_ablation
from bezoar_data.config.files.recipe import LoadedRecipe, TrainingStage
from bezoar_data.config.files.suite import LoadedSuite, load_suite
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.yaml.document import YamlPath
from bezoar_data.pipeline.load import Checked, load
from bezoar_data.training.stages.registry import load_recipe

_T = TypeVar("_T")


@dataclass(frozen=True)
class CheckedAblation:
    """An ablation with what it names. `pipelines` holds the pipeline of each variant, the whole one first."""

    loaded: LoadedAblation
    pipelines: Mapping[str, Checked]
    recipe: LoadedRecipe
    suite: LoadedSuite
    stage: str
    """The stage that is evaluated."""
    card: Path
    """The card that the pipeline fills in."""
    warnings: tuple[Problem, ...]


def check_ablation(path: Path) -> CheckedAblation:
    """Read and check an ablation. Raises `InputError` with every mistake that was found."""
    loaded = read_ablation(path)
    problems: list[Problem] = []
    pipelines: dict[str, Checked] = {}
    for name in loaded.variants:
        try:
            pipelines[name] = _load(loaded, loaded.variants[name])
        except InputError as error:
            if name == loaded.file.whole:  # its mistakes are the others' as well
                problems += error.problems
                break
            problems += (_placed(loaded, name, problem) for problem in error.problems)
    whole = pipelines.get(loaded.file.whole)
    recipe = _tried(lambda: load_recipe(loaded.recipe), problems)
    suite = _tried(lambda: load_suite(loaded.suite), problems)
    if recipe is not None and whole is not None and loaded.file.name in (whole.loaded.file.name, recipe.file.name):
        hint = "data and models are in folders of the ablation's name: give it one of its own"
        message = "the pipeline or the recipe has this name"
        problems.append(loaded.document.problem("name-taken", message, ("name",), hint=hint))
    if recipe is not None and whole is not None:
        problems += _check_recipe(loaded, recipe, whole)
    if suite is not None:
        problems += _check_suite(loaded, suite)
    problems += [warning for one in (whole, recipe, suite) if one is not None for warning in one.warnings]
    raise_errors(problems)
    if recipe is None or suite is None or whole is None or whole.card is None:
        raise InputError(problems)
    stage = loaded.file.stage or recipe.file.stages[-1].id
    return CheckedAblation(loaded, pipelines, recipe, suite, stage, whole.card, tuple(problems))


def overrides_of(variant: Variant) -> list[str]:
    """A variant's settings as `--set` has them."""
    return [f"{name}={json.dumps(value)}" for name, value in variant.settings.items()]


def _tried(read: Callable[[], _T], problems: list[Problem]) -> _T | None:
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None


def _load(loaded: LoadedAblation, variant: Variant) -> Checked:
    checked = load(
        loaded.pipeline,
        overrides=overrides_of(variant),
        without=variant.without,
        models=loaded.resolve(variant.models) if variant.models is not None else None,
        named=variant.named,
    )
    raise_errors(check_pipeline_card(checked))
    return checked


def _placed(loaded: LoadedAblation, name: str, problem: Problem) -> Problem:
    """A mistake that only a variant has, where the variant is written."""
    at: YamlPath = ("variants", name)
    variant = loaded.file.variants[name]
    written = problem.place.file if problem.place is not None else ""
    places = {f"--without {step}": (*at, "without", i) for i, step in enumerate(variant.without)}
    places |= {
        f"--set {text}"[:200]: (*at, "set", key)
        for key, text in zip(variant.settings, overrides_of(variant), strict=True)
    }
    exactly = places.get(written[:200])
    message = problem.message if exactly else f"'{name}' cannot run: {problem.message}"
    place = loaded.document.place(exactly or at, key=exactly is None)
    return Problem(problem.code, message, place, problem.hint, problem.level, problem.secret)


def _check_suite(loaded: LoadedAblation, suite: LoadedSuite) -> Iterator[Problem]:
    """Judged questions are not part of an ablation."""
    if not suite.judged_tasks:
        return
    names = ", ".join(task.task for _, task, _ in suite.judged_tasks)
    place = loaded.document.place(("suite",))
    message = f"left out, as a judge would have to read each variant's answers: {names}"
    yield Problem(
        "judged-task",
        message,
        place,
        "`bezoar-data evaluate --judge` has them read",
        "warning" if suite.harness_tasks else "error",
    )


def _check_recipe(loaded: LoadedAblation, recipe: LoadedRecipe, whole: Checked) -> Iterator[Problem]:
    """The recipe must train on the pipeline's card before the stage that is evaluated, and its seed must be free."""
    file, document = recipe.file, loaded.document
    ids = [stage.id for stage in file.stages]
    evaluated = loaded.file.stage or ids[-1]
    if evaluated not in ids:
        hint = did_you_mean(evaluated, ids)
        yield document.problem("unknown-stage", f"the recipe has no stage '{evaluated}'", ("stage",), hint=hint)
        return
    if whole.card is None:
        message = "the pipeline names no card, and a recipe trains on cards"
        hint = f"bezoar-data card init {loaded.file.pipeline}"
        yield document.problem("no-card", message, ("pipeline",), hint=hint)
        return
    trained = file.stages[: ids.index(evaluated) + 1]
    cards = [recipe.resolve(stage.card).resolve() for stage in trained if isinstance(stage, TrainingStage)]
    if whole.card.resolve() not in cards:
        message = f"no stage of the recipe up to '{evaluated}' trains on {whole.card.name}, the pipeline's card"
        yield document.problem("other-card", message, ("recipe",))
    settings: dict[YamlPath, dict[str, object]] = {("training",): file.training}
    settings |= {("stages", i, "training"): getattr(stage, "training", {}) for i, stage in enumerate(trained)}
    for at, written in settings.items():
        if "seed" in written:
            hint = "leave it out there: each of the ablation's seeds takes its place"
            message = "the recipe fixes the seed of its training"
            yield recipe.document.problem("fixed-seed", message, (*at, "seed"), hint=hint, key=True)
