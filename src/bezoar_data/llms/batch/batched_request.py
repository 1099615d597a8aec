"""The requests of a batch and who waits for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.batch.store import Batch, Item
from bezoar_data.llms.providers.base import Request


class BatchedRequest:
    """One request of a batch, and who waits for it."""

    ELSEWHERE: ClassVar[object] = object()
    """Outcome: another run has put the answer into the journal."""
    AGAIN: ClassVar[object] = object()
    """Outcome: another run has just handed in the same; look again."""

    __slots__ = ("_future", "cancelled", "item", "kept", "keys", "max_tokens", "request", "size")

    def __init__(self, request: Request, keys: tuple[str, ...], max_tokens: int | None) -> None:
        loop = asyncio.get_running_loop()
        self.request, self.keys, self.max_tokens = request, keys, max_tokens
        self.item: Item | None = None
        self.cancelled = ""
        """The provider's name of its batch, when someone cancelled that there."""
        self.size = 0
        self._future: asyncio.Future[object] = loop.create_future()
        self._future.add_done_callback(lambda f: f.cancelled() or f.exception())
        self.kept: asyncio.Future[bool] = loop.create_future()
        """Whether the outcome is where no kill can lose it."""

    async def outcome(self) -> object:
        """The line of results, None when there is none, `ELSEWHERE`, `AGAIN`. Raises what ended the run."""
        return await self._future

    @property
    def over(self) -> bool:
        return self._future.done()

    def tell(self, outcome: object) -> None:
        if not self._future.done():
            self._future.set_result(outcome)

    def fail(self, error: BezoarError) -> None:
        if not self._future.done():
            self._future.set_exception(error)
            self.unsafe()

    def safe(self) -> None:
        if not self.kept.done():
            self.kept.set_result(True)

    def unsafe(self) -> None:
        if not self.kept.done():
            self.kept.set_result(False)

    def safe_with(self, task: asyncio.Task[Any] | None) -> None:
        """Safe once a task is done that was not cut short."""
        if task is None:
            self.safe()
        else:
            task.add_done_callback(lambda t: self.unsafe() if t.cancelled() else self.safe())


@dataclass(slots=True, eq=False)
class InflightBatch:
    """A batch on its way, and those of its requests that someone waits for."""

    batch: Batch
    units: dict[int, BatchedRequest] = field(default_factory=dict)
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    fresh: bool = False
    """Handed in by this run: people were told of it."""
    cancelled: bool = False

    @property
    def waiting(self) -> list[BatchedRequest]:
        return [unit for unit in self.units.values() if not unit.over]
