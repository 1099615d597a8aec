"""What each stage of a recipe will take, and the kernels that compute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import LoadedRecipe, TrainingStage
from bezoar_data.training.bases import describe_base
from bezoar_data.training.estimate.duration import Interval, seconds
from bezoar_data.training.estimate.kernels import Kernels, choose_kernels
from bezoar_data.training.estimate.machine import Machine, this_machine
from bezoar_data.training.estimate.memory import memory
from bezoar_data.training.estimate.model_config import adapter_weights, config_of, empty_model, read_config
from bezoar_data.training.settings import Settings


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
        self._config = read_config(recipe)
        self._model = empty_model(self._config) if self._config is not None else None
        self.model_config = config_of(self._model) if self._model is not None else None

    def stage(
        self,
        stage: TrainingStage,
        settings: Settings,
        adapter: Mapping[str, Any] | None,
        sequences: Sequence[Sequence[int]],
        tokens: float,
    ) -> Estimate:
        """`sequences` are the lengths of each example's sequences, `tokens` all that is trained on, in all epochs."""
        full, config = settings.full, self.model_config
        machine = this_machine(use_cpu=bool(full.get("use_cpu")))
        longest = max((max(lengths) for lengths in sequences), default=0)
        sides = max(map(len, sequences), default=1)
        batch = full["per_device_train_batch_size"] * sides, min(longest, full.get("max_length") or longest)
        trained = 0
        if config is not None:
            trained = config.weights if adapter is None else adapter_weights(self._config, adapter)

        def parts(attention: str, *, checkpointing: bool) -> dict[str, int] | None:
            if config is None:
                return None
            how = {"all_weights": adapter is None, "checkpointing": checkpointing, "has_reference": stage.has_reference}
            return memory(config, batch, full, self._recipe.file.quantisation, trained, attention=attention, **how)

        kept = parts("sdpa", checkpointing=False)
        kernels = choose_kernels(
            stage,
            settings.given,
            self._recipe.file.base.attn_implementation,
            type(self._model),
            machine,
            sum(kept.values()) if kept is not None else None,
        )
        found = parts(kernels.attention, checkpointing=kernels.checkpointing)
        took, basis = seconds(self._trained, machine, stage.use, describe_base(self._recipe), tokens)
        return Estimate(machine, kernels, found, took, basis)
