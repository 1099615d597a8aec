"""What decides a stage's weights, as its key; and, of a stage that stands there with another key, what has changed.

What leaves the weights as they are is in no key: logging and reporting, how much is evaluated at once, workers,
kernels, how many checkpoints are kept, the names and times of files, releases that only mend a library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from bezoar_data.config.errors import raise_errors
from bezoar_data.config.files.recipe import BASE, LoadedRecipe, Stage, TrainingStage
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import digest
from bezoar_data.runs.stage_record import StageRecord
from bezoar_data.training.data.template import Template
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.planned import PlannedStage, PlannedTraining
from bezoar_data.training.settings import with_defaults

DECIDING_PACKAGES = ("trl", "transformers", "peft")
"""Their major and minor versions stand in the key."""

_NEVER: frozenset[str] = frozenset({
    "activation_checkpointing", "activation_checkpointing_kwargs", "activation_offloading",
    "dataloader_in_order", "dataloader_multiprocessing_context", "dataloader_num_workers",
    "dataloader_persistent_workers", "dataloader_pin_memory", "dataloader_prefetch_factor", "ddp_backend",
    "ddp_broadcast_buffers", "ddp_bucket_cap_mb", "ddp_find_unused_parameters", "ddp_static_graph",
    "ddp_timeout", "debug", "disable_tqdm", "enable_jit_checkpoint", "eval_accumulation_steps",
    "eval_do_concat_batches", "eval_on_start", "eval_use_gather_object", "gradient_checkpointing",
    "gradient_checkpointing_kwargs", "include_for_metrics", "include_num_input_tokens_seen",
    "liger_kernel_config", "log_completions", "log_level", "log_level_replica", "log_multimodal", "log_on_each_node",
    "log_unique_prompts", "logging_first_step", "logging_nan_inf_filter", "logging_steps", "logging_strategy",
    "num_completions_to_print", "num_generations_eval", "padding_free", "per_device_eval_batch_size",
    "precompute_ref_batch_size", "precompute_ref_log_probs", "prediction_loss_only", "project",
    "remove_unused_columns", "report_to", "save_on_each_node", "save_only_model", "save_total_limit",
    "skip_memory_metrics", "torch_empty_cache_steps", "trackio_bucket_id", "trackio_space_id",
    "trackio_static_space_id", "use_liger_kernel",
})  # fmt: skip
_BEST: frozenset[str] = frozenset({
    "batch_eval_metrics", "bf16_full_eval", "eval_delay", "eval_packing", "eval_steps", "eval_strategy",
    "fp16_full_eval", "greater_is_better", "load_best_model_at_end", "metric_for_best_model", "save_steps",
    "save_strategy",
})  # fmt: skip
"""They decide which step is kept, and nothing where the last one is."""


def deciding(trainer: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of a stage's settings, with or without defaults, those that decide its weights and are not the defaults."""
    defaults, full = with_defaults(trainer, {}), with_defaults(trainer, settings)
    none = _NEVER if _watched(full) else _NEVER | _BEST
    return {name: value for name, value in sorted(full.items()) if name not in none and value != defaults.get(name)}


def _watched(full: Mapping[str, Any]) -> bool:
    """Whether what is measured on the rows held out changes what is left."""
    return bool(full["load_best_model_at_end"]) or full["lr_scheduler_type"] == "reduce_lr_on_plateau"


def stage_key(
    recipe: LoadedRecipe, stage: Stage, start_key: str, template: Template, training: PlannedTraining | None
) -> str:
    """What decides the weights that a stage leaves."""
    # What a training stage says of its rows and settings is in those themselves.
    said = stage.model_dump(mode="json", exclude=set(TrainingStage.model_fields) - {"use"})
    common = digest("weights", start_key, said, template.decides)
    if training is None:
        return common
    settings = training.settings.full
    # The tokens and labels themselves, in their order.
    held_out = training.examples.held_out if _watched(settings) else []
    rows = digest("rows", training.examples.train, held_out)
    decides = deciding(training.card.stage.trainer, settings)
    return digest(common, decides, training.adapter, recipe.file.quantisation, rows, _versions(_installed()))


