"""The chain of a recipe's stages: what each one starts from and depends on, which are done, and running the rest.

A stage's key is the hash of everything that decides its weights: the key of what it starts from, its rows, settings,
template, and the versions of the libraries. A folder with that key is not trained again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import BASE, LoadedRecipe
from bezoar_data.runs.folder import write_json, write_text
from bezoar_data.runs.row import digest
from bezoar_data.runs.trained import CARD, FORMAT, STAGE_FILE
from bezoar_data.training.curves import save_curves
from bezoar_data.training.data.examples import Examples
from bezoar_data.training.data.template import Template
from bezoar_data.training.distributed import is_first, wait_for_all
from bezoar_data.training.folder import RECIPE, TrainingFolder
from bezoar_data.training.models import Start, base_start
from bezoar_data.training.planned import Planned
from bezoar_data.training.progress import Progress
from bezoar_data.training.random_base import save_made_base
from bezoar_data.training.stage_record import SOFTWARE, stage_file
from bezoar_data.training.stages.base import Data, Done, StageJob
from bezoar_data.training.stages.dpo import run_dpo
from bezoar_data.training.stages.merge import run_merge
from bezoar_data.training.stages.sft import run_sft

STAGES: Mapping[str, Callable[[StageJob], Done]] = {"sft": run_sft, "dpo": run_dpo, "merge": run_merge}
"""What each kind of stage does."""

Describe = Callable[[Mapping[str, Any]], str]
"""Makes a model card of a stage's `stage.json`."""

_BASE_FILE = "base.json"


def base_key(recipe: LoadedRecipe, tokenizer: Any) -> str:
    """What a first stage starts from, as text of a fixed length."""
    base = recipe.file.base
    if base.make is not None:
        vocabulary = tokenizer.backend_tokenizer.to_str()
        return digest("made", base.make.model_dump(), recipe.file.seed, vocabulary)
    start = base_start(recipe, Path())
    folder = Path(start.weights)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    seen = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()]
    return digest("base", start.weights, start.revision, seen)


def stage_key(
    recipe: LoadedRecipe, planned: Mapping[str, Any], start_key: str, template: Template, rows_key: str
) -> str:
    """What decides a stage's weights."""
    quantisation = recipe.file.quantisation
    versions = {name: version(name) for name in SOFTWARE[1:]}
    return digest("stage", FORMAT, start_key, dict(planned), quantisation, template.source, rows_key, versions)


def rows_key(examples: Examples | None) -> str:
    """The tokens and labels themselves, in their order."""
    return digest("rows", examples.train, examples.held_out) if examples is not None else ""


def run_chain(
    recipe: LoadedRecipe,
    folder: TrainingFolder,
    plan: list[Planned],
    template: Template,
    progress: Progress,
    *,
    base: str,
    describe: Describe,
) -> list[dict[str, Any]]:
    """Run every stage that is not done, in order, and give what all stages left. `base` is the base's key."""
    # Asked before anything is written, so that all processes take the same stages for done.
    done = [folder.finished(planned.stage.id, planned.key) for planned in plan]
    wait_for_all()
    if is_first():
        _make_base(recipe, folder, template, base, progress)
    wait_for_all()
    starts = {BASE: base_start(recipe, folder.base)}
    left: dict[str, dict[str, Any]] = {}
    for planned, found in zip(plan, done, strict=True):
        name = planned.stage.id
        if found is None:
            found = _run(
                recipe, folder, planned, template, starts[planned.start], progress, left.get(planned.start), describe
            )
        else:
            progress.say(f"{name}: done already")
        starts[name] = _leaves(folder, planned, starts[planned.start])
        left[name] = found
        if is_first() and not (folder.stage(name) / CARD).is_file():
            write_text(folder.stage(name) / CARD, describe(found))
    if is_first():
        shutil.rmtree(folder.path / ".work", ignore_errors=True)
    return list(left.values())


def _make_base(recipe: LoadedRecipe, folder: TrainingFolder, template: Template, key: str, progress: Progress) -> None:
    shape = recipe.file.base.make
    if shape is None or ((folder.base / _BASE_FILE).is_file() and key in (folder.base / _BASE_FILE).read_text("utf-8")):
        return
    progress.say("base: making a model with random weights, and its tokenizer from the rows")
    work = folder.open_work(BASE, key)
    save_made_base(work / "result", shape, template.tokenizer, recipe.file.seed)
    write_json(work / "result" / _BASE_FILE, {"key": key})
    folder.finish(BASE)


def _run(
    recipe: LoadedRecipe,
    folder: TrainingFolder,
    planned: Planned,
    template: Template,
    start: Start,
    progress: Progress,
    before: Mapping[str, Any] | None,
    describe: Describe,
) -> dict[str, Any]:
    """`before` is what the stage that it starts from left; None for the base."""
    stage = planned.stage
    work = folder.open_work(stage.id, planned.key) if is_first() else folder.work(stage.id)
    wait_for_all()
    data = None
    if planned.examples is not None and planned.settings is not None and planned.forecast is not None:
        speed = planned.forecast.speed
        data = Data(planned.examples, planned.settings, planned.adapter, speed)
        progress.say(f"{stage.id}: {speed}")
        for note in planned.settings.notes:
            progress.note(f"{stage.id}: {note}")
    job = StageJob(
        recipe=recipe,
        stage=stage,
        place=recipe.document.place(("stages", planned.index)),
        start=start,
        template=template,
        data=data,
        work=work,
        result=work / "result",
        progress=progress,
    )
    progress.say(f"{stage.id}: {stage.use}, from {planned.start}")
    done = STAGES[stage.use](job) if is_first() or stage.use != "merge" else None
    if done is None or not is_first():
        wait_for_all()
        return folder.finished(stage.id, planned.key) or {}
    write_text(job.result / RECIPE, recipe.path.read_text("utf-8"))
    told = stage_file(recipe, planned, template, done, before, job.result)
    write_json(job.result / STAGE_FILE, told)
    save_curves(job.result, stage.id)
    write_text(job.result / CARD, describe(told))
    folder.finish(stage.id)
    wait_for_all()
    return told


def _leaves(folder: TrainingFolder, planned: Planned, start: Start) -> Start:
    """What a later stage starts from after this one."""
    result = folder.stage(planned.stage.id)
    if planned.stage.use == "merge" or planned.adapter is None:
        return Start(str(result))
    return Start(start.weights, result, start.revision, start.trust_remote_code)
