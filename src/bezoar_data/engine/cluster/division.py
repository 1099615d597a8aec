"""Dividing the limits among workers, who come and go, so that together they never use more than the whole.

A worker that comes gets its part when all others have come down to theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bezoar_data.llms.endpoint.share import Part


class Division:
    """Equal parts for the workers that are known by a number each."""

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}
        """What each may use at most."""
        self._to_be: dict[int, Part] = {}
        self._high: set[int] = set()
        """Who has not yet come down."""

    def among(self, workers: Iterable[int]) -> None:
        """These share from now on. Who is no more among them uses nothing."""
        order = sorted(workers)
        if order == sorted(self._to_be):
            return
        self._to_be = {worker: Part(i, len(order)) for i, worker in enumerate(order)}
        self._parts = {worker: part for worker, part in self._parts.items() if worker in self._to_be}
        self._high = set(self._parts)
        self._settle()

    def parts_of(self, worker: int) -> tuple[Part, ...]:
        """The parts of which a worker holds the least; none: it has to wait."""
        if worker not in self._parts:
            return ()
        return tuple(dict.fromkeys((self._parts[worker], self._to_be[worker])))

    def came_down(self, worker: int, to: Collection[Part]) -> None:
        """A worker has no more in flight than these parts allow."""
        if tuple(to) == self.parts_of(worker):
            self._high.discard(worker)
            self._settle()

    def _settle(self) -> None:
        if not self._high:
            self._parts = dict(self._to_be)
