"""Compiling a checked pipeline file into a distilabel `Pipeline` and the nodes of our engine.

Both engines run the same step objects in the same DAG: the streaming engine runs `Compiled.nodes`, distilabel's own
runners take `Compiled.pipeline`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import LoadedPipeline, StepUse
from bezoar_data.config.problems import Problem
from bezoar_data.pipeline.check import input_files
from bezoar_data.pipeline.inputs import shareable
from bezoar_data.pipeline.load import Checked
from bezoar_data.pipeline.modules import Unrun, make_step, may_plan, module_file, placed, unrun, with_modules
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.distilabel_import import import_distilabel

if TYPE_CHECKING:
    from distilabel.pipeline import Pipeline

    from bezoar_data.config.files.models import Model


Kind = Literal["source", "row", "model", "global", "union", "join"]


@dataclass(frozen=True)
class Node:
    """One step of a compiled pipeline, with who comes before and after it."""

    id: str
    use: str
    version: int
    kind: Kind
    settings: Mapping[str, Any]
    """As the person wrote them, defaults not filled in, files by their names alone."""
    files: tuple[tuple[str, Path], ...]
    """The files the step reads, as (setting, path)."""
    step: Any
    """The distilabel step object."""
    roles: Mapping[str, str]
    """The roles it asks, by the step's field that holds each model. Empty: it asks none."""
    after: tuple[str, ...]
    following: tuple[str, ...]

    @property
    def role(self) -> str | None:
        """The role it asks first of all, if it asks any."""
        return next(iter(self.roles.values()), None)

    @property
    def is_source(self) -> bool:
        return self.kind == "source"

    @property
    def is_barrier(self) -> bool:
        """Whether rows must wait before it until all have come."""
        return self.kind in ("global", "join")


@dataclass(frozen=True)
class Compiled:
    """A pipeline ready to run. `nodes` are in topological order."""

    checked: Checked
    nodes: tuple[Node, ...]
    pipeline: Pipeline
    resolved: str
    """The pipeline file as run, overrides in place, as YAML."""
    journal: Path
    """Where answers are kept."""

    @property
    def loaded(self) -> LoadedPipeline:
        return self.checked.loaded

    @cached_property
    def _by_id(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.nodes}

    def node(self, name: str) -> Node:
        return self._by_id[name]

    def ancestors(self, name: str) -> frozenset[str]:
        """The steps whose rows come to a step, near and far."""
        return self._before[name]

    @cached_property
    def _before(self) -> Mapping[str, frozenset[str]]:
        return _ancestors(self.nodes)

    def descendants(self, name: str) -> frozenset[str]:
        """The steps that a step's rows come to, near and far."""
        return frozenset(other for other, before in self._before.items() if name in before)

    @cached_property
    def sources(self) -> tuple[Node, ...]:
        return tuple(n for n in self.nodes if n.is_source)

    @cached_property
    def barriers(self) -> tuple[Node, ...]:
        return tuple(n for n in self.nodes if n.is_barrier)

    @cached_property
    def last(self) -> Node:
        """The one step whose rows leave the pipeline."""
        return next(n for n in self.nodes if not n.following)

    @cached_property
    def roles(self) -> Mapping[str, Model]:
        """The models of the roles that steps use."""
        if self.checked.models is None:
            return {}
        used = dict.fromkeys(role for n in self.nodes for role in n.roles.values())
        return {role: self.checked.models.file.roles[role] for role in used}

    def dump(self) -> dict[str, Any]:
        """distilabel's serialisation of the pipeline. Files are named from the working directory, so that its command
        line runs it there, and no path of this machine stands in it."""
        files = {str(path) for n in self.nodes for _, path in n.files}
        for llm in (getattr(n.step, field) for n in self.nodes for field in n.roles):
            files |= {llm.journal, *llm.answers, *([of] if isinstance(of := llm.spec.endpoints, str) else ())}
        dumped: dict[str, Any] = _from_here(self.pipeline.dump(), files)
        return dumped

    @property
    def expected_columns(self) -> Mapping[str, str | None]:
        """The columns the steps declare, besides those of the lineage, with their types as far as these are known."""
        types = self.checked.types
        return {column: types.get(column) for n in self.nodes for column in n.step.outputs}


