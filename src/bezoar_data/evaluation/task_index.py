"""The harness's index of tasks: what it knows by which name, from which file. Nothing of a task is loaded here.

Its own fourteen thousand files take it seconds to read, so it is given the folders alone that hold what a suite names,
unless these do not tell all there is to a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.suite import LoadedSuite
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.yaml.document import load_yaml

_NAMED = re.compile(rb"""^(?:task|group):[ \t]*['"]?([^\s'"#]+)""", re.MULTILINE)


def harness_version() -> str:
    return version("lm-eval")


def task_manager(suite: LoadedSuite) -> Any:
    """The harness's index of the tasks that the suite names, and of the others in their folders."""
    from lm_eval.tasks import TaskManager

    files = [suite.task_file(task) for _, task in suite.harness_tasks]
    ours = sorted({str(file.parent) for file in files if file is not None})
    named = {task.task for _, task in suite.harness_tasks if suite.task_file(task) is None}
    few = TaskManager(include_path=[*_homes(named), *ours] or None, include_defaults=False)
    return few if all(_whole(name, few) for name in named) else TaskManager(include_path=ours or None)


def _homes(names: Collection[str]) -> list[str]:
    """The folders of the harness in which a file names one of these."""
    import lm_eval.tasks

    wanted, found = {name.encode() for name in names}, set()
    for path in Path(lm_eval.tasks.__file__).parent.rglob("*.yaml") if names else ():
        if path.parent not in found and not wanted.isdisjoint(_NAMED.findall(path.read_bytes())):
            found.add(path.parent)
    # The harness reads all that is below a folder.
    return sorted(str(folder) for folder in found if found.isdisjoint(folder.parents))


def _whole(name: str, manager: Any) -> bool:
    """Whether all that a name stands for is in the index. Who bears a tag may lie anywhere."""
    entry, parts = manager.task_index.get(name), list(_parts(name, manager))
    if entry is None or not entry.cfg:
        return False
    held = entry.cfg.get("task")
    told = not isinstance(held, list) or len(held) == len(parts)
    return told and all(_whole(part, manager) for part in parts)


def _parts(name: str, manager: Any) -> Iterator[str]:
    """What a group holds, or who bears a tag."""
    entry = manager.task_index.get(name)
    written = (entry.cfg if entry is not None else None) or {}
    parts = written.get("task")
    if isinstance(parts, list):
        told = (part.get("task") if isinstance(part, Mapping) else part for part in parts)
        yield from (part for part in told if isinstance(part, str) and part != name)
    elif entry is not None and not written:
        yield from entry.tags


def check_names(suite: LoadedSuite, manager: Any) -> None:
    """Raise `InputError` for each task that the harness does not know, or knows from another file: to it a task is its
    name, and it takes the first of equal ones in the folders."""
    known = manager.task_index
    problems = []
    for i, task in suite.harness_tasks:
        place, file = suite.document.place(("tasks", i, "task")), suite.task_file(task)
        if file is not None:
            name = name_in(file, place)
            taken = known[name].yaml_path if name in known else None
            if taken is not None and taken.resolve() != file.resolve():
                message = f"the harness takes '{name}' from another file of that name, {taken}"
                problems.append(Problem("duplicate-task", message, place, "give one of the two another 'task:'"))
        elif task.task not in known:
            message = f"the harness (lm-eval {harness_version()}) has no task '{task.task}'"
            hint = did_you_mean(task.task, list(known)) or "`lm_eval ls tasks` lists them"
            problems.append(Problem("unknown-task", message, place, hint))
    if problems:
        raise InputError(problems)


def runs_code(name: str, manager: Any) -> bool:
    """Whether a task, or one of a group's or tag's, runs what a model has written. Loads nothing."""
    entry = manager.task_index.get(name)
    if entry is not None and (entry.cfg or {}).get("unsafe_code"):
        return True
    return any(runs_code(part, manager) for part in _parts(name, manager))


def name_in(file: Path, place: Place) -> str:
    """The name of the task in a task file. Raises `InputError` where it names none."""
    value = load_yaml(file, lenient=True).value
    name = value.get("task") if isinstance(value, dict) else None
    if not isinstance(name, str):
        message = f"{file.name} names no task: it has no text under 'task:'"
        raise InputError(Problem("bad-task", message, place, "write 'task: NAME' in it"))
    return name
