"""Ablations from Python: what each step of a pipeline is worth to a model that learns from its rows."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.api.ablation_check import CheckedAblation, check_ablation, overrides_of
from bezoar_data.api.ablation_data import MadeData, make_data
from bezoar_data.api.pipelines import Pipeline, load_pipeline
from bezoar_data.api.recipes import load_recipe
from bezoar_data.config.errors import BezoarError, InputError, PolicyRefused
from bezoar_data.config.files.ablation import Variant
from bezoar_data.config.problems import Problem
from bezoar_data.config.render import in_order
from bezoar_data.config.sanitize import clean_text
from bezoar_data.evaluation.ablated import ABLATION, Ablated, Data, Trained, VariantResult, compare_variants
from bezoar_data.evaluation.items import Evaluated, read_evaluated
from bezoar_data.evaluation.run import evaluate
from bezoar_data.evaluation.run import plan as plan_suite
from bezoar_data.evaluation.targets import model_target
from bezoar_data.reports.ablation import AblationReport
from bezoar_data.reports.ablation_plan import AblationPlan
from bezoar_data.reports.validation import Validation
from bezoar_data.runs.folder import write_json, write_text
from bezoar_data.training.instead import Instead

if TYPE_CHECKING:
    from bezoar_data.training.planned import Prepared


def load_ablation(
    path: str | Path,
    *,
    runs: str | Path = "runs",
    trained: str | Path = "trained",
    out: str | Path = "evaluated",
    journal: str | Path | None = None,
    max_cost: float | None = None,
) -> Ablation:
    """An ablation file. Nothing is read or checked yet.

    `runs`, `trained` and `out` are the folders that hold data, models and evaluations, each in one of the ablation's
    name; `journal` is the journal of answers (default: the project's), `max_cost` the most that may be spent on all
    variants together, in US dollars.
    """
    return Ablation(
        Path(path), Path(runs), Path(trained), Path(out), Path(journal) if journal is not None else None, max_cost
    )


@dataclass(frozen=True)
class Ablation:
    """An ablation file and where its parts are left: see `load_ablation`, which makes one."""

    path: Path
    runs: Path = Path("runs")
    trained: Path = Path("trained")
    out: Path = Path("evaluated")
    journal: Path | None = None
    max_cost: float | None = None

    def validate(self) -> Validation:
        """Check the file with all it names. Runs nothing, and does not raise for mistakes: they are what it gives."""
        try:
            return Validation((self.path,), in_order(check_ablation(self.path).warnings))
        except InputError as error:
            return Validation((self.path,), in_order(error.problems))

    def plan(self) -> AblationPlan:
        """What `run` would ask and cost, how many trainings and evaluations it takes, and the smallest difference that
        these can show. Sends nothing, writes nothing. Raises `InputError`."""
        work = _Work(self, check_ablation(self.path), quiet=True)
        from bezoar_data.plan.placeholders import Asked

        asked = Asked()  # shared: what one variant asks, the next finds
        plans = {
            name: [pipeline.plan(asked=asked).plan for pipeline in work.pipelines(name).values()]
            for name in work.variants
        }
        return AblationPlan(
            file=work.file,
            plans=plans,
            changes={name: change(variant) for name, variant in work.variants.items()},
            stages=len(work.instead(None, None)["stages"]),
            tasks=plan_suite(work.checked.suite),
            max_cost=self.max_cost,
        )

    def run(self, *, quiet: bool = False) -> AblationReport:
        """Make every variant's data, train and evaluate it with every seed, and compare each with the whole pipeline.
        The same call again goes on after an interruption: data, stages and tasks that are done stay.

        A variant that cannot be made is told with its reason, and the others go on. Raises `InputError` where that is
        the whole pipeline, and what `Pipeline.run` raises.
        """
        return _Work(self, check_ablation(self.path), quiet=quiet).run()


def change(variant: Variant) -> str:
    """What a variant leaves out or changes, in words."""
    parts = [f"without {', '.join(variant.without)}"] if variant.without else []
    parts += [f"{name.removeprefix('steps.')} = {value}" for name, value in variant.settings.items()]
    parts += [f"{role} {word}" for role, word in (("models", variant.models), *variant.named.items()) if word]
    return "; ".join(parts)


class _Failed(Exception):
    """A variant that cannot be made, and why."""


@dataclass
class _Work:
    """One run of an ablation."""

    ablation: Ablation
    checked: CheckedAblation
    quiet: bool
    spent: float = 0.0
    stages: dict[str, Path] = field(default_factory=dict)
    """Finished stages and bases, by their keys."""
    models: dict[str, str] = field(default_factory=dict)
    """By the key of its stage: the training that was evaluated."""

    def __post_init__(self) -> None:
        self.file = self.checked.loaded.file
        self.variants = self.checked.loaded.variants
        self.told: set[str] = set()
