"""Compiling a checked pipeline file into a distilabel `Pipeline` and the nodes our engine walks.

Both engines run the same step objects in the same DAG: the streaming engine walks `Compiled.nodes`, distilabel's own
runners take `Compiled.pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.spec.pipeline_file import LoadedPipeline, StepUse

if TYPE_CHECKING:
    from distilabel.pipeline import Pipeline

    from bezoar_data.spec.models_file import LoadedModels, Model
    from bezoar_data.steps.catalogue import StepEntry


@dataclass(frozen=True)
class Node:
    """One step of a compiled pipeline, with who comes before and after it."""

    id: str
    entry: StepEntry
    settings: Mapping[str, Any]
    """As the person wrote them, defaults not filled in."""
    step: Any
    """The distilabel step object."""
    role: str | None
    after: tuple[str, ...]
    following: tuple[str, ...]

    @property
    def is_source(self) -> bool:
        return self.entry.kind == "source"

    @property
    def is_barrier(self) -> bool:
        return self.entry.kind == "global"


@dataclass(frozen=True)
class Compiled:
    """A pipeline ready to run. `nodes` are in topological order."""

    loaded: LoadedPipeline
    models: LoadedModels | None
    nodes: tuple[Node, ...]
    pipeline: Pipeline

    @cached_property
    def _by_id(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.nodes}

    def node(self, name: str) -> Node:
        return self._by_id[name]

    @property
    def sources(self) -> tuple[Node, ...]:
        return tuple(n for n in self.nodes if n.is_source)

    @property
    def barriers(self) -> tuple[Node, ...]:
        return tuple(n for n in self.nodes if n.is_barrier)

    @property
    def last(self) -> Node:
        """The one step whose rows leave the pipeline."""
        return next(n for n in self.nodes if not n.following)

    @property
    def roles(self) -> Mapping[str, Model]:
        """The models of the roles that steps use."""
        if self.models is None:
            return {}
        used = dict.fromkeys(n.role for n in self.nodes if n.role is not None)
        return {role: self.models.file.roles[role] for role in used}