def plan_stages(
    recipe: LoadedRecipe,
    folder: TrainingFolder,
    template: Template,
    trainings: Mapping[int, PlannedTraining],
    base: str,
    keep: Sequence[str],
) -> list[PlannedStage]:
    """Every stage with its key, and why it is trained again. A stage that is kept has the key that stands there, and
    so has every one that it goes on from. Raises `InputError` and `NewerFormat`."""
    kept = _kept(recipe, folder, keep)
    keys, planned = {BASE: base}, list[PlannedStage]()
    stands = {BASE}
    for i, stage in enumerate(recipe.file.stages):
        start, training = recipe.file.start(i), trainings.get(i)
        record = folder.standing(stage.id)
        others = [keys[name] for name in recipe.file.beside(i).values()]
        others += [sha256_of(file) for file in stage.reads(recipe.path)]
        start_key = digest("beside", keys[start], *others) if others else keys[start]
        key = kept.get(stage.id) or stage_key(recipe, stage, start_key, template, training)
        found = PlannedStage(i, stage, start, key, training)
        if record is not None and record.key != key:
            why = tuple(changes(found, record, recipe, template, start_stands=start in stands))
            found = replace(found, again=why or ("its rows, or an earlier version made it",))
        elif record is not None:
            stands.add(stage.id)
        keys[stage.id] = key
        planned.append(found)
    return planned


def _kept(recipe: LoadedRecipe, folder: TrainingFolder, names: Sequence[str]) -> dict[str, str]:
    """The keys of the stages that are kept, and of those that they go on from. Raises `InputError`."""
    starts = {stage.id: recipe.file.start(i) for i, stage in enumerate(recipe.file.stages)}
    kept: dict[str, str] = {}
    problems: list[Problem] = []
    for name in names:
        at, place = name, Place(f"--keep {printable(name)}")
        if name not in starts:
            message = f"the recipe has no stage '{printable(name)}'"
            problems.append(Problem("unknown-stage", message, place, did_you_mean(name, list(starts))))
        while at in starts and at not in kept:
            record = folder.standing(at)
            if record is None:
                message = f"there is no finished stage '{at}' in {relative_to_cwd(folder.path)}"
                problems.append(Problem("no-stage", message, place, "train it, without --keep"))
                break
            kept[at], at = record.key, starts[at]
    raise_errors(problems)
    return kept


def _installed() -> dict[str, str]:
    return {name: version(name) for name in DECIDING_PACKAGES}


def _versions(software: Mapping[str, str]) -> dict[str, str]:
    return {name: ".".join(software[name].split(".")[:2]) for name in DECIDING_PACKAGES if name in software}


def changes(
    planned: PlannedStage, record: StageRecord, recipe: LoadedRecipe, template: Template, *, start_stands: bool
) -> Iterator[str]:
    """Why a stage is trained again that stands there as `record` says."""
    if record.start != planned.start:
        yield f"it goes on from '{planned.start}' now, not from '{record.start}'"
    if record.use != planned.stage.use:
        yield f"it was a '{record.use}' stage"
    if not start_stands:
        yield f"'{planned.start}', which it goes on from, is another"
    if record.template["sha256"] != hashlib.sha256(template.served.encode()).hexdigest():
        yield "the template"
    training = planned.training
    if training is None or record.data is None:
        return
    trainer = training.card.stage.trainer
    yield from _differing(deciding(trainer, record.settings or {}), deciding(trainer, training.settings.full))
    if record.adapter != training.adapter:
        yield "the adapter's settings"
    if record.quantisation != recipe.file.quantisation:
        yield "the quantisation"
    if record.data.lock != training.card.lock:
        yield f"the data: build {training.card.lock[:16]}, not {record.data.lock[:16]}"
    before = {"train_on": ", ".join(record.data.train_on), "reasoning": record.data.reasoning}
    now = {"train_on": ", ".join(training.rows.train_on), "reasoning": recipe.file.reasoning}
    yield from _differing(before, now)
    yield from _differing(_versions(record.software), _versions(_installed()))


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield f"{name}: {_shown(now.get(name))}, not {_shown(before.get(name))}"


def _shown(value: Any) -> str:
    return "the default" if value is None else str(value)


def other_versions(record: StageRecord) -> Iterator[str]:
    """The packages that a stage was trained with and that are installed in another version now."""
    for name, number in record.software.items():
        if name != "bezoar-data" and number != (now := version(name)):
            yield f"{name} {number} (now {now})"
