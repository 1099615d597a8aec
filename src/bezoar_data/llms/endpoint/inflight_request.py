"""One request on its way through all its tries, and those who wait for what it brings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.llms.journal.entry import Entry


@dataclass(slots=True, eq=False)
class InflightRequest:
    """One request on its way, until `land` or `crash`.

    `busy` is true from sending until the answer is in the journal: what a clean stop waits for.
    """

    busy: bool = False
    worst: float = 0.0
    """What one try can cost at most, in dollars; 0 without a budget."""
    task: asyncio.Task[Any] | None = None
    """Who flies it."""
    _waiting: list[asyncio.Future[Mapping[str, Entry]]] = field(default_factory=list)
    _got: Mapping[str, Entry] | None = None
    _error: BaseException | None = None

    async def landed(self) -> Mapping[str, Entry]:
        """The entries it brought, by key. Each who waits has a place of its own: who asked may be cancelled, the
        answer is wanted by others, and in the journal all the same."""
        if self._error is not None:
            raise self._error
        if self._got is not None:
            return self._got
        place: asyncio.Future[Mapping[str, Entry]] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        return await place

    def land(self, got: Mapping[str, Entry]) -> None:
        self._got = got
        for place in self._waiting:
            if not place.done():
                place.set_result(got)

    def cancel(self, error: BaseException) -> None:
        """Have it crash: by its task, or for it where that is cancelled before its first step."""
        if self.task is not None:
            self.task.add_done_callback(lambda _: self.crash(error))
            self.task.cancel()

    def crash(self, error: BaseException) -> None:
        """It brings nothing. Without effect where it has ended already."""
        if self._got is None and self._error is None:
            self._error = error
            for place in self._waiting:
                if not place.done():
                    place.set_exception(error)
