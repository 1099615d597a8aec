"""What can be wrong with the steps of a pipeline: found along the DAG, from the catalogue alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, meta

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import LoadedModels
from bezoar_data.config.files.pipeline import LoadedPipeline, PipelineFile, StepUse
from bezoar_data.config.files.step_graph import written_steps
from bezoar_data.config.paths import relative_to_cwd, similar_file_hint
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.where import Where
from bezoar_data.config.yaml.document import Document, YamlPath
from bezoar_data.llms.templates.bounded import parsed
from bezoar_data.pipeline.columns import Column, RowColumns, after, in_all, together
from bezoar_data.pipeline.peek import peek
from bezoar_data.pipeline.resolve import check_external, entry_of, find_entry, unknown_step
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.catalogue.entry import Setting
from bezoar_data.steps.external import ExternalEntry

_TEMPLATE, _COLUMNS = "template", "columns"
"""How distilabel's tasks call a prompt's template and the columns it is filled with."""


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


@dataclass(frozen=True, slots=True)
class CheckedSteps:
    """What one pass along the DAG found."""

    problems: tuple[Problem, ...]
    columns: Mapping[str, RowColumns | None]
    """The columns of the rows that leave each step, by its id; None where they are not known."""


def check_steps(
    loaded: LoadedPipeline,
    catalogue: Mapping[str, StepEntry],
    models: LoadedModels | None,
    *,
    models_wanted: bool,
    reads: bool = True,
) -> CheckedSteps:
    """Every problem of the steps: unknown ones, their settings, roles, files and columns, and how they end.

    `models_wanted` says that no models file was named at all, which is a mistake where a step asks a model. With
    `reads`, files are looked at: their first rows, rubrics.
    """
    found = _Pass(loaded, catalogue, models, models_wanted, reads)
    problems = tuple(found.problems())
    return CheckedSteps(problems, found.columns)


def _not_there(setting: Setting | None, path: Path) -> tuple[str, str]:
    """Message and remedy for a file that a setting names. A word without a suffix may be a name of what comes along."""
    if setting is not None and setting.names and not path.suffix:
        hint = did_you_mean(path.name, setting.names)
        return f"there is no {setting.name} '{printable(path.name)}'", f"{hint}; one of your own is named by its file"
    hint = similar_file_hint(path)
    if not hint and not path.suffix and setting is not None and setting.name == "path":
        hint = "a dataset of the Hub is named with 'hub:' instead of 'path:'"
    return f"there is no file '{printable(relative_to_cwd(path), 200)}'", hint or "a path is relative to this file"


def check_written(document: Document, catalogue: Mapping[str, StepEntry], models: LoadedModels | None) -> list[Problem]:
    """What is known of steps with mistakes of their own: unknown ones, settings they do not take, unknown roles."""
    problems: list[Problem] = []
    for step in written_steps(document.value):
        use, settings = step.value.get("use"), step.value.get("with", {})
        given = settings if isinstance(settings, dict) else {}
        entry = find_entry(catalogue, use, given, starts=step.index == 0) if isinstance(use, str) else None
        if entry is not None and isinstance(settings, dict):
            problems += check_settings(document, step.index, entry, settings)
            problems += _check_expressions(document, step.index, entry, settings, None)
            problems += _unknown_roles(document, step.index, entry, settings, models)
        elif entry is None and isinstance(use, str):
            problems.append(unknown_step(document, step.index, use, catalogue))
    return problems


class _Pass:
    """One pass along the DAG, with the columns that rows have after each step."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        catalogue: Mapping[str, StepEntry],
        models: LoadedModels | None,
        models_wanted: bool,
        reads: bool,
    ) -> None:
        self._loaded = loaded
        self._file = loaded.file
        self._document = loaded.document
        self._catalogue = catalogue
        self._models = models
        self._models_wanted = models_wanted
        self._reads = reads
        self.columns: dict[str, RowColumns | None] = {}
        """Columns of the rows that leave a step; None where a mistake before makes them unknown."""

    def problems(self) -> Iterator[Problem]:
        for i in topological(self._file):
            use = self._file.steps[i]
            entry = entry_of(self._catalogue, self._file, i)
            self.columns[use.id] = None
            if entry is None:
                yield unknown_step(self._document, i, use.use, self._catalogue)
                continue
            wrong = check_settings(self._document, i, entry, use.settings)
            yield from wrong
            yield from check_external(self._document, i, use, entry)
            yield from self._check_place(i, use, entry)
            if not wrong:
                yield from self._check_roles(i, use, entry)
                yield from self._check_files(i, use, entry)
                yield from self._check_columns(i, use, entry)
                yield from _check_template(self._document, i, entry, use.settings)
            yield from _check_expressions(self._document, i, entry, use.settings, self._before(i))
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
        if isinstance(entry, ExternalEntry) and not entry.settings_known:
            return  # whether its `model` names a role is known when a run imports it
        for name in entry.role_settings:
            path = ("steps", i, "with", name)
            if self._models_wanted:
                hint = "add 'models: FILE' to the pipeline, or say --models FILE"
                message = f"'{use.use}' asks a model, but the pipeline names no models file"
                yield self._document.problem("no-models", message, path, hint=hint)
                return
        yield from _unknown_roles(self._document, i, entry, use.settings, self._models)

    def _check_files(self, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
        for name, path in input_files(self._loaded, i, entry) if self._reads else ():
            setting = entry.setting(name)
            if not path.exists() and not any(c in str(path) for c in "*?["):
                at = self._loaded.setting_path(use.id, name)
                message, hint = _not_there(setting, path)
                yield self._document.problem("missing-file", message, at, hint=hint)
            elif setting is not None and path.is_file():
                try:
                    setting.read(Path(relative_to_cwd(path)))
                except InputError as error:
                    yield from error.problems

    def _check_columns(self, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
        reads, writes = entry.columns(dict(use.settings))
        branches = [self.columns[name] for name in self._file.parents(i)]
        known = [b for b in branches if b is not None]
        before = together(known)
        if branches and len(known) == len(branches):
            yield from self._check_join(i, use, known)
            for column in reads:
                if not in_all(known, use.join, column):
                    yield self._missing(i, use, column, before.known)
            if not entry.makes and entry.kind != "source":
                yield from self._check_written(i, use, [c for c in writes if c in before.known and c not in reads])
        elif entry.kind != "source":
            return
        read = None
        if entry.files is not None:
            paths = [path for name, path in input_files(self._loaded, i, entry) if name == "path"]
            peeked = peek(use.id, entry, dict(use.settings), paths if self._reads else [])
            yield from peeked.problems
            at: YamlPath = ("steps", i, "with", "keep")
            for said in peeked.warnings:
                yield replace(self._document.problem("missing-column", said, at), level="warning")
            read = peeked.columns
        yield from self._check_reserved(i, use, [*writes, *(read.known if read is not None else ())])
        if not isinstance(entry, ExternalEntry) or entry.leaves_known:
            self.columns[use.id] = after(use.id, entry, dict(use.settings), before, read)

    def _check_written(self, i: int, use: StepUse, twice: Iterable[str]) -> Iterator[Problem]:
        for column in twice:
            message = f"the column '{printable(column)}' is there already; '{use.use}' would write over it"
            path = self._said(i, use, column)
            yield self._document.problem("column-twice", message, path, hint="give it another name")

    def _check_reserved(self, i: int, use: StepUse, writes: Sequence[str]) -> Iterator[Problem]:
        for column in (*LINEAGE_COLUMNS, RESERVED):
            if column in writes:
                message = f"'{column}' is kept for lineage and cannot be written"
                hint = f"give it another name: keep: {{{column}: source_{column}}}" if "keep" in use.settings else ""
                yield self._document.problem("reserved-column", message, self._said(i, use, column), hint=hint)

    def _before(self, i: int) -> RowColumns | None:
        """The columns of the rows that reach a step, those of one branch of a union included; None: not known."""
        branches = [self.columns[name] for name in self._file.parents(i)]
        known = [branch for branch in branches if branch is not None]
        return together(known) if known and len(known) == len(branches) else None

    def _missing(self, i: int, use: StepUse, column: str, before: Mapping[str, Column]) -> Problem:
        if column in before:
            message = f"not every branch provides the column '{printable(column)}' that '{use.use}' reads"
            hint = f"'{before[column].by}' writes it; the rows of the other branches would not have it"
        else:
            message = f"no step before provides the column '{printable(column)}' that '{use.use}' reads"
            hint = did_you_mean(column, sorted(before))
        return self._document.problem("missing-column", message, self._said(i, use, column), hint=hint)

    def _check_join(self, i: int, use: StepUse, branches: Sequence[RowColumns]) -> Iterator[Problem]:
        """Equal rows that are joined have one value for each column: two steps of different branches may not write
        the same one."""
        if use.join != "join":
            return
        for column in dict.fromkeys(c for branch in branches for c in branch.known):
            by = sorted({branch.known[column].by for branch in branches if column in branch.known})
            if len(by) > 1:
                message = f"the column '{printable(column)}' differs between the branches: {', '.join(by)} wrote it"
                hint = "give it another name in one branch, or write it before they part"
                yield self._document.problem("column-twice", message, ("steps", i, "after"), hint=hint)

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


def check_settings(document: Document, i: int, entry: StepEntry, settings: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for keys, code, message, hint in entry.check_settings(settings):
        key = code in ("unknown-key", "missing-key")
        problems.append(document.problem(code, message, ("steps", i, "with", *keys), hint=hint, key=key))
    return problems


def _unknown_roles(
    document: Document, i: int, entry: StepEntry, settings: Mapping[str, Any], models: LoadedModels | None
) -> Iterator[Problem]:
    for name in entry.role_settings if models is not None else ():
        role = settings.get(name)
        if models is not None and isinstance(role, str) and role not in models.file.roles:
            message = f"there is no role '{printable(role)}' in {models.path}"
            hint = did_you_mean(role, list(models.file.roles))
            yield document.problem("unknown-role", message, ("steps", i, "with", name), hint=hint)


def _check_expressions(
    document: Document, i: int, entry: StepEntry, settings: Mapping[str, Any], columns: RowColumns | None
) -> Iterator[Problem]:
    """What is wrong with the `where` expressions of a step whose rows have these columns, if it is known."""
    for name in entry.expressions:
        expression = settings.get(name)
        if isinstance(expression, str) and expression:
            known = columns or RowColumns(more=True)
            try:
                where = Where.parse(expression, document.place(("steps", i, "with", name)))
                yield from where.check(known.names, known.types, known.why)
            except InputError as error:
                yield from error.problems


def _check_template(document: Document, i: int, entry: StepEntry, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """A template that cannot be read, or names what no column fills: that place would silently stay empty."""
    filled = entry.setting(_COLUMNS)
    template = settings.get(_TEMPLATE)
    if entry.setting(_TEMPLATE) is None or filled is None or not isinstance(template, str):
        return
    path = ("steps", i, "with", _TEMPLATE)
    try:
        named = meta.find_undeclared_variables(parsed(template))
    except TemplateSyntaxError as error:
        why = printable(str(error.message), 200)
        yield document.problem("bad-template", f"the template cannot be read: {why}", path)
        return
    given = settings.get(_COLUMNS, filled.default)
    columns = [given] if isinstance(given, str) else list(given or ())
    for name in sorted(named - set(columns)):
        hint = did_you_mean(name, columns) + f"; '{_COLUMNS}' says which columns fill it"
        message = f"the template names '{printable(name)}', which is none of its columns"
        yield document.problem("missing-column", message, path, hint=hint)


def input_files(loaded: LoadedPipeline, i: int, entry: StepEntry) -> Iterator[tuple[str, Path]]:
    """The files a step reads, as (setting, path), made absolute from where they were written."""
    use = loaded.file.steps[i]
    for name in entry.input_paths:
        value: Any = use.settings.get(name)
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, str) and entry.is_path(name, one):
                yield name, loaded.resolve(one, loaded.setting_path(use.id, name)).absolute()
