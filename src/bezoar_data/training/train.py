"""Training from a recipe: `prepare` checks and plans everything without loading a weight, `train` runs what is left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import BASE, TOKENIZERS_OWN, LoadedRecipe
from bezoar_data.config.files.recipe_check import load_recipe
from bezoar_data.config.problems import Problem
from bezoar_data.training.data.datasets import StageCard, StageRows, find_cards, read_rows, seeds_on_both_sides
from bezoar_data.training.distributed import is_first, meet, part, world_size
from bezoar_data.training.estimate.forecast import Forecaster
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.policy import Commercial, hold_to_policy
from bezoar_data.training.progress import Progress
from bezoar_data.training.settings import adapter_settings, check_joined, fit, with_defaults, written_settings

if TYPE_CHECKING:
    from bezoar_data.training.chain import Describe
    from bezoar_data.training.data.template import Template
    from bezoar_data.training.estimate.model_shape import Shape
    from bezoar_data.training.planned import Planned


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe held against its cards, with every stage's examples."""

    recipe: LoadedRecipe
    folder: TrainingFolder
    template: Template
    stages: list[Planned]
    base: str
    """The key of the base."""
    shape: Shape | None
    """Of the base; None where its configuration is not here."""
    warnings: tuple[str, ...]

    def finished(self, planned: Planned) -> dict[str, Any] | None:
        return self.folder.finished(planned.stage.id, planned.key)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a recipe's training left."""

    folder: Path
    stages: list[dict[str, Any]]
    """Each stage's `stage.json`, in order."""

    @property
    def model(self) -> Path:
        """The folder of the last stage."""
        return self.folder / str(self.stages[-1]["stage"])


def prepare(path: Path, *, runs: Path, out: Path | None, commercial: Commercial) -> Prepared:
    """Check a recipe, its policy and its data, and make every stage's examples. No weights are loaded.

    Raises `InputError` and `PolicyRefused`, each with everything found.
    """
    recipe = load_recipe(path)
    check_joined(recipe)
    cards = find_cards(recipe, runs)
    hold_to_policy(recipe, cards.values(), commercial)
    rows = {i: read_rows(recipe, card) for i, card in cards.items()}
    _need_libraries()
    folder = TrainingFolder(out or Path("trained") / recipe.file.name)
    template = _template(recipe, rows)
    forecaster = Forecaster(recipe, folder.path.parent)
    stages, base = _plan(recipe, cards, rows, template, forecaster)
    return Prepared(recipe, folder, template, stages, base, forecaster.shape, tuple(_warnings(recipe, rows, stages)))


def train(prepared: Prepared, progress: Progress, describe: Describe) -> Trained:
    """Run every stage that is not done; the same call again goes on after an interruption. `describe` makes the model
    card of a stage's `stage.json`."""
    from bezoar_data.training.chain import run_chain

    meet(use_cpu=bool(prepared.recipe.file.training.get("use_cpu")))
    with prepared.folder.held() if is_first() else nullcontext():
        stages = run_chain(
            prepared.recipe,
            prepared.folder,
            prepared.stages,
            prepared.template,
            progress,
            base=prepared.base,
            describe=describe,
        )
    part()
    return Trained(prepared.folder.path, stages)


def _need_libraries() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "peft", "trl", "matplotlib") if find_spec(name) is None]
    if missing:
        message = f"training needs {', '.join(missing)}"
        raise InputError(Problem("missing-library", message, hint="pip install 'bezoar-data[train]'"))
    _hush()


def _hush() -> None:
    """Bars and advice of the libraries are of no use beside our own lines."""
    import logging as standard
    import warnings

    import datasets
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    standard.getLogger("bitsandbytes").setLevel(standard.ERROR)
    if not os.environ.get("BEZOAR_DEBUG"):
        warnings.filterwarnings("ignore", module=r"(transformers|trl|peft|bitsandbytes|torch|accelerate)\b")


