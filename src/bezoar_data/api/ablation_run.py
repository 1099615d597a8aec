"""One run of an ablation: data, trainings, evaluations and what they say, each only where it is not there yet."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bezoar_data.api.ablation_check import CheckedAblation, overrides_of
from bezoar_data.api.ablation_data import Made, VariantFailed, data_of, make
from bezoar_data.api.evaluating import evaluate
from bezoar_data.api.pipelines import Pipeline, load_pipeline
from bezoar_data.api.recipes import Recipe, load_recipe
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.config.problems import Problem
from bezoar_data.evaluation.ablated import Ablated, Trained, VariantResult, compare_variants
from bezoar_data.evaluation.harness import say, tasks_of
from bezoar_data.evaluation.items import Evaluated, read_evaluated
from bezoar_data.evaluation.run import check
from bezoar_data.training.instead import Instead

if TYPE_CHECKING:
    from bezoar_data.training.planned import Prepared


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of an ablation are left, and what may be spent."""

    runs: Path
    trained: Path
    out: Path
    journal: Path | None
    max_cost: float | None


@dataclass(frozen=True, slots=True)
class _Model:
    """A trained and evaluated model."""

    variant: str
    """The one it was trained for: others with the same rows have it too."""
    learnt: int
    """Rows of the variant that it learnt from."""
    evaluated: Evaluated


