"""One request on its way through all its tries, and what it brings to those who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.llms.journal.entry import Entry


def _future() -> asyncio.Future[Mapping[str, Entry]]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class InflightRequest:
    """One request on its way, until `resolve` or `fail`.

    `busy` is true from sending until the answer is in the journal: what a clean stop waits for.
    """

    busy: bool = False
    worst: float = 0.0
    """What one try can cost at most, in dollars; 0 without a budget."""
    task: asyncio.Task[Any] | None = None
    """Who sends it."""
    result: asyncio.Future[Mapping[str, Entry]] = field(default_factory=_future)
    """The entries it brought, by key. Who waits shields it: the answer is wanted by others."""

    def resolve(self, got: Mapping[str, Entry]) -> None:
        if not self.result.done():
            self.result.set_result(got)

    def fail(self, error: BaseException) -> None:
        """It brings nothing. Without effect where it has ended already."""
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # seen: perhaps nobody waits

    def cancel(self, error: BaseException) -> None:
        """Have it fail: by its task, or for it where that is cancelled before its first step."""
        if self.task is not None:
            self.task.add_done_callback(lambda _: self.fail(error))
            self.task.cancel()