def compile_pipeline(checked: Checked, journal: Path, *, to_run: bool = True) -> Compiled:
    """Make the step objects and the distilabel pipeline. `journal` is where answers are kept. The modules of steps that
    are not ours are imported here, which runs their code; not so without `to_run`: then there is an `Unrun` in place
    of each step that only a run may run, and the distilabel pipeline is not whole.

    Raises `InputError` for settings that only the step itself can judge.
    """
    import_distilabel()
    from distilabel.pipeline import Pipeline

    from bezoar_data.steps.pack import Pack

    checked = with_modules(checked) if to_run else checked
    file = checked.loaded.file
    edges = _edges(checked)
    pipeline = Pipeline(name=file.name)
    nodes: list[Node] = []

    def around(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(p for p, c in edges if c == name), tuple(c for p, c in edges if p == name)

    problems: list[Problem] = []
    with pipeline:
        for i in checked.order:
            use, entry = file.steps[i], checked.entries[i]
            files = tuple(input_files(checked.loaded, i, entry))
            roles = {s.field: use.settings[s.name] for s in entry.settings if s.role}
            try:
                step = _make(checked, i, files, journal) if to_run or may_plan(entry) else unrun(use, entry)
            except ValidationError as error:
                problems += _problems(checked, i, error)
                continue
            except InputError as error:
                problems += placed(checked, i, error)
                continue
            if (module := module_file(entry)) is not None:
                files = (*files, ("use", module))
            if use.join is not None:
                nodes.append(_join(use, nodes, *around(_join_id(use))))
            settings = _shareable(dict(use.settings), entry)
            nodes.append(
                Node(use.id, use.use, entry.version, entry.kind, settings, files, step, roles, *around(use.id))
            )
    if problems:
        raise InputError(problems)
    _start_sources(checked, [n for n in nodes if n.is_source])
    _connect(nodes, edges)
    compiled = Compiled(checked, tuple(nodes), pipeline, _resolved(checked), journal)
    if to_run:
        compiled.last.step.connect(Pack(name="bezoar-pack", pipeline=pipeline))
    return compiled


def _start_sources(checked: Checked, sources: Sequence[Node]) -> None:
    for rank, node in enumerate(sources):
        node.step.stand(rank)
    if problems := _names_twice(checked, sources):
        raise InputError(problems)


def _connect(nodes: Sequence[Node], edges: Iterable[tuple[str, str]]) -> None:
    steps = {node.id: node.step for node in nodes}
    for parent, child in edges:
        if not isinstance(steps[parent], Unrun) and not isinstance(steps[child], Unrun):
            steps[parent].connect(steps[child])


def _names_twice(checked: Checked, sources: Sequence[Node]) -> list[Problem]:
    """Sources that read under one name: rows are known by it, so theirs would have the same ids."""
    problems = []
    taken: dict[str, str] = {}
    for node in sources if len(sources) > 1 else ():
        mine = node.step.names()
        twice = next((name for name in mine if name in taken), None)
        if twice is not None:
            i = next(i for i, use in enumerate(checked.loaded.file.steps) if use.id == node.id)
            message = f"'{twice}' is the name of a source of '{taken[twice]}' too; their rows would get the same ids"
            hint = "start once and branch with 'after:', or give a pattern from further above, e.g. data/**/*.jsonl"
            problems.append(checked.loaded.document.problem("same-name", message, ("steps", i, "use"), hint=hint))
        taken |= dict.fromkeys(mine, node.id)
    return problems


def _edges(checked: Checked) -> tuple[tuple[str, str], ...]:
    """The file's edges, with those into a step after several others led through the join before it."""
    edges: list[tuple[str, str]] = []
    for i, use in enumerate(checked.loaded.file.steps):
        into = _join_id(use) if use.join is not None else use.id
        edges += [(parent, into) for parent in checked.loaded.file.parents(i)]
        if use.join is not None:
            edges.append((into, use.id))
    return tuple(edges)


def _join_id(use: StepUse) -> str:
    return f"{use.id}-{use.join}"


def _join(use: StepUse, before: Sequence[Node], after: tuple[str, ...], following: tuple[str, ...]) -> Node:
    """The node that brings the branches that end in `after` together. `before` are all nodes that come before it."""
    from bezoar_data.steps.joins import Join, Union

    assert use.join is not None  # noqa: S101
    ancestors = _ancestors(before)
    branches = [ancestors[name] | {name} for name in after]
    shared = any(one & other for one, other in combinations(branches, 2))
    kind = Union if use.join == "union" else Join
    step = kind(name=_join_id(use), shared=shared)
    return Node(str(step.name), use.join, 1, use.join, {}, (), step, {}, after, following)


def _ancestors(nodes: Sequence[Node]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for node in nodes:  # in topological order
        found[node.id] = frozenset(node.after).union(*(found[name] for name in node.after))
    return found


def _make(checked: Checked, i: int, files: tuple[tuple[str, Path], ...], journal: Path) -> Any:
    use, entry = checked.loaded.file.steps[i], checked.entries[i]
    settings: dict[str, Any] = dict(use.settings)
    absolute: dict[str, list[str]] = {}
    for name, path in files:
        absolute.setdefault(name, []).append(str(path))
    for name, paths in absolute.items():
        settings[name] = paths if isinstance(settings[name], list | tuple) else paths[0]
    for name in entry.role_settings:
        from bezoar_data.llms.gateway.distilabel_llm import ChatLLM

        assert checked.models is not None  # noqa: S101 (checked before)
        role = settings[name]
        answers = [str(path) for path in checked.answers]
        spec = checked.models.file.roles[role]
        settings[name] = ChatLLM(role=role, spec=spec, journal=str(journal), answers=answers)
    return make_step(entry, use.id, settings, checked.loaded.file.seed)


def _problems(checked: Checked, i: int, error: ValidationError) -> list[Problem]:
    """What a step said against its settings, at the lines that hold them."""
    document, entry = checked.loaded.document, checked.entries[i]
    found = []
    for one in error.errors(include_url=False, include_input=False):
        name = entry.spelling(str(one["loc"][0])) if one["loc"] else None
        path = ("steps", i, "with", name) if name else ("steps", i, "use")
        message = one["msg"].removeprefix("Value error, ")
        found.append(document.problem("bad-value", f"{name}: {message}" if name else message, path))
    return found


def _shareable(settings: dict[str, Any], entry: StepEntry) -> dict[str, Any]:
    """Settings for the lock and the card: a file by its name, not by where it lies on this machine."""
    return {k: shareable(v) if k in entry.input_paths else v for k, v in settings.items()}


def _from_here(value: Any, files: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _from_here(one, files) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_from_here(one, files) for one in value]
    return os.path.relpath(value) if isinstance(value, str) and value in files else value


def _resolved(checked: Checked) -> str:
    from ruamel.yaml import YAML

    file = checked.loaded.file
    value = file.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    value = {"name": file.name, "version": file.version, **value, "seed": file.seed}
    value |= {key: shareable(value[key]) for key in ("card", "models", "answers") if key in value}
    for step, entry in zip(value["steps"], checked.entries, strict=True):
        if "with" in step:
            step["with"] = _shareable(step["with"], entry)
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()
