"""All steps by the names pipeline files use, built-in and distilabel's, without importing any of them."""

from __future__ import annotations

from collections.abc import Mapping

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external.entry import PREFIX
from bezoar_data.steps.external.registry import distilabel_steps, unknown_distilabel_step
from bezoar_data.steps.external.source_text import read_step


def known_steps() -> Mapping[str, StepEntry]:
    """Built-in ones first, then those of installed packages, then distilabel's."""
    return {**load_catalogue(), **distilabel_steps()}


def find_step(use: str) -> StepEntry:
    """The step of that name, that of a module as its text says. Raises `InputError` that names the nearest one, or says
    why it is refused."""
    found = known_steps().get(use)
    if found is not None:
        return found
    if use.startswith(PREFIX):
        raise InputError(unknown_distilabel_step(use))
    if ":" in use:
        read = read_step(use)
        if read.entry is not None:
            return read.entry
        raise InputError(Problem("unknown-step", f"nothing is known of '{use}': {read.unread}"))
    raise InputError(
        Problem("unknown-step", f"there is no step '{use}'", hint=did_you_mean(use, list(load_catalogue())))
    )
