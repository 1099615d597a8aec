"""How much of a pipeline a run goes through: all of it, a shard's part, or as far as the merged shards allow.

Rows that come to a step of a later phase are held in the spool, in the order of the whole run. A shard takes its share
of those with which its phase begins, a piece without gaps: so the rows of an earlier shard are lower ones, and where
shards asked the same, the first shard's answer is that of the lowest row.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.engine.shard import Shard
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.pipeline.phases import Phases
from bezoar_data.runs.packed import opened
from bezoar_data.runs.row import RESERVED, Row
from bezoar_data.runs.spool import Spool

HELD = "\0held {}"
"""The place in the spool of rows with which a phase begins. No step has such a name."""


@dataclass(slots=True)
class Cut:
    """Steps up to the phase `upto` are run; then, for a shard, its own rows of the phase it is of. `begun` is the file
    that the phase's rows stand in, where a merge has written it."""

    compiled: Compiled
    phases: Phases
    upto: int
    shard: Shard | None = None
    begun: Path | None = None
    own: int = 0
    """How many rows are the shard's."""
    edges: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.edges = tuple((before, node.id) for node in self.compiled.nodes for before in node.after)

    @property
    def is_whole(self) -> bool:
        """Whether the run comes to the pipeline's end."""
        return self.shard is None and self.upto >= self.phases.last

    def runs(self, node: Node) -> bool:
        return self.phases.of[node.id] <= self.upto

    def holds(self, spool: Spool, row: Row, before: Node, node: Node) -> bool:
        """Whether a row comes to a step of a later phase: then it is held."""
        phase = self.phases.begins(before, node)
        if phase <= self.upto:
            return False
        spool.keep(row, HELD.format(phase), self.edges.index((before.id, node.id)))
        return True

    def own_rows(self, spool: Spool) -> Iterator[tuple[Row, Node, Node]]:
        """The rows of the shard's share, each with the step it comes from and that which it comes to. From now on they
        may go through the phase."""
        assert self.shard is not None  # noqa: S101
        place = HELD.format(self.shard.phase)
        begin, self.own = self.shard.share(spool.count(place))
        self.upto = self.shard.phase
        for edge, row in spool.piece(place, begin, self.own):
            before, node = self.edges[edge]
            yield row, self.compiled.node(before), self.compiled.node(node)

    def write(self, spool: Spool, path: Path) -> int:
        """Write the rows with which the next phase begins, for its shards. Returns how many."""
        place, count = HELD.format(self.upto + 1), 0
        with gzip.GzipFile(path, "wb", compresslevel=3, mtime=0) as file:
            for edge, row in spool.piece(place, 0, spool.count(place)):
                line = {"edge": self.edges[edge], "row": row.encode(packed=True)[RESERVED]}
                file.write(json.dumps(line).encode() + b"\n")
                count += 1
        return count

    def read(self, spool: Spool) -> None:
        """Take in the rows with which the shard's phase begins."""
        assert self.shard is not None  # noqa: S101
        assert self.begun is not None  # noqa: S101
        place = HELD.format(self.shard.phase)
        try:
            with opened(self.begun) as file:
                for line in file:
                    value = json.loads(line)
                    row = Row.decode({RESERVED: value["row"]})
                    spool.keep(row, place, self.edges.index((value["edge"][0], value["edge"][1])))
        except (OSError, EOFError, ValueError, KeyError) as error:
            hint = "merge-shards writes it; was it of another pipeline?"
            raise InputError(
                Problem("bad-phase", f"these rows cannot be read: {error}", Place(str(self.begun)), hint)
            ) from None
