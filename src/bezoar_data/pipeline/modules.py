"""Steps that are not ours, when a pipeline is made to run: only now are the modules of a person's steps imported."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.pipeline import StepUse
from bezoar_data.config.problems import Problem
from bezoar_data.pipeline.check import check_steps
from bezoar_data.pipeline.resolve import entry_of
from bezoar_data.runs.row import digest
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external import ExternalEntry

if TYPE_CHECKING:
    from bezoar_data.pipeline.load import Checked

MAGPIE_PROVIDERS = ("openai-completions",)
"""Those whose prompts may end before the user's turn."""


def with_modules(checked: Checked) -> Checked:
    """What was checked, with what the classes of modules declare, checked again by it. Raises `InputError` with every
    problem."""
    uses = {use.use: i for i, use in reversed([*enumerate(checked.loaded.file.steps)]) if _unseen(checked.entries[i])}
    if not uses:
        return checked
    seen: dict[str, StepEntry] = {}
    problems: list[Problem] = []
    for name, i in uses.items():
        try:
            seen[name] = _described(name, checked.entries[i])
        except InputError as error:
            problems += placed(checked, i, error)
    if problems:
        raise InputError(problems)
    catalogue = {**load_catalogue(), **seen}
    steps = check_steps(checked.loaded, catalogue, checked.models, models_wanted=checked.models is None)
    raise_errors(steps.problems)
    found = (entry_of(catalogue, checked.loaded.file, i) for i in range(len(checked.entries)))
    entries = tuple(entry for entry in found if entry is not None)
    return replace(checked, entries=entries, step_columns=steps.columns)


@dataclass(frozen=True, slots=True)
class Unrun:
    """Stands for a step in a plan that only a run may run: what is known of it without its code."""

    name: str
    use: str
    inputs: list[str]
    outputs: list[str]


def unrun(use: StepUse, entry: StepEntry) -> Unrun:
    reads, writes = entry.columns(dict(use.settings))
    return Unrun(use.id, use.use, reads, writes)


def may_plan(entry: StepEntry) -> bool:
    """Whether a plan may run a step on rows, and on texts that stand for answers. Not the code of anyone's module, not
    what runs text as code, not what loads a model or looks at all rows in its own ways."""
    if not isinstance(entry, ExternalEntry):
        return True
    if not entry.seen or entry.trusts:
        return False
    return entry.way in ("fast", "task", "source") or (entry.way == "row" and entry.setting("model") is None)


def _unseen(entry: StepEntry) -> bool:
    return isinstance(entry, ExternalEntry) and not entry.seen


def _described(use: str, entry: StepEntry) -> StepEntry:
    """What the class declares: one that keeps our contract is used as our steps are, any other through an adapter."""
    from bezoar_data.steps.base import GlobalRowStep, RowStep, Source
    from bezoar_data.steps.catalogue.describe import describe
    from bezoar_data.steps.external.describe import describe_class
    from bezoar_data.steps.external.loading import find_class

    assert isinstance(entry, ExternalEntry)  # noqa: S101
    cls = find_class(use)
    if issubclass(cls, RowStep | GlobalRowStep | Source):
        return replace(describe(cls), use=use, target=use)
    return replace(describe_class(cls, entry), code=_code(cls))


def _code(cls: type[Any]) -> str:
    try:
        return digest(inspect.getsource(inspect.getmodule(cls) or cls), length=16)
    except (OSError, TypeError):
        return ""


def make_step(entry: StepEntry, name: str, settings: Mapping[str, Any], seed: int) -> Any:
    """The step object for settings whose roles are LLMs already. Raises pydantic's `ValidationError` for settings that
    its class does not take, `InputError` for what else is wrong with it."""
    if not isinstance(entry, ExternalEntry):
        fields = entry.fields(settings)
        fields.setdefault("seed", seed)
        return entry.load_class()(name=name, **fields)
    step = entry.load_class()(name=name, seed=seed, **entry.adapter_fields(settings))
    try:
        external = step.step
    except (ValidationError, InputError):
        raise
    except Exception as error:
        raise InputError(Problem("bad-step", f"'{entry.use}' cannot be made: {error}")) from error
    if getattr(getattr(external, "llm", None), "use_magpie_template", False):
        _check_magpie(entry, step.llm.spec)
    return step


def _check_magpie(entry: StepEntry, model: Any) -> None:
    for one in (model, *model.fallbacks):
        if one.provider not in MAGPIE_PROVIDERS or "chat_template" not in one.extra_body:
            message = (
                f"'{entry.use}' lets the model '{one.model}' write the user's turn, which needs a prompt of its own"
            )
            hint = "give the role provider openai-completions and a chat_template that opens the user's turn"
            raise InputError(Problem("no-user-turn", message, hint=hint))


def placed(checked: Checked, i: int, error: InputError) -> list[Problem]:
    """What is wrong with the i-th step, at its line."""
    place = checked.loaded.document.place(("steps", i, "use"))
    return [replace(p, place=p.place or place) for p in error.problems]


def module_file(entry: StepEntry) -> Path | None:
    """The file that a module's step is written in."""
    if ":" not in entry.use or entry.use.startswith("distilabel:"):
        return None
    file = getattr(sys.modules.get(entry.use.partition(":")[0]), "__file__", None)
    return Path(file) if file else None