@dataclass
class AblationRun:
    """One run of a checked ablation. `quiet` shows no progress; `retry_failed` sends requests again that a provider
    refused for good."""

    checked: CheckedAblation
    places: Places
    quiet: bool = False
    retry_failed: bool = False
    _spent: float = 0.0
    _stages: dict[str, Path] = field(default_factory=dict)
    """Folders of finished stages and bases, by their keys: what one training left, the others need not make."""
    _models: dict[str, _Model] = field(default_factory=dict)
    """By the key of all that decides its weights."""

    def __post_init__(self) -> None:
        self.loaded = self.checked.loaded
        self.file, self.variants = self.loaded.file, self.loaded.variants

    @cached_property
    def tasks(self) -> list[str]:
        """Those of the suite's tasks that need no judge."""
        return [task.name for task in tasks_of(self.checked.suite)]

    def run(self) -> Ablated:
        """Everything. Raises `InputError` where the whole pipeline fails, and what `Pipeline.run` raises."""
        check(self.checked.suite)
        made: dict[str, list[Made]] = {}
        failed: dict[str, str] = {}
        for name in self.variants:
            try:
                made[name] = self._made(name)
            except (VariantFailed, InputError) as error:
                failed[name] = self._failed(name, error)
        trained: dict[str, Trained] = {}
        for name in made:
            try:
                trained[name] = self._trained(name, made[name])
            except (InputError, PolicyRefused) as error:
                failed[name] = self._failed(name, error)
        whole, *others = trained.values()
        results = {one.name: one for one in compare_variants(whole, others)}
        return Ablated(
            name=self.file.name,
            description=self.file.description,
            pipeline=self.checked.pipelines[self.file.whole].loaded.file.name,
            recipe=self.checked.recipe.file.name,
            suite=self.checked.suite.file.name,
            seeds=self.file.seeds,
            data_seeds=self.file.data_seeds,
            trainings=len(self._models),
            variants=tuple(results.get(name) or self._not_done(name, failed[name]) for name in self.variants),
        )

    def pipelines(self, name: str) -> dict[int | None, Pipeline]:
        """A variant's pipeline for each seed of its data."""
        variant, loaded = self.variants[name], self.loaded
        found = {}
        for seed in self.file.data_seeds or (None,):
            folder = name if seed is None else f"{name}-{seed}"
            found[seed] = load_pipeline(
                loaded.pipeline,
                models=loaded.resolve(variant.models) if variant.models is not None else None,
                teacher=variant.teacher,
                judge=variant.judge,
                set=[*overrides_of(variant), *([f"seed={seed}"] if seed is not None else [])],
                without=variant.without,
                limit=self.file.limit,
                out=self.places.runs / self.file.name / folder,
                journal=self.places.journal,
                max_cost=self.places.max_cost,
            )
        return found

    def _made(self, name: str) -> list[Made]:
        """A variant's data, for each of their seeds."""
        made = []
        for seed, pipeline in self.pipelines(name).items():
            if self.places.max_cost is not None:
                pipeline = replace(pipeline, max_cost=max(0.0, self.places.max_cost - self._spent))
            self._say(f"{name}: {self.loaded.change(name)}{f', seed {seed}' if seed is not None else ''}")
            try:
                one = make(
                    pipeline, self.checked.pipelines[name], seed, quiet=self.quiet, retry_failed=self.retry_failed
                )
            except VariantFailed as failure:
                self._spent += failure.cost
                raise
            if not one.again:
                self._spent += float(one.asked["cost"])
            else:
                self._say(f"{name}: data done already")
            made.append(one)
        return made

    def _trained(self, name: str, made: list[Made]) -> Trained:
        """A variant's models, one for each seed of training, evaluated."""
        data = made if self.file.data_seeds else made * len(self.file.seeds)
        models = [self._model(name, seed, one) for seed, one in zip(self.file.seeds, data, strict=True)]
        same = {model.variant for model in models}
        return Trained(
            name=name,
            change=self.loaded.change(name),
            left_out=self.loaded.only_leaves_out(name),
            data=data_of(made, sum(model.learnt for model in models) / len(models)),
            same_as=next(iter(same)) if len(same) == 1 and same != {name} else None,
            models=[model.evaluated for model in models],
        )

    def _model(self, name: str, seed: int, data: Made) -> _Model:
        """A model of a variant: with rows that another had already, that one's."""
        training = f"{name}-{seed}"
        instead = Instead(seed=seed, until=self.checked.stage, built={self.checked.card.resolve(): data.folder})
        recipe: Recipe = load_recipe(
            self.loaded.recipe,
            runs=self.places.runs,
            out=self.places.trained / self.file.name / training,
            instead=instead,
        )
        prepared = recipe.prepare()
        key = prepared.stages[-1].key
        if key in self._models:
            self._say(f"{training}: the rows of {self._models[key].variant}, whose model it has")
            return self._models[key]
        self._say(f"{training}: training")
        self._link(prepared)
        # What was tried out for one training need not be for the others, which differ in seed and rows.
        folder = recipe.train(quiet=self.quiet, prepared=prepared, trial=not self._models).model
        self._stages |= {planned.key: prepared.folder.stage(planned.stage.id) for planned in prepared.stages}
        self._stages[prepared.base] = prepared.folder.base
        done, out = evaluate(
            [folder],
            self.loaded.suite,
            tasks=self.tasks,
            out=self.places.out / self.file.name / training,
            runs=self.places.runs,
            quiet=self.quiet,
        )
        trainings = [one.training for one in prepared.stages if one.training is not None]
        learnt = sum(len(one.examples.train) for one in trainings if one.card.lock == data.lock.hash)
        self._models[key] = _Model(name, learnt, read_evaluated(out / done[0].model.name))
        return self._models[key]

    def _link(self, prepared: Prepared) -> None:
        """Stages and bases that another training has left are there for this one too, without a copy of the weights."""
        folder = prepared.folder
        wanted = [(prepared.base, folder.base)] if prepared.recipe.file.base.kept_here else []
        wanted += [(one.key, folder.stage(one.stage.id)) for one in prepared.stages if prepared.finished(one) is None]
        for key, place in wanted:
            if key in self._stages and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                beside = place.with_name(f".{place.name}.linked")
                shutil.rmtree(beside, ignore_errors=True)
                shutil.copytree(self._stages[key], beside, copy_function=_link)
                beside.replace(place)

    def _failed(self, name: str, error: Exception) -> str:
        """Why a variant failed. The whole pipeline must not: all others are compared with it."""
        if isinstance(error, InputError | PolicyRefused):
            if name == self.file.whole:
                raise error
            why = "; ".join(problem.in_a_line() for problem in error.problems)
        else:
            why = str(error)
        if name == self.file.whole:
            place = self.loaded.document.place(("pipeline",))
            message = f"the whole pipeline failed, with which all variants are compared: {why}"
            raise InputError(Problem("whole-failed", message, place)) from error
        self._say(f"{name}: {why}")
        return why

    def _not_done(self, name: str, why: str) -> VariantResult:
        return VariantResult(
            name=name,
            change=self.loaded.change(name),
            left_out=self.loaded.only_leaves_out(name),
            failed=why,
            data=None,
            same_as=None,
            scores=(),
            found=(),
        )

    def _say(self, text: str) -> None:
        if not self.quiet:
            say(text)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