def _template(recipe: LoadedRecipe, rows: Mapping[int, StageRows]) -> Template:
    from bezoar_data.training.data.template import load_template
    from bezoar_data.training.models import base_start, load_tokenizer
    from bezoar_data.training.random_base import make_tokenizer

    file = recipe.file
    place = recipe.document.place(("base",), key=True)
    if file.base.make is not None:
        tokenizer = make_tokenizer(file.base.make, _texts(rows))
    else:
        tokenizer = load_tokenizer(base_start(recipe, Path()), place)
    if file.template == TOKENIZERS_OWN:
        return load_template(tokenizer, None, place)
    return load_template(tokenizer, recipe.resolve(file.template), recipe.document.place(("template",)))


def _texts(rows: Mapping[int, StageRows]) -> Iterator[str]:
    """Every text that is trained on, in the order of the stages."""
    for _, stage in sorted(rows.items()):
        for row in stage.train:
            for column in stage.view.values():
                value = row[column]
                if isinstance(value, str):
                    yield value
                elif isinstance(value, list):
                    yield from (turn["content"] for turn in value if isinstance(turn, Mapping))


def _plan(
    recipe: LoadedRecipe,
    cards: Mapping[int, StageCard],
    rows: Mapping[int, StageRows],
    template: Template,
    forecaster: Forecaster,
) -> tuple[list[Planned], str]:
    from bezoar_data.training.chain import base_key, rows_key, stage_key
    from bezoar_data.training.data.examples import make_examples
    from bezoar_data.training.planned import Planned

    base = base_key(recipe, template.tokenizer)
    keys = {BASE: base}
    planned: list[Planned] = []
    problems: list[Problem] = []
    for i, stage in enumerate(recipe.file.stages):
        start = recipe.file.start(i)
        examples = settings = forecast = None
        if stage.use != "merge":
            written = written_settings(recipe, i)
            examples = make_examples(stage.use, rows[i], template, with_defaults(stage.use, written))
            settings = fit(stage.use, written, len(examples.train), len(examples.held_out), world_size())
            if not examples.train:
                left_out = ", ".join(f"{n} {why}" for why, n in examples.counts["train"].left_out.items())
                message = f"no row of the stage '{stage.id}' can be learnt from: {left_out}"
                problems.append(Problem("no-rows", message, recipe.document.place(("stages", i))))
        adapter = adapter_settings(recipe, i)
        if examples is not None and settings is not None:
            forecast = forecaster.stage(stage, examples, settings, adapter)
        decides = {"stage": stage.model_dump(mode="json"), "adapter": adapter}
        decides["settings"] = dict(settings.given) if settings is not None else None
        keys[stage.id] = stage_key(recipe, decides, keys[start], template, rows_key(examples))
        passed_over = rows[i].passed_over if i in rows else 0
        card = cards.get(i)
        planned.append(
            Planned(i, stage, start, keys[stage.id], card, examples, settings, adapter, passed_over, forecast)
        )
    if problems:
        raise InputError(problems)
    return planned, base


def _warnings(recipe: LoadedRecipe, rows: Mapping[int, StageRows], stages: list[Planned]) -> Iterator[str]:
    """What a person should know before training starts: rows cut short, left out, on both sides."""
    for planned in stages:
        if planned.examples is None:
            continue
        for side, counted in planned.examples.counts.items():
            told = f"{planned.stage.id}, {side}:"
            if counted.truncated:
                yield f"{told} {counted.truncated:,} of {counted.examples:,} examples are longer than max_length; cut"
            for why, number in sorted(counted.left_out.items()):
                yield f"{told} {number:,} of {counted.rows:,} rows left out: {why}"
        shared = sum(1 for _ in seeds_on_both_sides(rows[planned.index]))
        if shared:
            yield f"{planned.stage.id}: rows of {shared:,} seeds stand on both sides of the dataset's own splits"
