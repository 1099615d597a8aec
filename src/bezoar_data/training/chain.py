"""The chain of a recipe's stages: what each one starts from and depends on, which are done, and running the rest.

A stage's key is the hash of everything that decides its weights (`training.keys`). A folder with that key is not
trained again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bezoar_data.config.files.recipe import BASE
from bezoar_data.runs.folder import write_json, write_text
from bezoar_data.runs.reward_head import reward_head
from bezoar_data.runs.stage_record import CARD, STAGE_FILE, StageRecord
from bezoar_data.training.bases import base_stands, base_start, keep_base, making
from bezoar_data.training.curves import save_curves
from bezoar_data.training.distributed import is_first, wait_for_all
from bezoar_data.training.folder import RECIPE, TrainingFolder
from bezoar_data.training.models import Start
from bezoar_data.training.planned import PlannedStage, Prepared
from bezoar_data.training.progress import Progress
from bezoar_data.training.round_trip import check_round_trip
from bezoar_data.training.sampling import sampler
from bezoar_data.training.stage_record import stage_record
from bezoar_data.training.stages.base import StageJob, StageKind, TrainingJob, TrainingKind
from bezoar_data.training.stages.registry import stage_kinds
from bezoar_data.training.stages.trainer import run_trainer

Describe = Callable[[StageRecord], str]
"""Makes the model card of a stage's record."""


def run_chain(prepared: Prepared, progress: Progress, describe: Describe) -> list[StageRecord]:
    """Run every stage that is not done, in order, and give the records of all."""
    recipe, folder = prepared.recipe, prepared.folder
    # Asked before anything is written, so that all processes take the same stages for done.
    done = [folder.finished(planned.stage.id, planned.key) for planned in prepared.stages]
    wait_for_all()
    if is_first():
        _keep_base(prepared, progress)
    wait_for_all()
    starts = {BASE: base_start(recipe, folder.base)}
    records: dict[str, StageRecord] = {}
    for planned, record in zip(prepared.stages, done, strict=True):
        name, start = planned.stage.id, starts[planned.start]
        if record is None:
            beside = recipe.file.beside(planned.index)
            others = {field: starts[one] for field, one in beside.items()}
            needed = [records[one] for one in beside.values() if one in records]
            record = _run(prepared, planned, start, others, progress, [records.get(planned.start), *needed], describe)
        else:
            progress.say(f"{name}: done already")
        starts[name] = leaves(folder, planned, start)
        records[name] = record
        if is_first() and not (folder.stage(name) / CARD).is_file():
            write_text(folder.stage(name) / CARD, describe(record))
    if is_first():
        shutil.rmtree(folder.path / ".work", ignore_errors=True)
    return list(records.values())


def _keep_base(prepared: Prepared, progress: Progress) -> None:
    base, folder = prepared.recipe.file.base, prepared.folder
    if base.kept_here and not base_stands(folder, prepared.base):
        progress.say(f"base: {making(base)}")
        keep_base(prepared.recipe, folder, prepared.base, prepared.template.tokenizer)


def _run(
    prepared: Prepared,
    planned: PlannedStage,
    start: Start,
    others: Mapping[str, Start],
    progress: Progress,
    before: Sequence[StageRecord | None],
    describe: Describe,
) -> StageRecord:
    """`before` are the records of the stage that it starts from, None for the base, and of those it needs beside."""
    recipe, folder, stage, training = prepared.recipe, prepared.folder, planned.stage, planned.training
    work = folder.open_work(stage.id, planned.key) if is_first() else folder.work(stage.id)
    wait_for_all()
    if training is not None:
        progress.say(f"{stage.id}: {training.estimate.kernels}")
        for note in training.settings.notes:
            progress.note(f"{stage.id}: {note}")
    again = f"; trained again: {'; '.join(planned.again)}" if planned.again else ""
    progress.say(f"{stage.id}: {stage.use}, from {planned.start}{again}")
    place = recipe.document.place(("stages", planned.index))
    common = (recipe, stage, place, start, prepared.template, work, work / "result", progress)
    kind, done = stage_kinds()[stage.use], None
    if training is not None and isinstance(kind, TrainingKind):
        more = (training.examples, training.settings, training.adapter, training.estimate.kernels)
        asked = recipe.file.samples if stage.head == "language" else None
        watch = sampler(asked, training.rows, prepared.template)
        done = run_trainer(TrainingJob(*common, *more, watch, others), kind)
    elif isinstance(kind, StageKind) and is_first():
        done = kind.run(StageJob(*common))
    if done is not None and is_first():
        result = work / "result"
        if (result / "tokenizer_config.json").is_file():
            check_round_trip(result, prepared.template, place)
        write_text(result / RECIPE, recipe.path.read_text("utf-8"))
        record = stage_record(recipe, planned, prepared.template, done, before[0], result, before[1:])
        write_json(result / STAGE_FILE, record.as_json())
        save_curves(result, stage.id)
        write_text(result / CARD, describe(record))
        folder.finish(stage.id)
    wait_for_all()
    return StageRecord.read(folder.stage(stage.id) / STAGE_FILE)


def leaves(folder: TrainingFolder, planned: PlannedStage, start: Start) -> Start:
    """What a later stage starts from after this one."""
    result = folder.stage(planned.stage.id)
    head = reward_head(result)
    if planned.training is None or planned.training.adapter is None:
        return Start(str(result), head=head)
    return replace(start, adapter=result, head=head)
