"""What can be wrong with the steps of a pipeline: found along the DAG, from the catalogue alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bezoar_data.llms.providers.base import provider_class
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED
from bezoar_data.spec.clean import shown
from bezoar_data.spec.errors import Problem, did_you_mean
from bezoar_data.spec.graph import written_steps
from bezoar_data.spec.models_file import LoadedModels
from bezoar_data.spec.pipeline_file import LoadedPipeline, PipelineFile, StepUse
from bezoar_data.spec.yaml_text import Document, YamlPath
from bezoar_data.steps.catalogue import StepEntry


def topological(file: PipelineFile) -> tuple[int, ...]:
    """Indices of the steps, each after those it takes rows from, otherwise in the file's order."""
    index = {step.id: i for i, step in enumerate(file.steps)}
    waiting = {i: {index[p] for p in file.parents(i)} for i in range(len(file.steps))}
    followers: dict[int, list[int]] = {i: [] for i in waiting}
    for i, parents in waiting.items():
        for parent in parents:
            followers[parent].append(i)
    ready = [i for i, parents in waiting.items() if not parents]
    done: list[int] = []
    while ready:
        i = heapq.heappop(ready)
        done.append(i)
        for follower in followers[i]:
            waiting[follower].discard(i)
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    return tuple(done)


def check_steps(
    loaded: LoadedPipeline, catalogue: Mapping[str, StepEntry], models: LoadedModels | None, *, models_wanted: bool
) -> list[Problem]:
    """Every problem of the steps: unknown ones, their settings, roles, files and columns, and how they end.

    `models_wanted` says that no models file was named at all, which is a mistake where a step asks a model.
    """
    return list(_Walk(loaded, catalogue, models, models_wanted).problems())


def check_written(document: Document, catalogue: Mapping[str, StepEntry]) -> list[Problem]:
    """What can be told of the steps of a file with mistakes of its own: unknown ones, and settings they do not take."""
    problems: list[Problem] = []
    for step in written_steps(document.value):
        use, settings = step.value.get("use"), step.value.get("with", {})
        entry = catalogue.get(use) if isinstance(use, str) else None
        if entry is not None and isinstance(settings, dict):
            problems += _check_settings(document, step.index, entry, settings)
        elif entry is None and isinstance(use, str):
            problems.append(_unknown_step(document, step.index, use, catalogue))
    return problems


def check_keys(loaded: LoadedPipeline, catalogue: Mapping[str, StepEntry], models: LoadedModels) -> list[Problem]:
    """What the endpoints in use lack before they can be asked: a key in the environment, an address."""
    used: dict[str, None] = {}
    for use in loaded.file.steps:
        entry = catalogue.get(use.use)
        for name in entry.role_settings if entry else ():
            role = use.settings.get(name)
            if isinstance(role, str) and role in models.file.roles:
                used.setdefault(role)
    problems = []
    for role in used:
        model = models.file.roles[role]
        for i, one in enumerate((model, *model.fallbacks)):
            path: YamlPath = ("roles", role) if i == 0 else ("roles", role, "fallbacks", i - 1)
            for p in provider_class(one.provider)(one).problems():
                problems.append(replace(p, place=p.place or models.document.place(path)))
    return problems


