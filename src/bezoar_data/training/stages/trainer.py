"""What stages that train with TRL share: the model with its adapter, the trainer's configuration, and what is left."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.runs.stage_record import SAMPLES
from bezoar_data.training.data.packing import Example
from bezoar_data.training.distributed import is_first, world_size
from bezoar_data.training.ends import fit_embeddings, new_rows, read_bias, set_ends
from bezoar_data.training.estimate.machine import peak_memory
from bezoar_data.training.folder import last_checkpoint
from bezoar_data.training.models import load_adapter, load_weights, new_adapter, quantisation_of
from bezoar_data.training.sampling import before_and_after
from bezoar_data.training.stages.base import Done, TrainingJob, TrainingKind

if TYPE_CHECKING:
    from datasets import Dataset

LOG = "log.jsonl"
REPORTS = "reports"
"""What TensorBoard reads, kept with the stage: `tensorboard --logdir trained/NAME` shows each as a run of its own."""


def policy_model(job: TrainingJob, load: Callable[..., Any] = load_weights) -> Any:
    """The model to train: the start's weights with the adapter carried on, a new one, or none. `load` is called as
    `load_weights` is."""
    quantisation = quantisation_of(job.recipe)
    full = job.settings.full
    half = bool(full.get("bf16")) or (full.get("bf16") is None and not full.get("fp16"))
    if quantisation is not None:
        dtype = str(quantisation.bnb_4bit_compute_dtype).removeprefix("torch.")
    else:
        # All weights are trained in single precision, whatever they are multiplied in.
        dtype = "bfloat16" if half and job.adapter is not None else "float32"
    attention = job.kernels.attention
    model = load(job.start, job.place, dtype=dtype, quantisation=quantisation, attention=attention)
    model.config.use_cache = False
    had = model.get_input_embeddings().weight.shape[0]
    model = fit_embeddings(model, job.template.tokenizer)
    if job.start.adapter is not None:
        model = load_adapter(model, job.start.adapter, trainable=True)
    elif job.adapter is not None:
        rows = new_rows(model, job.template.tokenizer, had, job.adapter)
        task = "CAUSAL_LM" if job.stage.head == "language" else "SEQ_CLS"
        model = new_adapter(model, {**job.adapter, **rows}, int(full["seed"]), task)
    read_bias(model)
    if hasattr(model, "load_adapter"):
        # The trainer loads checkpoints with it. It would turn the adapter to single precision, and training would go on
        # with other numbers than without the interruption.
        model.load_adapter = partial(model.load_adapter, autocast_adapter_dtype=False)
    return model


def dataset(examples: list[Example]) -> Dataset | None:
    from datasets import Dataset

    return Dataset.from_list(examples) if examples else None


def configuration(job: TrainingJob, cls: type[Any], **ours: Any) -> Any:
    """TRL's configuration with the recipe's settings. Raises `InputError` for values that only TRL can refuse."""
    settings = {**job.settings.given, **job.settings.shared, **job.kernels.settings, **ours}
    try:
        run_name = f"{job.recipe.file.name}/{job.stage.id}"
        return cls(output_dir=str(job.work), run_name=run_name, **{"disable_tqdm": True, **settings})
    except (ValueError, TypeError, ImportError) as error:
        message = f"{cls.__name__} refuses these settings: {str(error).strip()}"
        raise InputError(Problem("bad-value", message, job.place)) from error


def run_trainer(job: TrainingJob, kind: TrainingKind) -> Done:
    """Train, from the last checkpoint if there is one, and leave the weights, the tokenizer and the log."""
    from transformers import PrinterCallback

    trainer = kind.trainer(job)
    checkpoint = last_checkpoint(job.work, world_size())
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(job.progress.callback(job.stage.id, checkpoint))
    trainer.add_callback(job.progress.counting(job.stage.id))
    if job.watch is not None and not trainer.is_fsdp_enabled:
        trainer.add_callback(job.watch.callback(job.stage.id, job.template, job.work, job.progress))
    for callback in trainer.callback_handler.callbacks:
        if hasattr(callback, "tb_writer"):
            callback.logging_dir = str(job.work / REPORTS)
    began = time.perf_counter()
    result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.perf_counter() - began
    # Where the weights are spread over processes, all of them put them together.
    whole = trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None
    if is_first():
        set_ends(trainer.model, job.template)
        save_weights(trainer.model, job.result, whole)
        job.save_tokenizer(trainer.model)
        kind.beside(job)
    measured = kind.measure(job, trainer)
    history = trainer.state.log_history
    _end_reports()
    if is_first():
        for name in (REPORTS, SAMPLES):
            if (job.work / name).exists():
                (job.work / name).rename(job.result / name)
        (job.result / LOG).write_text("".join(json.dumps(_plain(line)) + "\n" for line in history), encoding="utf-8")
    said = {"samples": found} if (found := before_and_after(job.result)) else {}
    return Done({**_metrics(history, trainer.state), **measured, **said}, _times(seconds, result.metrics, checkpoint))


def _end_reports() -> None:
    """Let the next stage be a run of its own: of these packages, a process has one run until it is told to end it."""
    for name in ("wandb", "trackio"):
        package = sys.modules.get(name)
        if package is not None and getattr(package, "run", True) is not None:
            package.finish()


def save_weights(model: Any, folder: Path, state: Any = None) -> None:
    """An adapter alone, or the whole model. A copy that served as DPO's reference is none of the result."""
    adapters = {"selected_adapters": ["default"]} if hasattr(model, "peft_config") else {}
    model.save_pretrained(str(folder), state_dict=state, **adapters)
    # peft's empty card would take the place of ours.
    (folder / "README.md").unlink(missing_ok=True)


def _metrics(history: list[dict[str, Any]], state: Any) -> dict[str, Any]:
    losses = [line["loss"] for line in history if "loss" in line]
    watched = [line["eval_loss"] for line in history if "eval_loss" in line]
    margins = [line["rewards/margins"] for line in history if "rewards/margins" in line]
    found: dict[str, Any] = {"steps": state.global_step, "epochs": state.epoch}
    if losses:
        found |= {"first_loss": losses[0], "last_loss": losses[-1]}
    if watched:
        found |= {"first_eval_loss": watched[0], "best_eval_loss": min(watched), "last_eval_loss": watched[-1]}
        found["best_step"] = state.best_global_step
    if margins:
        found |= {"first_margin": margins[0], "last_margin": margins[-1]}
    return found


def _times(seconds: float, metrics: Mapping[str, Any], checkpoint: Path | None) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 2),
        "steps_per_second": metrics.get("train_steps_per_second"),
        "resumed_from": checkpoint.name if checkpoint else None,
        "peak_memory_bytes": peak_memory(),
    }


def _plain(line: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float(value) if hasattr(value, "item") else value for key, value in line.items()}
