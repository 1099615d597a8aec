"""Reading a finished batch's results into the store."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from bezoar_data.llms.batch.api import BatchAPI, Look
from bezoar_data.llms.batch.store import Batch, BatchStore
from bezoar_data.llms.providers.base import Transient
from bezoar_data.llms.redact import redact

_SLICE = 1000
"""So many results are written together."""
_ROUNDS = 4
"""So often results are collected that are fewer than the provider says, before it is taken at its word."""


@dataclass(slots=True)
class Collecting:
    """Collects a batch each time it is called. Raises `Transient` while the provider keeps some of its results back."""

    api: BatchAPI
    store: BatchStore
    batch: Batch
    look: Look
    rounds: int = 0

    async def __call__(self) -> None:
        batch, look, part = self.batch, self.look, list[tuple[int, bytes]]()
        async with aclosing(self.api.results(look)) as results:
            async for name, raw in results:
                nonce, _, number = name.rpartition("-")
                if nonce == batch.nonce and number.isdecimal():
                    part.append((int(number), redact(raw.decode("utf-8", "replace")).encode()))
                if len(part) >= _SLICE:
                    await asyncio.to_thread(self.store.keep_results, batch.id, part)
                    part = []
        await asyncio.to_thread(self.store.keep_results, batch.id, part)
        self.rounds += 1
        there = batch.requests - await asyncio.to_thread(self.store.unanswered, batch.id)
        if look.finished is not None and there < min(look.finished, batch.requests) and self.rounds < _ROUNDS:
            raise Transient("cut", f"{there} results of {look.finished}")
