"""Which kernels compute a stage, where the recipe leaves it open: by what is installed and what fits.

Only what leaves the result as it is, but for the last digits, is chosen here: the attention's implementation, fused
kernels, activation checkpointing, batches without padding. What a recipe writes stands. None of it is part of
a stage's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.estimate.machine import Machine

ROOM = 0.5
"""Activations are kept where the estimate is below this share of the device's memory. The estimate has not been checked
on a GPU."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """What was chosen for a stage, or written in the recipe."""

    attention: str
    settings: Mapping[str, bool]
    """Of the trainer's settings, those that were chosen."""
    checkpointing: bool

    def as_json(self) -> dict[str, Any]:
        return {"attn_implementation": self.attention, "checkpointing": self.checkpointing, **self.settings}

    def __str__(self) -> str:
        kept = "activation checkpointing" if self.checkpointing else "no activation checkpointing"
        more = [name for name, chosen in self.settings.items() if chosen and not name.startswith("gradient")]
        return ", ".join([f"attention {self.attention}", kept, *more])


def choose_kernels(
    stage: TrainingStage,
    written: Mapping[str, Any],
    attention: str | None,
    model: type[Any],
    machine: Machine,
    kept: int | None,
) -> Kernels:
    """`written` are the recipe's settings, `attention` what it names, `model` the base's class where that is known,
    `kept` the estimated peak of memory in bytes where activations are kept."""
    attention = attention or _attention(model, machine, half=trains_in_half(written))
    settings: dict[str, bool] = {}
    if "use_liger_kernel" not in written and machine.liger:
        settings["use_liger_kernel"] = True
    if stage.padding_free and attention.startswith("flash") and not {"packing", "padding_free"} & set(written):
        settings["padding_free"] = True
    again = written.get("activation_checkpointing", written.get("gradient_checkpointing"))
    if again is None:
        again = kept is None or kept > ROOM * machine.memory
        settings["gradient_checkpointing"] = again
    return Kernels(attention, settings, bool(again))


def trains_in_half(settings: Mapping[str, Any]) -> bool:
    """Whether a trainer multiplies in half precision: TRL's `bf16` holds unless it, or `fp16`, says otherwise."""
    bf16 = settings.get("bf16")
    return bool(settings.get("fp16")) or bool(bf16 if bf16 is not None else True)


def _attention(model: type[Any], machine: Machine, *, half: bool) -> str:
    if machine.half_flash and half and getattr(model, "_supports_flash_attn", False):
        return machine.half_flash[0]
    return "sdpa" if getattr(model, "_supports_sdpa", True) else "eager"
