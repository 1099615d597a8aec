"""Reading a pipeline file with everything it names, and checking all of it before anything runs or is spent.

No step's code is imported here: what steps read, write and take stands in the catalogue. Every mistake in every file
is found and reported together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.llms.providers.base import known_providers
from bezoar_data.pipeline.check import check_keys, check_steps, check_written, topological
from bezoar_data.spec.errors import InputError, Problem
from bezoar_data.spec.models_file import LoadedModels, load_models_file
from bezoar_data.spec.pipeline_file import LoadedPipeline, read_pipeline_file
from bezoar_data.steps.catalogue import StepEntry, load_catalogue


@dataclass(frozen=True)
class Plan:
    """A pipeline file that was checked against the catalogue, with what it names. `order` is topological."""

    loaded: LoadedPipeline
    models: LoadedModels | None
    card: Path | None
    order: tuple[int, ...]
    """Indices into the file's steps, each step after those it takes rows from."""
    entries: tuple[StepEntry, ...]
    """The catalogue's entry of each step, by its index in the file."""


def load(path: Path, *, overrides: Sequence[str] = (), models: Path | None = None, to_run: bool = False) -> Plan:
    """Read and check a pipeline and what it names. With `to_run`, missing keys and inputs are mistakes too.

    Raises `InputError` with every problem found.
    """
    catalogue = load_catalogue()
    read = read_pipeline_file(path, overrides)
    problems = list(read.problems)
    loaded: LoadedPipeline | None = None
    if read.file is not None and not problems:
        loaded = LoadedPipeline(read.file, read.document, path, read.overridden)
    else:
        problems += check_written(read.document, catalogue)
    models_path = models
    if models_path is None and loaded is not None and loaded.file.models is not None:
        models_path = loaded.resolve(loaded.file.models, ("models",))
    read_models: LoadedModels | None = None
    if models_path is not None:
        try:
            read_models = load_models_file(models_path, known_providers())
        except InputError as error:
            problems += _placed(error, loaded) if models is None and not models_path.exists() else error.problems
    if loaded is None:
        raise InputError(problems)
    card = loaded.resolve(loaded.file.card, ("card",)) if loaded.file.card is not None else None
    if card is not None and not card.is_file():
        hint = "write it, or leave 'card:' out for a plain one"
        problems.append(loaded.document.problem("missing-file", f"there is no card {card}", ("card",), hint=hint))
    problems += check_steps(loaded, catalogue, read_models, models_wanted=models_path is None)
    if to_run and read_models is not None:
        problems += check_keys(loaded, catalogue, read_models)
    if any(p.level == "error" for p in problems):
        raise InputError(problems)
    entries = tuple(catalogue[use.use] for use in loaded.file.steps)
    return Plan(loaded, read_models, card, topological(loaded.file), entries)


def _placed(error: InputError, loaded: LoadedPipeline | None) -> Sequence[Problem]:
    """A models file that is not there is a mistake of the pipeline file's line that names it."""
    if loaded is None:
        return error.problems
    place = loaded.document.place(("models",))
    return [Problem(p.code, p.message, place, p.hint or "name another with --models FILE") for p in error.problems]
