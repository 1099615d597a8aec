"""Training from a recipe: `prepare` checks and plans everything without loading a weight, `train` runs what is left."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.problems import Problem
from bezoar_data.runs.stage_record import StageRecord
from bezoar_data.training.bases import base_key, check_base, commit_of, is_folder, source
from bezoar_data.training.chain import Describe, run_chain
from bezoar_data.training.data.datasets import StageCard, TruthOf, find_cards, read_rows, seeds_on_both_sides
from bezoar_data.training.data.examples import StageRows, make_examples
from bezoar_data.training.data.template import Template, load_template
from bezoar_data.training.distributed import destroy_process_group, init_process_group, is_first, world_size
from bezoar_data.training.estimate.estimator import Estimator
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.instead import Instead
from bezoar_data.training.keys import other_versions, plan_stages
from bezoar_data.training.models import load_tokenizer
from bezoar_data.training.planned import PlannedStage, PlannedTraining, Prepared, ReadRecipe
from bezoar_data.training.policy import Commercial, enforce_policy
from bezoar_data.training.progress import Progress
from bezoar_data.training.random_base import make_tokenizer
from bezoar_data.training.round_trip import check_template
from bezoar_data.training.settings import adapter_settings, fit, setting_place, with_defaults, written_settings
from bezoar_data.training.stages.base import TrainingKind
from bezoar_data.training.stages.registry import load_recipe, stage_kinds

_COMMIT = re.compile(r"[0-9a-f]{40}")
_OTHERWISE = "in a history the template writes them otherwise than a model says them"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a recipe's training left."""

    folder: Path
    stages: list[StageRecord]
    """Of each stage, in order."""


def prepare(
    path: Path,
    *,
    runs: Path,
    out: Path | None,
    commercial: Commercial,
    truth_of: TruthOf,
    keep: Sequence[str] = (),
    instead: Instead | None = None,
) -> Prepared:
    """Check a recipe, its policy and its data, and make every stage's examples. No weights are loaded. `keep` names
    finished stages that stay, whatever they were made from.

    Raises `InputError` and `PolicyRefused`, each with everything found.
    """
    read = read_recipe(path, runs=runs, out=out, commercial=commercial, truth_of=truth_of, instead=instead)
    recipe, folder, cards, rows = read.recipe, read.folder, read.cards, read.rows
    _need_libraries()
    check_base(recipe)
    template = _template(recipe, rows)
    estimator = Estimator(recipe, folder.path.parent)
    base = base_key(recipe, template.tokenizer)
    trainings = _trainings(recipe, cards, rows, template, estimator)
    stages = plan_stages(recipe, folder, template, trainings, base, keep)
    warnings = (*not_pinned(recipe), *_warnings(template, stages), *_other_versions(folder, stages))
    return Prepared(recipe, folder, template, stages, base, estimator.model_config, warnings)


def read_recipe(
    path: Path,
    *,
    runs: Path,
    out: Path | None,
    commercial: Commercial,
    truth_of: TruthOf,
    instead: Instead | None = None,
) -> ReadRecipe:
    """Check a recipe, its policy and its data. Raises `InputError` and `PolicyRefused`."""
    instead = instead or Instead()
    recipe = instead.of(load_recipe(path))
    folder = TrainingFolder(out or Path("trained") / recipe.file.name)
    folder.refuse_another(recipe.file.name)
    cards = find_cards(recipe, runs, truth_of, instead.built)
    enforce_policy(recipe, cards.values(), commercial)
    rows = {i: read_rows(recipe, card) for i, card in cards.items()}
    return ReadRecipe(recipe, folder, cards, rows)


def missing_libraries() -> list[str]:
    """The packages that training needs and that are not installed."""
    return [name for name in ("torch", "transformers", "peft", "trl", "matplotlib") if find_spec(name) is None]


def train(prepared: Prepared, progress: Progress, describe: Describe) -> Trained:
    """Run every stage that is not done; the same call again goes on after an interruption. `describe` makes the model
    card of a stage's record."""
    init_process_group(use_cpu=bool(prepared.recipe.file.training.get("use_cpu")))
    with prepared.folder.held() if is_first() else nullcontext():
        stages = run_chain(prepared, progress, describe)
    destroy_process_group()
    return Trained(prepared.folder.path, stages)


def _need_libraries() -> None:
    if missing := missing_libraries():
        message = f"training needs {', '.join(missing)}"
        raise InputError(Problem("missing-library", message, hint="pip install 'bezoar-data[train]'"))
    _silence_libraries()


