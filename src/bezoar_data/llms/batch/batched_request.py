"""The requests of a batch and who waits for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.batch.store import Batch, Item
from bezoar_data.llms.providers.base import Request
from bezoar_data.llms.providers.common.dialect import Dialect


class BatchedRequest:
    """One request of a batch, and who waits for it."""

    JOURNALLED: ClassVar[object] = object()
    """Outcome: another run has put the answer into the journal."""
    TAKEN: ClassVar[object] = object()
    """Outcome: another run has just submitted the same; look again."""

    __slots__ = ("_outcome", "cancelled", "item", "keys", "made_as", "max_tokens", "request", "saved", "size")

    def __init__(self, request: Request, keys: tuple[str, ...], max_tokens: int | None) -> None:
        loop = asyncio.get_running_loop()
        self.request, self.keys, self.max_tokens = request, keys, max_tokens
        self.item: Item | None = None
        self.made_as: Dialect | None = None
        """How it was made, by this run."""
        self.cancelled = ""
        """The provider's name of its batch, when someone cancelled that there."""
        self.size = 0
        self._outcome: asyncio.Future[object] = loop.create_future()
        self._outcome.add_done_callback(lambda f: f.cancelled() or f.exception())
        self.saved: asyncio.Future[bool] = loop.create_future()
        """Whether the outcome is where no kill can lose it."""

    async def outcome(self) -> object:
        """The line of results, None when there is none, `JOURNALLED`, `TAKEN`. Raises what ended the run."""
        return await self._outcome

    @property
    def done(self) -> bool:
        return self._outcome.done()

    def resolve(self, outcome: object) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def fail(self, error: BezoarError) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(error)
            self.set_saved(False)

    def set_saved(self, saved: bool) -> None:
        if not self.saved.done():
            self.saved.set_result(saved)

    def saved_with(self, task: asyncio.Task[Any] | None) -> None:
        """Saved once a task is done that was not cut short."""
        if task is None:
            self.set_saved(True)
        else:
            task.add_done_callback(lambda t: self.set_saved(not t.cancelled()))


@dataclass(slots=True, eq=False)
class InflightBatch:
    """A batch on its way, and those of its requests that someone waits for."""

    batch: Batch
    requests: dict[int, BatchedRequest] = field(default_factory=dict)
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    fresh: bool = False
    """Submitted by this run, which has said so."""
    cancelled: bool = False

    @property
    def waiting(self) -> list[BatchedRequest]:
        return [batched for batched in self.requests.values() if not batched.done]
