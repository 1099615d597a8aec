"""A gateway on a thread with an event loop of its own, for callers that wait for their answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from bezoar_data.config.files.models import Model
from bezoar_data.llms.endpoint.health import OnEvent
from bezoar_data.llms.gateway.gateway import Gateway
from bezoar_data.llms.journal import Journal

CLOSE_WITHIN = 30.0
"""Seconds that answers underway are awaited for when it is closed."""

T = TypeVar("T")


class GatewayThread:
    """Owns the gateway, its loop and its journal. Raises `InputError` for models that cannot work, the journal then
    closed."""

    def __init__(
        self,
        roles: Mapping[str, Model],
        journal: Journal,
        *,
        retry_failed: bool = False,
        max_cost: float | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self.journal = journal
        try:
            self.gateway = Gateway(roles, journal, retry_failed=retry_failed, max_cost=max_cost, on_event=on_event)
        except BaseException:
            journal.close()
            raise
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="bezoar-data gateway", daemon=True)
        self._thread.start()

    def start(self, work: Callable[[Gateway], Awaitable[T]]) -> Future[T]:
        """Run `work` on the gateway's loop, from any other thread."""

        async def awaited() -> T:
            return await work(self.gateway)

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop)

    def close(self, grace: float = CLOSE_WITHIN) -> None:
        """Wait up to `grace` seconds for answers underway; then let go of everything."""

        async def close(gateway: Gateway) -> None:
            await gateway.stop(grace)
            await gateway.close()

        try:
            self.start(close).result()
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()
            self.journal.close()