def _silence_libraries() -> None:
    """Their progress bars and advice would stand between our own lines."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if not os.environ.get("BEZOAR_DEBUG"):
        warnings.filterwarnings("ignore", module=r"(transformers|trl|peft|bitsandbytes|torch|accelerate)\b")


def _template(recipe: LoadedRecipe, rows: Mapping[int, StageRows]) -> Template:
    file = recipe.file
    place = recipe.document.place(("base",), key=True)
    if file.base.make is not None:
        tokenizer = make_tokenizer(file.base.make, _texts(rows))
    else:
        tokenizer = load_tokenizer(source(recipe), place)
    return load_template(recipe, tokenizer)


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


def _trainings(
    recipe: LoadedRecipe,
    cards: Mapping[int, StageCard],
    rows: Mapping[int, StageRows],
    template: Template,
    estimator: Estimator,
) -> dict[int, PlannedTraining]:
    """What each stage that trains learns from, by its index. Raises `InputError` for all of them."""
    found: dict[int, PlannedTraining] = {}
    problems: list[Problem] = []
    for i, card in cards.items():
        found[i] = _training(recipe, card, rows[i], template, estimator)
        counts = found[i].examples.counts["train"]
        if not counts.examples:
            left_out = ", ".join(f"{n} {why}" for why, n in counts.left_out.items())
            message = f"no row of the stage '{card.stage.id}' can be learnt from: {left_out}"
            problems.append(Problem("no-rows", message, recipe.document.place(("stages", i))))
        problems += _no_steps(recipe, i, found[i])
        problems += _too_long(recipe, i, found[i], estimator)
    raise_errors(problems)
    check_template(template, recipe.document.place(("template",)))
    return found


def _training(
    recipe: LoadedRecipe, card: StageCard, rows: StageRows, template: Template, estimator: Estimator
) -> PlannedTraining:
    stage, kind = card.stage, stage_kinds()[card.stage.use]
    assert isinstance(kind, TrainingKind)  # noqa: S101 (it has a card)
    written = written_settings(recipe, stage)
    full = with_defaults(stage.trainer, written)
    examples = make_examples(rows, kind.examples(rows, template, full), full)
    settings = fit(stage.trainer, written, len(examples.train), len(examples.held_out), world_size())
    adapter = adapter_settings(recipe, stage)
    sequences = [kind.sequences(example) for example in examples.train]
    tokens = examples.counts["train"].tokens * settings.epochs(len(examples.train))
    estimate = estimator.stage(stage, settings, adapter, sequences, tokens)
    longest = max((max(lengths) for lengths in sequences), default=0)
    return PlannedTraining(card, rows, examples, settings, adapter, estimate, longest)


def _no_steps(recipe: LoadedRecipe, i: int, training: PlannedTraining) -> Iterator[Problem]:
    """Settings under which a stage takes no step."""
    full, rows = training.settings.full, len(training.examples.train)
    batch = full["per_device_train_batch_size"]
    if full["dataloader_drop_last"] and 0 < rows < batch:
        message = f"no step is taken: the stage has {rows} examples, and a batch of {batch} that is not full is dropped"
        hint = "leave 'dataloader_drop_last' out, or take a smaller 'per_device_train_batch_size'"
        yield Problem("no-steps", message, setting_place(recipe, i, "dataloader_drop_last"), hint)
    elif training.settings.steps < 1:
        yield Problem("no-steps", "no step is taken", setting_place(recipe, i, "num_train_epochs"), "give more than 0")


def _too_long(recipe: LoadedRecipe, i: int, training: PlannedTraining, estimator: Estimator) -> Iterator[Problem]:
    """Sequences of more tokens than the base has positions for."""
    positions = estimator.model_config.positions if estimator.model_config is not None else None
    written, longest = training.settings.given.get("max_length"), training.longest
    if positions is not None and (written or longest) > positions:
        message = f"the base has positions for {positions:,} tokens; "
        message += f"'max_length' is {written:,}" if written else f"an example has {longest:,}"
        place, hint = setting_place(recipe, i, "max_length"), f"say 'max_length: {positions}', or less"
        if "max_completion_length" in training.settings.full:
            place = setting_place(recipe, i, "max_completion_length")
            hint = "take a smaller 'max_completion_length', or leave out long prompts with 'max_prompt_length'"
        yield Problem("too-long", message, place, hint)


def _warnings(template: Template, stages: list[PlannedStage]) -> Iterator[str]:
    """What a person should know before training starts: rows cut short, left out, on both sides."""
    yield from template.notes
    for planned in stages:
        if planned.training is None:
            continue
        for side, counted in planned.training.examples.counts.items():
            name = f"{planned.stage.id}, {side}:"
            if counted.truncated:
                yield f"{name} {counted.truncated:,} of {counted.examples:,} examples are longer than max_length; cut"
            if counted.replies_passed:
                yield f"{name} {counted.replies_passed:,} earlier replies are not learnt: {_OTHERWISE}"
            for why, number in sorted(counted.left_out.items()):
                yield f"{name} {number:,} of {counted.rows:,} rows left out: {why}"
        yield from (f"{planned.stage.id}: {note}" for note in planned.training.rows.notes)
        shared = sum(1 for _ in seeds_on_both_sides(planned.training.rows))
        if shared:
            yield f"{planned.stage.id}: rows of {shared:,} seeds are on both sides of the dataset's own splits"


def not_pinned(recipe: LoadedRecipe) -> Iterator[str]:
    """A base of which the Hub may have another tomorrow, be it another README: its commit is in every key."""
    base = recipe.file.base
    if base.model is None or is_folder(base.model) or _COMMIT.fullmatch(base.revision or ""):
        return
    now = commit_of(base.model, base.revision)
    pin = f"say 'revision: {now}'" if now else "say 'revision:' with the hash of a commit"
    yield f"the base is not pinned: any change of its repository on the Hub retrains all stages; {pin}"


def _other_versions(folder: TrainingFolder, stages: list[PlannedStage]) -> Iterator[str]:
    """Stages that stay and were trained with other releases than those installed, once for the same ones."""
    found: dict[str, list[str]] = {}
    for planned in stages:
        record = folder.finished(planned.stage.id, planned.key)
        if record is not None and (others := ", ".join(other_versions(record))):
            found.setdefault(others, []).append(planned.stage.id)
    for others, names in found.items():
        yield f"{', '.join(names)}: done with {others}"
