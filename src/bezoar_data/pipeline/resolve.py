"""Finding what is known of the steps that a pipeline file names: ours, distilabel's, and those of modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import PipelineFile, StepUse
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml import Document
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external.entry import PREFIX, ExternalEntry
from bezoar_data.steps.external.registry import distilabel_steps, module_step, unknown_distilabel_step
from bezoar_data.steps.external.source_text import NO_MODULE, read_step


def find_entry(
    catalogue: Mapping[str, StepEntry], use: str, settings: Mapping[str, Any], *, starts: bool
) -> StepEntry | None:
    """What is known of a step by its name in a file. `starts` says that no step comes before it: what a module's step
    does is not known otherwise."""
    if use.startswith(PREFIX):
        return distilabel_steps().get(use)
    if ":" in use and use not in catalogue:
        return _as_written(module_step(use, settings, starts=starts))
    return catalogue.get(use)


def _as_written(entry: ExternalEntry) -> ExternalEntry:
    """A module's step with what its text says; what is wrong in that, `check_modules` tells."""
    try:
        read = read_step(entry.use).entry
    except InputError:
        read = None
    return entry if read is None else entry.as_read(read)


def check_modules(document: Document, file: PipelineFile) -> Iterator[Problem]:
    """What is wrong with the modules of a person's steps, as far as their text shows it. That one is not found is a
    warning: it may be where the pipeline will run."""
    for i, use in enumerate(file.steps):
        if ":" not in use.use or use.use.startswith(PREFIX) or use.use in load_catalogue():
            continue
        place = document.place(("steps", i, "use"))
        try:
            if read_step(use.use).unread == NO_MODULE:
                message = f"there is no module '{printable(use.use.partition(':')[0])}' here"
                hint = "modules are looked for in the current folder and among the installed packages"
                yield Problem("unknown-step", message, place, hint, "warning")
        except InputError as error:
            yield from (replace(p, place=p.place or place) for p in error.problems)


def entry_of(catalogue: Mapping[str, StepEntry], file: PipelineFile, i: int) -> StepEntry | None:
    """What is known of the file's i-th step, with the columns it is given there."""
    use = file.steps[i]
    entry = find_entry(catalogue, use.use, use.settings, starts=not file.parents(i))
    return entry.used_with(use.columns, use.writes) if isinstance(entry, ExternalEntry) else entry


def unknown_step(document: Document, i: int, use: str, catalogue: Mapping[str, StepEntry]) -> Problem:
    place = document.place(("steps", i, "use"))
    if use.startswith(PREFIX):
        return replace(unknown_distilabel_step(use), place=place)
    hint = did_you_mean(use, list(catalogue))
    if not hint.startswith("did you mean"):
        hint = "see: bezoar-data steps list"
    return Problem("unknown-step", f"there is no step '{printable(use)}'", place, hint)


def check_external(document: Document, i: int, use: StepUse, entry: StepEntry) -> Iterator[Problem]:
    """What is wrong with what a file says only of steps that are not ours: `columns:` and `writes:`."""
    at = ("steps", i)
    if not isinstance(entry, ExternalEntry) or entry.read is not None:
        for key, given in (("columns", use.columns), ("writes", use.writes)):
            if given:
                hint = _columns_of(entry) if key == "columns" else "leave it out: what this step writes is known"
                message = f"'{key}' is for steps that are not ours"
                yield document.problem("external-only", message, (*at, key), hint=hint, key=True)
        return
    if entry.seen and use.writes is not None and use.use.startswith(PREFIX):
        hint = "leave it out, and give columns other names under 'columns:'"
        message = f"what '{use.use}' writes is known"
        yield document.problem("external-only", message, (*at, "writes"), hint=hint, key=True)
    for keys, code, message, hint in entry.check_columns(use.settings):
        yield document.problem(code, message, (*at, "columns", *keys), hint=hint, key=True)


def _columns_of(entry: StepEntry) -> str:
    """How a step of ours is told which columns it reads and writes."""
    if entry.setting("columns") is not None:
        return "write it under 'with:': it is a setting of this step"
    named = [s.name for s in entry.settings if any(f"{{{s.field}}}" in c for c in (*entry.reads, *entry.writes))]
    if named:
        names = ", ".join(f"'{name}'" for name in named)
        return f"under 'with:', {names} says which columns it takes"
    return f"it reads {' and '.join(entry.reads) or 'no column'}, always by this name: have an earlier step write that"


def check_trust(document: Document, file: PipelineFile, trust_code: bool) -> Iterator[Problem]:
    """Steps that run text of data or of models as code, unless the person trusts it."""
    for i, use in enumerate(file.steps):
        entry = distilabel_steps().get(use.use)
        if entry is not None and entry.trusts and not trust_code:
            message = f"'{use.use}' runs text of rows or of models' answers as code"
            hint = "say --trust-code if the rows and the model are yours to trust"
            yield document.problem("untrusted-code", message, ("steps", i, "use"), hint=hint)
