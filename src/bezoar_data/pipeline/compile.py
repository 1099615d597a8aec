"""Compiling a checked pipeline file into a distilabel `Pipeline` and the nodes our engine walks.

Both engines run the same step objects in the same DAG: the streaming engine walks `Compiled.nodes`, distilabel's own
runners take `Compiled.pipeline`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from bezoar_data.pipeline.check import input_files
from bezoar_data.pipeline.load import Plan
from bezoar_data.spec.errors import InputError, Problem
from bezoar_data.spec.pipeline_file import LoadedPipeline, StepUse
from bezoar_data.steps.catalogue import StepEntry

if TYPE_CHECKING:
    from distilabel.pipeline import Pipeline

    from bezoar_data.spec.models_file import Model


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

    plan: Plan
    nodes: tuple[Node, ...]
    pipeline: Pipeline
    resolved: str
    """The pipeline file as run, overrides in place, as YAML."""

    @property
    def loaded(self) -> LoadedPipeline:
        return self.plan.loaded

    @cached_property
    def _by_id(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.nodes}

    def node(self, name: str) -> Node:
        return self._by_id[name]

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
        if self.plan.models is None:
            return {}
        used = dict.fromkeys(role for n in self.nodes for role in n.roles.values())
        return {role: self.plan.models.file.roles[role] for role in used}

    @property
    def expected_columns(self) -> tuple[str, ...]:
        """The columns the steps declare, besides those of the lineage."""
        return tuple(dict.fromkeys(column for n in self.nodes for column in n.step.outputs))


def compile_pipeline(plan: Plan, journal: Path) -> Compiled:
    """Make the step objects and the distilabel pipeline. `journal` is where answers are kept.

    Raises `InputError` for settings that only the step itself can judge.
    """
    from distilabel.pipeline import Pipeline

    file = plan.loaded.file
    edges = _edges(plan)
    pipeline = Pipeline(name=file.name)
    nodes: list[Node] = []

    def around(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(p for p, c in edges if c == name), tuple(c for p, c in edges if p == name)

    problems: list[Problem] = []
    with pipeline:
        for i in plan.order:
            use, entry = file.steps[i], plan.entries[i]
            files = tuple(input_files(plan.loaded, i, entry))
            roles = {field: use.settings[name] for name in entry.role_settings for field in entry.fields({name: ""})}
            try:
                step = _make(plan, i, files, journal)
            except ValidationError as error:
                problems += _problems(plan, i, error)
                continue
            if use.join is not None:
                nodes.append(_meeting(plan, i, *around(_meeting_id(use))))
            settings = _shareable(dict(use.settings), entry)
            nodes.append(
                Node(use.id, use.use, entry.version, entry.kind, settings, files, step, roles, *around(use.id))
            )
    if problems:
        raise InputError(problems)
    steps = {node.id: node.step for node in nodes}
    for parent, child in edges:
        steps[parent].connect(steps[child])
    return Compiled(plan, tuple(nodes), pipeline, _resolved(plan))


def _edges(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The file's edges, with those into a step after several others led through the meeting before it."""
    edges: list[tuple[str, str]] = []
    for i, use in enumerate(plan.loaded.file.steps):
        into = _meeting_id(use) if use.join is not None else use.id
        edges += [(parent, into) for parent in plan.loaded.file.parents(i)]
        if use.join is not None:
            edges.append((into, use.id))
    return tuple(edges)


def _meeting_id(use: StepUse) -> str:
    return f"{use.id}-{use.join}"


def _meeting(plan: Plan, i: int, after: tuple[str, ...], following: tuple[str, ...]) -> Node:
    from bezoar_data.steps.meeting import Join, Union, branches_share

    use = plan.loaded.file.steps[i]
    assert use.join is not None  # noqa: S101
    kind = Union if use.join == "union" else Join
    step = kind(name=_meeting_id(use), shared=branches_share(plan.loaded.file.edges(), after))
    return Node(str(step.name), use.join, 1, use.join, {}, (), step, {}, after, following)


def _make(plan: Plan, i: int, files: tuple[tuple[str, Path], ...], journal: Path) -> Any:
    use, entry = plan.loaded.file.steps[i], plan.entries[i]
    settings: dict[str, Any] = dict(use.settings)
    absolute: dict[str, list[str]] = {}
    for name, path in files:
        absolute.setdefault(name, []).append(str(path))
    for name, paths in absolute.items():
        settings[name] = paths if isinstance(settings[name], list | tuple) else paths[0]
    for name in entry.role_settings:
        from bezoar_data.llms.chat import ChatLLM

        assert plan.models is not None  # noqa: S101 (checked before)
        role = settings[name]
        settings[name] = ChatLLM(role=role, spec=plan.models.file.roles[role], journal=str(journal))
    fields = entry.fields(settings)
    fields.setdefault("seed", plan.loaded.file.seed)
    return entry.load_class()(name=use.id, **fields)


def _problems(plan: Plan, i: int, error: ValidationError) -> list[Problem]:
    """What a step said against its settings, at the lines that hold them."""
    document, entry = plan.loaded.document, plan.entries[i]
    found = []
    for one in error.errors(include_url=False, include_input=False):
        name = entry.spelling(str(one["loc"][0])) if one["loc"] else None
        path = ("steps", i, "with", name) if name else ("steps", i, "use")
        message = one["msg"].removeprefix("Value error, ")
        found.append(document.problem("bad-value", f"{name}: {message}" if name else message, path))
    return found


def _shareable(settings: dict[str, Any], entry: StepEntry) -> dict[str, Any]:
    """Settings for the lock and the card: a file by its name, not by where it lies on this machine."""

    def name_of(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [name_of(v) for v in value]
        return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value

    return {k: name_of(v) if k in entry.input_paths else v for k, v in settings.items()}


def _resolved(plan: Plan) -> str:
    from ruamel.yaml import YAML

    file = plan.loaded.file
    value = file.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    value = {"name": file.name, "version": file.version, **value, "seed": file.seed}
    for step, entry in zip(value["steps"], plan.entries, strict=True):
        if "with" in step:
            step["with"] = _shareable(step["with"], entry)
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()