class _Walk:
    """One walk along the DAG, with the columns that rows have after each step."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        catalogue: Mapping[str, StepEntry],
        models: LoadedModels | None,
        models_wanted: bool,
    ) -> None:
        self._loaded = loaded
        self._file = loaded.file
        self._document = loaded.document
        self._catalogue = catalogue
        self._models = models
        self._models_wanted = models_wanted
        self._columns: dict[str, set[str] | None] = {}
        """Columns of the rows that leave a step; None where a mistake before makes them unknown."""

    def problems(self) -> Iterator[Problem]:
        for i in topological(self._file):
            use = self._file.steps[i]
            entry = self._catalogue.get(use.use)
            self._columns[use.id] = None
            if entry is None:
                yield _unknown_step(self._document, i, use.use, self._catalogue)
                continue
            wrong = _check_settings(self._document, i, entry, use.settings)
            yield from wrong
            yield from self._check_place(i, use, entry)
            if not wrong:
                yield from self._check_roles(i, use, entry)
                yield from self._check_files(i, use, entry)
                yield from self._check_columns(i, use, entry)
        yield from self._check_end()

    def _check_place(self, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
        parents = self._file.parents(i)
        if entry.kind == "source" and parents:
            hint = "add 'after: []' to start a second source here" if use.after is None else "make it 'after: []'"
            message = f"'{use.use}' starts rows, so it takes none from '{parents[0]}'"
            yield self._document.problem("source-after", message, ("steps", i, "use"), hint=hint)
        if entry.kind != "source" and not parents:
            hint = "put a source before it, such as load_flan"
            message = f"'{use.use}' takes rows, but nothing comes before it"
            yield self._document.problem("no-rows", message, ("steps", i, "use"), hint=hint)

    def _check_roles(self, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
        for name in entry.role_settings:
            path = ("steps", i, "with", name)
            role = use.settings.get(name)
            if self._models_wanted:
                hint = "add 'models: FILE' to the pipeline, or say --models FILE"
                message = f"'{use.use}' asks a model, but no models file says who answers"
                yield self._document.problem("no-models", message, path, hint=hint)
                return
            if self._models is not None and role not in self._models.file.roles:
                message = f"there is no role '{shown(str(role))}' in {self._models.path}"
                hint = did_you_mean(str(role), list(self._models.file.roles))
                yield self._document.problem("unknown-role", message, path, hint=hint)

    def _check_files(self, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
        for name, path in input_files(self._loaded, i, entry):
            if not path.exists() and not any(c in str(path) for c in "*?["):
                at = self._loaded.setting_path(use.id, name)
                yield self._document.problem("missing-file", f"there is no file {shown(str(path))}", at)

    def _check_columns(self, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
        reads, writes = entry.columns(dict(use.settings))
        before = self._before(i)
        if before is not None:
            for column in reads:
                if column not in before:
                    message = f"no step before provides the column '{shown(column)}' that '{use.use}' reads"
                    hint = did_you_mean(column, sorted(before))
                    yield self._document.problem("missing-column", message, self._said(i, use, column), hint=hint)
            for column in writes:
                if column in before and column not in reads and not entry.makes:
                    message = f"the column '{shown(column)}' is there already; '{use.use}' would write over it"
                    path = self._said(i, use, column)
                    yield self._document.problem("column-twice", message, path, hint="give it another name")
            for column in (*LINEAGE_COLUMNS, RESERVED):
                if column in writes:
                    message = f"'{column}' is kept for lineage and cannot be written"
                    yield self._document.problem("reserved-column", message, self._said(i, use, column))
        elif entry.kind != "source":
            return
        optional = entry.optional_columns(dict(use.settings))
        carried = set() if entry.makes else before or set()
        self._columns[use.id] = carried | set(writes) | set(optional)

    def _before(self, i: int) -> set[str] | None:
        parents = [self._columns[name] for name in self._file.parents(i)]
        if not parents or any(p is None for p in parents):
            return None
        return set().union(*(p for p in parents if p is not None))

    def _said(self, i: int, use: StepUse, column: str) -> YamlPath:
        """Where the file names a column: the setting that holds it, else the step."""
        for name, value in use.settings.items():
            if value == column or (isinstance(value, list | tuple) and column in value):
                return ("steps", i, "with", name)
        return ("steps", i, "use")

    def _check_end(self) -> Iterator[Problem]:
        taken = {parent for parent, _ in self._file.edges()}
        ends = [i for i, step in enumerate(self._file.steps) if step.id not in taken]
        if len(ends) > 1:
            names = ", ".join(self._file.steps[i].id for i in ends)
            hint = "let a last step come 'after:' all of them, with 'join: union' or 'join: join'"
            message = f"the pipeline ends in several steps ({names}); a dataset comes from one"
            yield self._document.problem("several-ends", message, ("steps", ends[0], "use"), hint=hint)


def _unknown_step(document: Document, i: int, use: str, catalogue: Mapping[str, StepEntry]) -> Problem:
    path: YamlPath = ("steps", i, "use")
    if ":" in use:
        message = f"'{shown(use)}' is not a registered step, and other steps cannot be run yet"
        return document.problem("unknown-step", message, path, hint="see: bezoar-data steps list")
    hint = did_you_mean(use, list(catalogue))
    if not hint.startswith("did you mean"):
        hint = "see: bezoar-data steps list"
    return document.problem("unknown-step", f"there is no step '{shown(use)}'", path, hint=hint)


def _check_settings(document: Document, i: int, entry: StepEntry, settings: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for keys, code, message, hint in entry.check_settings(settings):
        key = code in ("unknown-key", "missing-key")
        problems.append(document.problem(code, message, ("steps", i, "with", *keys), hint=hint, key=key))
    return problems


def input_files(loaded: LoadedPipeline, i: int, entry: StepEntry) -> Iterator[tuple[str, Path]]:
    """The files a step reads, as (setting, path), made absolute from where they were written."""
    use = loaded.file.steps[i]
    for name in entry.input_paths:
        value: Any = use.settings.get(name)
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, str) and entry.is_path(name, one):
                yield name, loaded.resolve(one, loaded.setting_path(use.id, name)).absolute()
