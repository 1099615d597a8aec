"""What each stage of a recipe will take, and how it is computed: shape, machine, memory and time brought together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import LoadedRecipe, Stage
from bezoar_data.training.data.examples import Example, Examples
from bezoar_data.training.estimate.duration import Interval, seconds
from bezoar_data.training.estimate.kernels import Speed, choose_speed, trains_in_half
from bezoar_data.training.estimate.machine import Machine, this_machine
from bezoar_data.training.estimate.memory import Work, memory, work
from bezoar_data.training.estimate.model_shape import Shape, adapter_weights, empty_model, read_config, shape_of
from bezoar_data.training.models import told_base
from bezoar_data.training.settings import Settings, with_defaults


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one stage. Without the base's configuration nothing is estimated."""

    machine: Machine
    speed: Speed
    memory: Mapping[str, int] | None
    """Bytes, by what holds them."""
    flops: float | None
    seconds: Interval | None
    basis: str
    """What the time stands on, or why there is none."""

    def as_json(self) -> dict[str, Any]:
        total = sum(self.memory.values()) if self.memory is not None else None
        return {
            "memory_bytes": total,
            "memory": dict(self.memory) if self.memory is not None else None,
            "flops": self.flops,
            "seconds": list(self.seconds) if self.seconds is not None else None,
            "basis": self.basis,
        }


class Forecaster:
    """Looks a recipe's base up once, and forecasts each of its stages."""

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
    def shape(self) -> Shape | None:
        """None where the base's configuration is not here."""
        return shape_of(self._model) if self._model is not None else None

    def stage(
        self, stage: Stage, examples: Examples, settings: Settings, adapter: Mapping[str, Any] | None
    ) -> Forecast:
        """The forecast of a stage that trains."""
        full = with_defaults(stage.use, settings.given)
        machine = this_machine(use_cpu=bool(full.get("use_cpu")))
        shape, quantisation = self.shape, self._recipe.file.quantisation
        trained = 0
        if shape is not None:
            trained = shape.weights if adapter is None else adapter_weights(self._config, adapter)
        todo = self._work(stage.use, examples, full, settings.steps)

        def parts(*, checkpointing: bool, attention: str = "sdpa") -> dict[str, int] | None:
            if shape is None:
                return None
            return memory(
                *(shape, todo, full, quantisation, trained),
                all_weights=adapter is None,
                attention=attention,
                checkpointing=checkpointing,
            )

        def peak(checkpointing: bool) -> int | None:
            found = parts(checkpointing=checkpointing)
            return sum(found.values()) if found is not None else None

        named = self._recipe.file.base.attn_implementation
        model = type(self._model) if self._model is not None else None
        speed = choose_speed(stage.use, settings.given, named, model, machine, peak)
        found = parts(checkpointing=speed.checkpointing, attention=speed.attention)
        if shape is None or found is None:
            return Forecast(machine, speed, None, None, None, "the base is on the Hub and not here")
        flops = todo.flops(shape, trained, all_weights=adapter is None)
        took, basis = seconds(
            *(machine, stage.use, told_base(self._recipe), flops, shape.layers, todo.passes),
            half=trains_in_half(full),
            trained=self._trained,
        )
        return Forecast(machine, speed, found, flops, took, basis)

    @staticmethod
    def _work(use: str, examples: Examples, full: Mapping[str, Any], steps: int) -> Work:
        longest = full.get("max_length") or 10**9
        train, held_out = ([_lengths(e, longest) for e in side] for side in (examples.train, examples.held_out))
        return work(use, train, held_out, full, steps)


def _lengths(example: Example, longest: int) -> list[int]:
    """Tokens of each sequence that an example is to a model."""
    if "input_ids" in example:
        return [len(example["input_ids"])]
    prompt = len(example["prompt_ids"])
    return [min(prompt + len(example[side]), longest) for side in ("chosen_ids", "rejected_ids")]
