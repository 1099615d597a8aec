"""Steps of a pipeline left out for one run, with the ends joined: what came to such a step goes to those after it.

The same steps keep their ids, and so the rows their ids and the journal its answers: of two runs, with and without a
step, the second asks only what the first did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bezoar_data.config.files.step_graph import WrittenStep, check_graph, written_steps
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import Document, YamlPath


@dataclass(slots=True)
class _Ends:
    """Which steps' rows a step takes, and how they meet."""

    parents: list[str]
    join: str | None


def leave_out(document: Document, names: Sequence[str]) -> tuple[Document, list[Problem]]:
    """The document without these steps, and what was wrong with that. A graph that is wrong itself stays as it is: that
    is told where the file is checked."""
    if not names or not isinstance(document.value, dict) or check_graph(document):
        return document, []
    steps = written_steps(document.value)
    known = [step.id for step in steps if step.id is not None]
    problems = [_unknown(name, known) for name in names if name not in known]
    gone = [name for name in known if name in names]
    ends = _ends(steps)
    for name in gone:
        problems += _join_ends(ends, name)
    if len(gone) == len(steps):
        problems.append(_wrong(gone[0], "no step is left"))
    if problems:
        return document, problems
    left = [step for step in steps if step.id not in gone]
    document = document.without_items("steps", {step.index for step in steps if step.id in gone})
    return _written(document, left, ends), []


def _ends(steps: Sequence[WrittenStep]) -> dict[str, _Ends]:
    found: dict[str, _Ends] = {}
    for before, step in zip((None, *steps), steps, strict=False):
        chain = [before.id] if before is not None and before.id is not None else []
        join = step.value.get("join")
        parents = chain if step.after is None else list(step.after)
        found[step.id or ""] = _Ends(parents, join if isinstance(join, str) else None)
    return found


def _join_ends(ends: dict[str, _Ends], name: str) -> Iterator[Problem]:
    """Let the rows that came to a step go to those after it."""
    mine = ends.pop(name)
    for child, its in ends.items():
        if name not in its.parents:
            continue
        at = its.parents.index(name)
        if len(its.parents) == 1:
            its.join = mine.join
        elif len(mine.parents) > 1 and mine.join != its.join:
            yield _wrong(name, f"'{printable(child)}' cannot {its.join} what '{printable(name)}' had to {mine.join}")
        its.parents = list(dict.fromkeys([*its.parents[:at], *mine.parents, *its.parents[at + 1 :]]))
        if not its.parents:
            yield _wrong(name, f"'{printable(child)}' has its rows from it alone", "leave that out as well")
        if len(its.parents) < 2:
            its.join = None


def _written(document: Document, left: Sequence[WrittenStep], ends: dict[str, _Ends]) -> Document:
    """The document with `after` and `join` as they are now, where a step's place in the list does not say it."""
    value = {**document.value, "steps": [dict(step.value) for step in left]}
    places: dict[YamlPath, Place] = {}
    for i, step in enumerate(left):
        its = ends[step.id or ""]
        chain = [left[i - 1].id] if i else []
        said = list(step.after) if step.after is not None else chain
        if said == its.parents and step.value.get("join") == its.join:
            continue
        written = value["steps"][i]
        for key in ("after", "join"):
            written.pop(key, None)
            places["steps", i, key] = document.place(("steps", i))
        if its.parents != chain:
            written["after"] = its.parents[0] if len(its.parents) == 1 else its.parents
        if its.join is not None:
            written["join"] = its.join
    return document.with_value(value, places)


def _unknown(name: str, known: Sequence[str]) -> Problem:
    message = f"there is no step with the id '{printable(name)}'"
    return Problem("unknown-step", message, Place(f"--without {printable(name)}"), did_you_mean(name, known))


def _wrong(name: str, message: str, hint: str = "") -> Problem:
    return Problem("cannot-leave-out", message, Place(f"--without {printable(name)}"), hint)
