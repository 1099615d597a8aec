"""The phases of a pipeline that is run in shards: what each shard may do by itself, and where all their rows must be
together.

In phase 0 nobody is asked: every shard, and whoever merges them, goes through it alone. A phase begins where rows come
to a step that asks a model about each row, and ends before the steps that need all rows; merging the shards takes these
and goes on to the next step that asks. A step that asks about all rows at once (LaMini's) is such a step: who merges
asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bezoar_data.pipeline.compile import Compiled, Node


@dataclass(frozen=True, slots=True)
class Phases:
    """The phase that each step is done in, by its id."""

    of: Mapping[str, int]
    asking: frozenset[int]
    """The phases in which steps ask about single rows: those that have shards."""

    @classmethod
    def of_pipeline(cls, compiled: Compiled) -> Phases:
        of: dict[str, int] = {}
        together: dict[str, bool] = {}
        """Whether rows leave the step from all shards, so that asking about them begins a phase."""
        asking = set()
        for node in compiled.nodes:  # in topological order
            phase = max((of[name] for name in node.after), default=0)
            merged = not node.after or any(together[name] for name in node.after if of[name] == phase)
            if _asks_for_each(node):
                phase += merged
                asking.add(phase)
            elif node.is_barrier and node.roles:
                phase = max(phase, 1)
            of[node.id] = phase
            together[node.id] = node.is_barrier or (merged and not _asks_for_each(node))
        return cls(of, frozenset(asking))

    @property
    def last(self) -> int:
        """The last phase; 0 where no step asks about anything."""
        return max(self.of.values())

    def begins(self, before: Node, node: Node) -> int:
        """The phase that begins where rows come from one step to the next; 0 where none does."""
        later = _asks_for_each(node) and self.of[before.id] < self.of[node.id]
        return self.of[node.id] if later else 0


def _asks_for_each(node: Node) -> bool:
    return bool(node.roles) and not node.is_barrier
