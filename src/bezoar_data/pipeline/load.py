"""Reading a pipeline file with everything it names, and checking all of it before anything runs or is spent.

No step's code is imported here: the catalogue holds what steps read, write and take. Every mistake in every file
is found and reported together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.models import LoadedModels, load_models_file
from bezoar_data.config.files.named_model import models_by_name
from bezoar_data.config.files.pipeline import LoadedPipeline, read_pipeline_file
from bezoar_data.config.files.recorded import missing_answers
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.shipped import as_named
from bezoar_data.llms.providers.base import known_providers
from bezoar_data.pipeline.check import check_steps, check_written, topological
from bezoar_data.pipeline.check_judges import check_judge_names
from bezoar_data.pipeline.check_models import (
    check_answering,
    check_models,
    check_named,
    old_prices,
    reaches_out,
    used_roles,
)
from bezoar_data.pipeline.columns import RowColumns
from bezoar_data.pipeline.resolve import check_modules, check_trust, entry_of
from bezoar_data.pipeline.trust import PulledFolder
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external import ExternalEntry


@dataclass(frozen=True)
class Checked:
    """A pipeline file that was checked against the catalogue, with what it names. `order` is topological."""

    loaded: LoadedPipeline
    models: LoadedModels | None
    card: Path | None
    order: tuple[int, ...]
    """Indices into the file's steps, each step after those it takes rows from."""
    entries: tuple[StepEntry, ...]
    """The catalogue's entry of each step, by its index in the file."""
    step_columns: Mapping[str, RowColumns | None]
    """The columns of the rows that leave each step, by its id; None where they are not known."""
    warnings: tuple[Problem, ...] = ()
    recorded: tuple[Path, ...] = ()
    """Files of recorded answers besides those that the files name."""

    @property
    def columns(self) -> Mapping[str, str | None] | None:
        """The columns of the dataset with their types, those of the lineage aside; None where they are not known."""
        return None if self._last is None or self._last.more else self._last.types

    @property
    def _last(self) -> RowColumns | None:
        taken = {parent for parent, _ in self.loaded.file.edges()}
        return next(self.step_columns[s.id] for s in self.loaded.file.steps if s.id not in taken)

    @property
    def types(self) -> Mapping[str, str | None]:
        """The types of the dataset's columns, as far as they are known."""
        return self._last.types if self._last is not None else {}

    @property
    def answers(self) -> tuple[Path, ...]:
        """The files of recorded answers, of the pipeline and of its models."""
        return (*self.recorded, *self.loaded.answers, *(self.models.answers if self.models is not None else ()))

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that steps use and the models file has."""
        return () if self.models is None else used_roles(self.loaded.file, self.entries, self.models)

    def unchecked(self) -> Iterator[str]:
        """What only a run can find out."""
        for use, entry in zip(self.loaded.file.steps, self.entries, strict=True):
            if isinstance(entry, ExternalEntry) and not entry.settings_known:
                yield f"settings and columns of '{printable(use.use)}', which only a run imports"
            if isinstance(hub := use.settings.get("hub"), str) and entry.setting("hub") is not None:
                yield f"the dataset '{printable(hub)}' on the Hub, which only a run fetches"
        if any(reaches_out(self.models, role) for role in self.roles):
            yield f"whether the models answer: bezoar-data models check {as_named(self.loaded.path)}"

    def notes(self) -> Iterator[str]:
        """What a person should know before a run beside `warnings`."""
        yield from dict.fromkeys(old_prices(self.roles, self.models))


def load(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    without: Sequence[str] = (),
    models: Path | None = None,
    named: Mapping[str, str] | None = None,
    max_cost: float | None = None,
    to_run: bool = False,
    trust_code: bool = False,
    recorded: Sequence[Path] | None = None,
    needs_card: bool = True,
) -> Checked:
    """Read and check a pipeline and what it names.

    `without` names steps that are left out. `models` is a models file instead of the pipeline's; `named` are models
    in one word by role, which replace those of the file (`config.files.named_model`). `max_cost` is a budget in
    place of the file's own: with either, models need a price. With `to_run`, what this machine lacks, such as a key
    in the environment, is an error and not a warning, and so are steps that run text as code, and what a pulled
    pipeline takes of this machine, unless `trust_code` says that they may. With `recorded`, files of answers, no
    model is to be asked, and none need be reachable or priced. Without `needs_card` the card that it names need not
    be there. Raises `InputError` with every problem found if one of them is an error.
    """
    catalogue = load_catalogue()
    models = models_by_name(models, path.parent / "models") if models is not None else None
    read = read_pipeline_file(path, overrides, without)
    problems = list(read.problems)
    if read.file is None:
        raise InputError(problems)
    loaded = LoadedPipeline(read.file, read.document, path, read.overridden)
    pulled = PulledFolder.around(path, trusted=trust_code)
    foreign = list(pulled.named(loaded, own_models=models is not None))
    models_path = models
    if models_path is None and loaded.file.models is not None:
        models_path = loaded.resolve(loaded.file.models, ("models",))
    read_models: LoadedModels | None = None
    # What lies outside of a pulled folder is not even looked at.
    if (models_path is not None or named) and not foreign:
        try:
            read_models = load_models_file(models_path, known_providers(), named)
        except InputError as error:
            missing = models is None and models_path is not None and not models_path.exists()
            problems += _placed(error, loaded) if missing else error.problems
    card = loaded.resolve(loaded.file.card, ("card",)) if loaded.file.card is not None else None
    if needs_card and not foreign:
        problems += _missing_card(loaded, card)
    problems += missing_answers(loaded.document, loaded.answers) if not foreign else ()
    if not read.steps_sound:
        raise InputError([*problems, *check_written(loaded.document, catalogue, read_models)])
    found = [entry_of(catalogue, loaded.file, i) for i in range(len(loaded.file.steps))]
    foreign += pulled.all_of(loaded, found, None if models is not None else read_models)
    models_wanted = models_path is None and not named and not read.problems
    steps = check_steps(loaded, catalogue, read_models, models_wanted=models_wanted, reads=not foreign)
    problems += steps.problems
    if read_models is not None:
        budget = max_cost is not None or loaded.file.max_cost is not None
        roles = used_roles(loaded.file, found, read_models)
        problems += check_named(named or {}, roles)
        if recorded is None:
            problems += check_models(roles, read_models, budget=budget, to_run=to_run)
        problems += check_answering(loaded, found, read_models)
        problems += check_judge_names(loaded, found, read_models)
    problems += _of_code(loaded, foreign, runs=to_run or recorded is not None, trust_code=trust_code)
    raise_errors(problems)
    entries = tuple(entry for entry in found if entry is not None)
    order = topological(loaded.file)
    return Checked(loaded, read_models, card, order, entries, steps.columns, tuple(problems), tuple(recorded or ()))


def _of_code(loaded: LoadedPipeline, foreign: list[Problem], *, runs: bool, trust_code: bool) -> Iterator[Problem]:
    """What is wrong with the code that the steps are, and with what a pulled pipeline takes of this machine."""
    if runs:  # modules are then imported, and checked by that
        yield from (*check_trust(loaded.document, loaded.file, trust_code), *foreign)
    elif foreign:
        yield from (replace(p, level="warning") for p in foreign)
    else:
        yield from check_modules(loaded.document, loaded.file)


def _missing_card(loaded: LoadedPipeline, card: Path | None) -> Iterator[Problem]:
    if card is not None and not card.is_file():
        hint = f"`bezoar-data card init {relative_to_cwd(loaded.path)}` writes it; without 'card:' there is a plain one"
        yield loaded.document.problem("missing-file", f"there is no card {card}", ("card",), hint=hint)


def _placed(error: InputError, loaded: LoadedPipeline) -> Sequence[Problem]:
    """A models file that is not there is a mistake of the pipeline file's line that names it."""
    place = loaded.document.place(("models",))
    return [Problem(p.code, p.message, place, p.hint or "name another with --models FILE") for p in error.problems]
