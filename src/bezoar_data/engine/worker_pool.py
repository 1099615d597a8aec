"""The workers that take rows through the DAG: a bounded number of tasks, each of which runs one job after the other.

A task for each row would be simpler, and was measured to cost a tenth of a row's whole time: making it, starting it,
asking for room before and giving it back after. Here room is asked for once for many rows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Job = Coroutine[Any, Any, None]

_READY = 256
"""At most so many jobs stand ready. More are taken in when half of them are taken."""


class WorkerPool:
    """At most `window` jobs are run at once, a few more stand ready. Belongs to one event loop.

    `failed` is called with an exception that ends a job; the others go on until `end`.
    """

    def __init__(self, window: int, failed: Callable[[BaseException], None]) -> None:
        self._window = window
        self._failed = failed
        self._ready: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: list[asyncio.Future[None]] = []
        self._ended = False
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self, job: Job) -> None:
        """Have a job run, as soon as there is room for it. Once `end` was called it is thrown away."""
        if not self._room.is_set():
            await self._room.wait()
        if self._ended:
            job.close()
            return
        self._ready.append(job)
        self._idle.clear()
        if len(self._ready) >= _READY:
            self._room.clear()
        if self._resting:
            self._resting.pop().set_result(None)
        elif len(self._tasks) < self._window:
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until every job is run to its end, or `end` was called."""
        await self._idle.wait()

    def end(self) -> None:
        """Start on no job any more, and wake what waits for room or for the last one to end."""
        self._ended = True
        while self._ready:
            self._ready.popleft().close()
        self._room.set()
        self._idle.set()

    async def stop(self) -> None:
        """End all tasks, wherever they are."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        """One task: job after job, resting while there is none."""
        while True:
            while self._ready:
                job = self._ready.popleft()
                if len(self._ready) <= _READY // 2:
                    self._room.set()
                try:
                    await job
                except BaseException as error:
                    if self._ended:
                        return
                    self._failed(error)
            rest = asyncio.get_running_loop().create_future()
            self._resting.append(rest)
            if len(self._resting) == len(self._tasks):
                self._idle.set()
            await rest
