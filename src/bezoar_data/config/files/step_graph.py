"""How the steps of a pipeline file hang together: ids that are unique, `after` that names them, no circles.

Works on the written values, so that these mistakes are found together with those of any other kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import MAX_PROBLEMS, Document, YamlPath


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """What is known of a step before it is known to be right. `after` is None where nothing (usable) is written."""

    index: int
    id: str | None
    after: tuple[str, ...] | None
    value: dict[str, Any]


def default_id(use: str) -> str:
    """A step's id when none is written: `orca.explain` gives `orca-explain`, `distilabel:UltraFeedback` its class
    name in kebab case, `ultra-feedback`."""
    if ":" not in use:
        return use.replace(".", "-")
    name = use.rpartition(":")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def written_steps(value: Any) -> list[WrittenStep]:
    """The steps of a file's value, right or wrong, as far as they are mappings."""
    steps = value.get("steps") if isinstance(value, dict) else None
    found = []
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        if not isinstance(step, dict):
            continue
        use, written = step.get("use"), step.get("id")
        name = written if isinstance(written, str) else default_id(use) if isinstance(use, str) else None
        after = step.get("after")
        if isinstance(after, str):
            after = (after,)
        elif isinstance(after, list) and all(isinstance(a, str) for a in after):
            after = tuple(after)
        else:
            after = None
        found.append(WrittenStep(index, name, after, step))
    return found


def check_graph(document: Document) -> list[Problem]:
    """Every mistake in how the steps refer to each other."""
    steps = written_steps(document.value)
    problems: list[Problem] = []
    ids: dict[str, WrittenStep] = {}
    for step in steps:
        if step.id is None:
            continue
        if step.id in ids:
            problems.append(_duplicate(document, step, ids[step.id]))
        else:
            ids[step.id] = step
    for step in steps:
        if len(problems) >= MAX_PROBLEMS:
            break
        problems += _check_after(document, step, ids)
    return problems or _check_circles(document, steps)


def _duplicate(document: Document, step: WrittenStep, first: WrittenStep) -> Problem:
    line = document.place(("steps", first.index)).line
    if "id" in step.value:
        path: YamlPath = ("steps", step.index, "id")
        hint = f"the step in line {line} has it already" if line else ""
    else:
        path = ("steps", step.index, "use")
        hint = f"the step in line {line} has it already: give this one an 'id:' of its own"
    return document.problem("duplicate-id", f"two steps have the id '{printable(step.id or '')}'", path, hint=hint)


def _check_after(document: Document, step: WrittenStep, ids: dict[str, WrittenStep]) -> list[Problem]:
    path: YamlPath = ("steps", step.index, "after")
    problems: list[Problem] = []

    def problem(code: str, message: str, at: YamlPath = path, hint: str = "") -> None:
        problems.append(document.problem(code, message, at, hint=hint))

    after = step.after or ()
    if step.index == 0 and after:
        problem("bad-after", "the first step starts the rows and comes after nothing", hint="remove 'after'")
        return problems
    is_list = isinstance(step.value.get("after"), list)
    seen: set[str] = set()
    for i, name in enumerate(after):
        at = (*path, i) if is_list else path
        if name == step.id:
            problem("bad-after", "a step cannot come after itself", at)
        elif name in seen:
            problem("bad-after", f"'{printable(name)}' is named twice", at, "keep one of them")
        elif name not in ids:
            hint = did_you_mean(name, [known for known in ids if known != step.id])
            problem("unknown-step", f"there is no step with the id '{printable(name)}'", at, hint)
        seen.add(name)
    join = step.value.get("join")
    if len(seen) > 1 and join is None:
        hint = "add 'join: union' to take all rows, or 'join: join' to put the columns of equal rows together"
        problem("missing-join", "a step after several others must say how their rows meet", hint=hint)
    if len(seen) < 2 and join in ("union", "join"):
        hint = "remove 'join', or name two steps in 'after'"
        problem("bad-join", "'join' is for a step after several others", ("steps", step.index, "join"), hint)
    return problems


def _check_circles(document: Document, steps: list[WrittenStep]) -> list[Problem]:
    """One problem for each circle of steps that wait for each other."""
    parents: dict[str, tuple[str, ...]] = {}
    after_of: dict[str, tuple[str, ...] | None] = {}
    index: dict[str, int] = {}
    previous: str | None = None
    for step in steps:
        if step.id is None:
            return []  # an id is missing: reported already, and the chain is not known
        after = step.after
        after_of[step.id] = after
        parents[step.id] = after if after is not None else (previous,) if previous is not None else ()
        index[step.id] = step.index
        previous = step.id
    problems: list[Problem] = []
    while True:
        try:
            TopologicalSorter(parents).prepare()
            return problems
        except CycleError as error:
            circle: list[str] = error.args[1]
        # The step to blame is one that says `after`: the chain alone makes no circle.
        written = [name for name in circle if name in after_of and after_of[name] is not None]
        at = index[min(written or circle, key=lambda name: index[name])]
        names = " -> ".join(printable(name) for name in circle)
        problems.append(document.problem("circle", f"these steps wait for each other: {names}", ("steps", at, "after")))
        for name in circle:
            parents.pop(name, None)
