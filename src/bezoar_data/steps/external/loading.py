"""Making the step that an adapter holds: finding its class, giving it its settings, loading it."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.steps.external.llm import AskingLLM

DISTILABEL = "distilabel"
_PACKAGES = ("distilabel.steps", "distilabel.steps.tasks")


class _NoPipeline:
    """Stands for the pipeline of a step that is in none: without one, a step takes the pipeline being made."""

    def _add_step(self, step: Any) -> None:
        pass


def find_class(target: str) -> type[Any]:
    """The step class that `distilabel:Class` or `module:Class` names. Imports the module, which runs its code; the
    current folder is on the path, as for `python -m`. Raises `InputError` where there is none."""
    module, _, name = target.partition(":")
    if module == DISTILABEL:
        found = (getattr(import_module(place), name, None) for place in _PACKAGES)
        cls: type[Any] | None = next((c for c in found if c is not None), None)
        if cls is None:
            raise InputError(Problem("unknown-step", f"distilabel has no step '{name}'"))
        return cls
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise _unusable(target, error) from error
        message = f"there is no module '{module}'"
        hint = "modules are looked for in the current folder and among the installed packages"
        raise InputError(Problem("unknown-step", message, hint=hint)) from None
    except Exception as error:
        raise _unusable(target, error) from error
    cls = getattr(loaded, name, None)
    from distilabel.steps.base import _Step

    if not (isinstance(cls, type) and issubclass(cls, _Step)):
        steps = [n for n, v in vars(loaded).items() if isinstance(v, type) and issubclass(v, _Step)]
        what = "has no" if cls is None else "has something else than a step under"
        message = f"the module '{module}' {what} '{name}'"
        raise InputError(Problem("unknown-step", message, hint=did_you_mean(name, steps)))
    return cls


def _unusable(target: str, error: Exception) -> InputError:
    """What went wrong when a module was imported, with the line of a person's own code where it did."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) != Path(__file__)]
    at = next((f for f in reversed(frames) if Path(f.filename).is_relative_to(Path.cwd())), None)
    said, where = str(error), (at.filename, at.lineno) if at is not None else None
    if isinstance(error, SyntaxError) and error.filename is not None:
        said, where = error.msg, (error.filename, error.lineno)
    line = f" ({relative_to_cwd(Path(where[0]))}, line {where[1]})" if where is not None else ""
    message = f"'{target}' cannot be imported: {type(error).__name__}: {said}{line}"
    hint = f"fix that line; `python -m {target.partition(':')[0]}` shows the whole error"
    return InputError(Problem("step-import", message, hint=hint))


def make(target: str, name: str, settings: Mapping[str, Any], model: str | None) -> Any:
    """The step that `target` names: see `make_class`."""
    return make_class(find_class(target), name, settings, model)


def make_class(cls: type[Any], name: str, settings: Mapping[str, Any], model: str | None) -> Any:
    """A step of that class, in no pipeline. `model` is the name of the model it asks, if it asks one. Raises what the
    class raises for settings that it does not take (pydantic's `ValidationError`, distilabel's errors)."""
    llm = {} if model is None else {"llm": AskingLLM(answers_as=model, magpie_pre_query_template="")}
    step = cls(name=name, pipeline=_NoPipeline(), **llm, **settings)
    step.pipeline = None
    return step


def make_ready(step: Any, target: str) -> None:
    """Load a step. Raises `InputError` where it cannot be: a package it needs is missing, say."""
    schema = getattr(step, "use_default_structured_output", False) and step.get_structured_output()
    if schema:
        # distilabel would ask for a library that makes the output structured; the endpoint does that.
        step.llm.structured_output = {"format": "json", "schema": schema}
    try:
        step.load()
    except Exception as error:
        message = f"'{target}' cannot be made ready: {type(error).__name__}: {error}"
        raise InputError(Problem("step-load", message, hint="install what it needs, or fix it")) from error
    # What it warns of, rows it could not read, is counted and kept here.
    logging.getLogger(f"distilabel.step.{step.name}").setLevel(logging.ERROR)
    _lock_template(step)


def _lock_template(step: Any) -> None:
    """A template out of a pipeline file runs in Jinja's sandbox."""
    text = getattr(step, "template", None)
    if isinstance(text, str) and isinstance(getattr(step, "_template", None), Template):
        step._template = ImmutableSandboxedEnvironment().from_string(text)


def outputs_of(step: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All rows that the step's `process` gives for these, in order."""
    more = _runtime(step)
    return [row for batch in step.process(rows, **more) for row in batch]


def started_by(step: Any) -> Iterator[Iterable[dict[str, Any]]]:
    """The batches of a step that starts rows, from its first row on."""
    more = _runtime(step)
    try:
        batches = step.process(offset=0, **more)
    except TypeError:  # a function made a step need not take it
        batches = step.process(**more)
    for batch, last in batches:
        yield batch
        if last:
            return


def _runtime(step: Any) -> dict[str, Any]:
    """What a function made a step by distilabel's `@step` takes besides rows."""
    if not step._built_from_decorator:
        return {}
    from distilabel.steps.base import GeneratorStep, GlobalStep, Step

    common = {name for base in (Step, GlobalStep, GeneratorStep) for name in base.model_fields}
    return {name: getattr(step, name) for name in type(step).model_fields if name not in common}
