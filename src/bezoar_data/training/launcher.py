"""Settings for `accelerate launch`, so that several processes train a recipe: DDP, or FSDP where the weights themselves
are spread over the GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.problems import Problem
from bezoar_data.runs.folder import write_json

_COMMAND = "-m bezoar_data.cli.main train"


def write_launcher(recipe: LoadedRecipe, kind: str, processes: int, folder: Path) -> tuple[Path, list[str]]:
    """Write the settings, and give the file and the commands that train with it. Raises `InputError`."""
    settings = launcher_settings(recipe, kind, processes)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"accelerate-{kind}.json"
    write_json(path, settings)
    commands = [f"accelerate launch --config_file {path} {_COMMAND} {recipe.path}"]
    if kind == "ddp":
        commands.append(f"torchrun --standalone --nproc-per-node {processes} {_COMMAND} {recipe.path}")
    return path, commands


def launcher_settings(recipe: LoadedRecipe, kind: str, processes: int) -> dict[str, Any]:
    """Accelerate's settings for one machine, by its names. Raises `InputError` where a recipe cannot be spread so."""
    use_cpu = bool(recipe.file.training.get("use_cpu"))
    head = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_CPU" if use_cpu else "MULTI_GPU",
        "num_machines": 1,
        "machine_rank": 0,
        "num_processes": processes,
        "mixed_precision": "no",  # the trainer's bf16 and fp16 say it
        "main_training_function": "main",
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": use_cpu,
    }
    return head if kind == "ddp" else {**head, "distributed_type": "FSDP", "fsdp_config": _fsdp(recipe, use_cpu)}


def _fsdp(recipe: LoadedRecipe, use_cpu: bool) -> dict[str, Any]:
    place = recipe.document.place(("training", "use_cpu"), key=True)
    if use_cpu:
        raise InputError(Problem("bad-value", "FSDP spreads weights over GPUs", place, "take '--launcher ddp'"))
    quantisation = recipe.file.quantisation
    if quantisation is not None and quantisation.get("bnb_4bit_quant_storage") is None:
        message = "FSDP can spread 4-bit weights only where they are stored in a floating-point type"
        hint = "add 'bnb_4bit_quant_storage: bfloat16', the compute type"
        raise InputError(Problem("missing-key", message, recipe.document.place(("quantisation",), key=True), hint))
    return {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",  # of the layers that the model names
        "fsdp_reshard_after_forward": True,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
        "fsdp_offload_params": False,
        "fsdp_cpu_ram_efficient_loading": False,  # each process reads the weights itself
        "fsdp_activation_checkpointing": False,  # the trainer's setting says it
    }
