"""Views: how a dataset's columns become training text.

A card says under `bezoar: views:` which columns a trainer reads, so that a recipe names a card and nothing else:

    sft:         {system: system_message, prompt: inputs, response: explained_targets}
    messages:    {messages: conversation}
    preference:  {prompt: inputs, chosen: better, rejected: worse, margin: rating_gap}

`system` and `margin` may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.spec.errors import Place, Problem, did_you_mean


@dataclass(frozen=True, slots=True)
class ViewKind:
    """A kind of view: the roles a trainer needs a column for, and those it may use."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        return (*self.required, *self.optional)


VIEW_KINDS: Mapping[str, ViewKind] = {
    kind.name: kind
    for kind in (
        ViewKind("sft", required=("prompt", "response"), optional=("system",)),
        ViewKind("messages", required=("messages",)),
        ViewKind("preference", required=("prompt", "chosen", "rejected"), optional=("margin",)),
    )
}

Where = Callable[[tuple[str, ...]], Place | None]
"""The place of a path inside the views, for messages."""


def _nowhere(path: tuple[str, ...]) -> Place | None:
    return None


def check_views(views: Any, columns: Collection[str] | None, place: Where = _nowhere) -> list[Problem]:
    """What is wrong with a card's views. `columns` None: the columns are not known yet, only the shape is checked."""
    if not isinstance(views, Mapping):
        kinds = ", ".join(VIEW_KINDS)
        return [Problem("bad-views", "'views' must map kinds of views to columns", place(()), f"kinds: {kinds}")]
    problems: list[Problem] = []
    for name, view in views.items():
        kind = VIEW_KINDS.get(name)
        if kind is None:
            hint = did_you_mean(str(name), list(VIEW_KINDS))
            problems.append(Problem("unknown-view", f"there is no kind of view '{name}'", place((name,)), hint))
            continue
        needs = ", ".join(kind.required)
        if not isinstance(view, Mapping):
            message = f"the view '{name}' must say which column is its {needs}"
            hint = f"write '{name}: {{{kind.required[0]}: COLUMN, …}}'"
            problems.append(Problem("bad-view", message, place((name,)), hint))
            continue
        missing = [role for role in kind.required if role not in view]
        if missing:
            message = f"the view '{name}' names no column for {', '.join(missing)}"
            problems.append(Problem("missing-key", message, place((name,)), f"it needs {needs}"))
        problems += _check_roles(kind, view, columns, place)
    return problems


def _check_roles(
    kind: ViewKind, view: Mapping[str, Any], columns: Collection[str] | None, place: Where
) -> list[Problem]:
    problems = []
    for role, column in view.items():
        at = place((kind.name, role))
        if role not in kind.roles:
            message = f"a view '{kind.name}' has no '{role}'"
            problems.append(Problem("unknown-key", message, at, did_you_mean(str(role), kind.roles)))
        elif not isinstance(column, str):
            message = f"'{role}' of the view '{kind.name}' must be a column's name"
            problems.append(Problem("wrong-type", message, at))
        elif columns is not None and column not in columns:
            message = f"the view '{kind.name}' reads a column '{column}', which the dataset does not have"
            problems.append(Problem("unknown-column", message, at, did_you_mean(column, list(columns))))
    return problems
