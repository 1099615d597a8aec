"""What each stage of a recipe will take, and the kernels that compute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.training.estimate.duration import Interval, seconds
from bezoar_data.training.estimate.kernels import Kernels, choose_kernels
from bezoar_data.training.estimate.machine import Machine, this_machine
from bezoar_data.training.estimate.memory import memory
from bezoar_data.training.estimate.model_config import (
    ModelConfig,
    adapter_weights,
    config_of,
    empty_model,
    read_config,
)
from bezoar_data.training.models import describe_base
from bezoar_data.training.settings import Settings


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to compute in a stage."""

    use: str
    sequences: Sequence[Sequence[int]]
    """The lengths of each example's sequences."""
    tokens: float
    """All that is trained on, in all epochs."""
    settings: Settings
    adapter: Mapping[str, Any] | None
    padding_free: bool
    has_reference: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one stage."""

    machine: Machine
    kernels: Kernels
    memory: Mapping[str, int] | None
    """Bytes, by what holds them; None where the base's configuration is not here."""
    seconds: Interval | None
    basis: str
    """What the time follows from, or why there is none."""

    def as_json(self) -> dict[str, Any]:
        return {
            "memory_bytes": sum(self.memory.values()) if self.memory is not None else None,
            "memory": dict(self.memory) if self.memory is not None else None,
            "seconds": list(self.seconds) if self.seconds is not None else None,
            "basis": self.basis,
        }


class Estimator:
    """Looks a recipe's base up once, and estimates each of its stages."""

    def __init__(self, recipe: LoadedRecipe, trained: Path) -> None:
        """`trained` is the folder that holds the folders of all trainings."""
        self._recipe = recipe
        self._trained = trained

    @cached_property
    def _config(self) -> Any | None:
        return read_config(self._recipe)

    @cached_property
    def _model(self) -> Any:
        return empty_model(self._config) if self._config is not None else None

    @cached_property
    def model_config(self) -> ModelConfig | None:
        """None where the base's configuration is not here."""
        return config_of(self._model) if self._model is not None else None

    def stage(self, work: Work) -> Estimate:
        """The estimate of a stage that trains."""
        full, adapter, config = work.settings.full, work.adapter, self.model_config
        machine = this_machine(use_cpu=bool(full.get("use_cpu")))
        longest = max((max(lengths) for lengths in work.sequences), default=0)
        sides = max((len(lengths) for lengths in work.sequences), default=1)
        batch = full["per_device_train_batch_size"] * sides, min(longest, full.get("max_length") or longest)
        trained = 0
        if config is not None:
            trained = config.weights if adapter is None else adapter_weights(self._config, adapter)

        def parts(checkpointing: bool, attention: str = "sdpa") -> dict[str, int] | None:
            if config is None:
                return None
            return memory(
                *(config, batch, full, self._recipe.file.quantisation, trained),
                all_weights=adapter is None,
                attention=attention,
                checkpointing=checkpointing,
                has_reference=work.has_reference,
            )

        def peak(checkpointing: bool) -> int | None:
            found = parts(checkpointing)
            return sum(found.values()) if found is not None else None

        attention = self._recipe.file.base.attn_implementation
        model = type(self._model) if self._model is not None else None
        kernels = choose_kernels(work.settings.given, attention, model, machine, peak, padding_free=work.padding_free)
        took, basis = seconds(self._trained, machine, work.use, describe_base(self._recipe), work.tokens)
        return Estimate(machine, kernels, parts(kernels.checkpointing, kernels.attention), took, basis)
