"""Choosing which FLAN rows to take: at most so many of a task, and so many of a sub-mix.

The choice follows the Orca paper's sampling (arXiv 2306.02707, section 3.1): draw a task of the sub-mix at random,
take one of its queries that was not taken yet, until the sub-mix has its quota. Which rows of a task come first is
decided by a seeded hash of what they say, not by where they stand, so that sorting or splitting a file chooses the
same rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from bezoar_data.runs.row import digest
from bezoar_data.steps.flan import Submix


@dataclass
class Selection:
    """Show it every row once with `offer`, call `close`, then ask `takes` for each position.

    Only what could still be chosen is held: for a limited task at most its cap (or its sub-mix's quota) of rows.
    """

    seed: int
    per_task: int | Mapping[Submix, int] | None
    quotas: Mapping[Submix, int]
    _tasks: dict[tuple[Submix | None, str], list[tuple[int, int]]] = field(default_factory=dict)
    _chosen: set[int] = field(default_factory=set)
    _limited: int = 0
    shortfalls: dict[Submix, int] = field(default_factory=dict)
    """After `close`: sub-mixes whose quota could not be met, with the rows they do give."""

    def cap(self, submix: Submix | None) -> int | None:
        """The most rows one task of this sub-mix may give."""
        if isinstance(self.per_task, Mapping):
            return None if submix is None else self.per_task.get(submix)
        return self.per_task

    def limits(self, submix: Submix | None) -> bool:
        """Whether rows of this sub-mix are chosen at all, rather than all taken."""
        return self.cap(submix) is not None or self._quota(submix) is not None

    def offer(self, position: int, submix: Submix | None, task: str, inputs: str, targets: str) -> None:
        if not self.limits(submix):
            return
        self._limited += 1
        room = min(n for n in (self.cap(submix), self._quota(submix)) if n is not None)
        if room == 0:
            return
        # A heap of the smallest hashes, stored negated because heapq keeps the smallest in front.
        rank = -int(digest("choose", self.seed, task, inputs, targets, length=15), 16)
        heap = self._tasks.setdefault((submix, task), [])
        if len(heap) < room:
            heapq.heappush(heap, (rank, -position))
        else:
            heapq.heappushpop(heap, (rank, -position))

    def close(self) -> None:
        """Make the choice. Positions are final after this."""
        ordered = {key: [-p for _, p in sorted(heap, reverse=True)] for key, heap in self._tasks.items()}
        self._tasks.clear()
        for (submix, _), positions in ordered.items():
            if self._quota(submix) is None:
                self._chosen.update(positions)
        for submix, quota in self.quotas.items():
            queues = [positions for key, positions in sorted(ordered.items(), key=_by_task) if key[0] == submix]
            drawn = _draw(queues, quota, Random(digest("quota", self.seed, submix)))
            self._chosen.update(drawn)
            if len(drawn) < quota:
                self.shortfalls[submix] = len(drawn)

    @property
    def left_out(self) -> int:
        """After `close`: how many of the offered rows are not taken."""
        return self._limited - len(self._chosen)

    def takes(self, position: int, submix: Submix | None) -> bool:
        return not self.limits(submix) or position in self._chosen

    def _quota(self, submix: Submix | None) -> int | None:
        return None if submix is None else self.quotas.get(submix)


def _by_task(item: tuple[tuple[Submix | None, str], list[int]]) -> str:
    return item[0][1]


def _draw(queues: list[list[int]], quota: int, random: Random) -> list[int]:
    """Rows drawn one at a time from a task picked at random, until the quota is met or nothing is left."""
    waiting = [iter(q) for q in queues]
    drawn: list[int] = []
    while waiting and len(drawn) < quota:
        which = random.randrange(len(waiting))
        position = next(waiting[which], None)
        if position is None:
            # The order of the others must not change, or the draw would depend on when a task ran out.
            del waiting[which]
        else:
            drawn.append(position)
    return drawn
