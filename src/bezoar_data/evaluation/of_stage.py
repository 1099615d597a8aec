"""The evaluations that belong to a stage: found by its key, held to its data and to their own items, and put beside its
base and the stages before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import BASE
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.chain import Chain, Point, read_point
from bezoar_data.evaluation.record import EVALUATION, EvaluatedModel, Evaluation
from bezoar_data.runs.stage_record import StageRecord


@dataclass(frozen=True, slots=True)
class StageScores:
    """What a stage was found to score."""

    chains: tuple[Chain, ...]
    """One for each suite: the base if it was evaluated too, the stages before, and last the stage."""
    refused: tuple[Problem, ...]
    """Evaluations that seem to be of this stage and are not, or that do not hold, and why."""


def scores_of(stage: StageRecord, folders: Iterable[Path]) -> StageScores:
    """What the evaluations in these folders say of a stage. One that is named itself must be of the stage.

    Raises `InputError` where one that is named is not, or cannot be read.
    """
    found: dict[str, Point] = {}
    refused: list[Problem] = []
    for folder in folders:
        named = (folder / EVALUATION).is_file()
        for file in [folder / EVALUATION] if named else sorted(folder.glob(f"**/{EVALUATION}")):
            problems = list(_try(file, stage, found, named))
            if named and problems:
                raise InputError(problems)
            refused += problems
    return StageScores(tuple(Chain(_beside(point, stage)) for _, point in sorted(found.items())), tuple(refused))


def _try(file: Path, stage: StageRecord, found: dict[str, Point], named: bool) -> Iterator[Problem]:
    """Take an evaluation in, or say why not; nothing of one that is of another model."""
    looks_like_it = (file.parent.name, file.parent.parent.parent.name) == (stage.stage, stage.recipe["name"])
    try:
        model = Evaluation.read(file).model
        point = read_point(file.parent) if model.stage == stage.key else None
    except InputError as error:
        yield from error.problems if named or looks_like_it else ()
        return
    if point is None:
        if named or looks_like_it:
            yield Problem("refused-evaluation", _whose(model, stage), Place(str(file)), _AGAIN)
        return
    suite = point.record.suite["name"]
    problems = [*_wrong_data(point, stage), *_wrong_figures(point)]
    if problems:
        yield from problems
    elif suite not in found or (named and found[suite].folder != point.folder):
        found[suite] = point
    elif point.folder != found[suite].folder:
        message = f"another evaluation on {suite} goes on the card, {found[suite].folder}"
        yield Problem("refused-evaluation", message, Place(str(file)), "name the one that you mean with --evaluated")


def _whose(model: EvaluatedModel, stage: StageRecord) -> str:
    if model.stage is None:
        return "it is of a model that is not a stage"
    told = f"it is of the stage of key {model.stage[:16]}, and {stage.stage} has key {stage.key[:16]}"
    return f"{told}: it was trained again since" if model.name == stage.stage else told


_AGAIN = "evaluate it again: bezoar-data evaluate"


def _wrong_data(point: Point, stage: StageRecord) -> Iterator[Problem]:
    """Its data are those of the stage, build by build, and were looked through, or are named as not here."""
    own = [(data.card, data.lock) for one in stage.stages if (data := one.data) is not None]
    told = [(data.card, data.lock) for data in point.record.model.trained_on]
    place = Place(str(point.folder / EVALUATION))
    if told[len(told) - len(own) :] != own:
        other = [f"{card} at lock {lock}" for card, lock in told if (card, lock) not in own]
        message = f"its model was trained on other data than {stage.stage}: {', '.join(other) or 'fewer datasets'}"
        yield Problem("refused-evaluation", message, place, _AGAIN)
    looked = {*point.record.contamination.checked, *point.record.contamination.unchecked}
    if looked != {card for card, _ in told}:
        yield Problem("refused-evaluation", "it is not finished", place, "run the same evaluation again to go on")


def _wrong_figures(point: Point) -> Iterator[Problem]:
    """Every figure that is compared is the mean of its items."""
    for task in point.record.tasks:
        items = point.items.tasks[task.task].scores.get(task.metric)
        value = task.metrics[task.metric]["value"]
        if items and (value is None or not math.isclose(value, sum(items.values()) / len(items), abs_tol=1e-9)):
            message = f"the {task.metric} of '{task.task}' is not what its items say"
            yield Problem("refused-evaluation", message, Place(str(point.folder / EVALUATION)), _AGAIN)


def _beside(point: Point, stage: StageRecord) -> tuple[Point, ...]:
    """The base, the stages before it and the stage itself, as they stand beside it on the same suite."""
    before = {one.key: place for place, one in enumerate(stage.lineage)}
    found: dict[int, Point] = {}
    for file in sorted(point.folder.parent.glob(f"*/{EVALUATION}")):
        try:
            other = Evaluation.read(file)
            place = before.get(other.model.stage or "", -1 if _is_base(other.model, stage.base) else None)
            if other.suite == point.record.suite and place is not None:
                found.setdefault(place, read_point(file.parent))
        except InputError:
            continue
    return (*(found[place] for place in sorted(found)), point)


def _is_base(model: EvaluatedModel, base: Mapping[str, Any]) -> bool:
    """Whether these are the weights that the recipe starts from. Some are kept in the recipe's own folder `base`."""
    commit, name = base.get("commit"), base.get("model")
    if model.adapter or (commit and model.revision and commit != model.revision):
        return False
    return model.weights in (name, str(name).rpartition("/")[2]) or (model.name, model.weights) == (BASE, BASE)
