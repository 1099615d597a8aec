"""A server with the quirks of real endpoints, one for each URL prefix: `server.url("think_tags")` is a `base_url`.

The shapes come from public reports and the endpoints' own documents; each quirk names its source. A quirk is a function
from the request's body, and how often the quirk was asked, to a response. Its name with `_one` behind it has the quirk
for prompts that speak of a ferry alone; all others are answered well.

    with QuirkServer() as server:
        ... server.url("think_tags") ... server.asked("think_tags") ...

Runs on a thread of the test's process: quirks are added by adding a function to `QUIRKS` (`answers` and `statuses`
beside this file hold them), and a test may add its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from types import TracebackType
from typing import Any

from aiohttp import web

from support.quirks.answers import ANSWERS
from support.quirks.base import Quirk, good
from support.quirks.statuses import STATUSES

QUIRKS: dict[str, Quirk] = {**ANSWERS, **STATUSES}


class QuirkServer:
    """The server, its requests counted by quirk, and the last body that each was sent."""

    def __init__(self) -> None:
        self.quirks = dict(QUIRKS)
        self._asked: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="quirks", daemon=True)
        self._address = ""

    def __enter__(self) -> QuirkServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, quirk: str) -> str:
        return f"{self._address}/{quirk}/v1"

    def asked(self, quirk: str) -> int:
        """How many requests this quirk got."""
        return self._asked[quirk]

    def forget(self) -> None:
        """Count from zero again."""
        self._asked.clear()
        self.bodies.clear()

    async def _start(self) -> None:
        app = web.Application()
        for path in ("chat/completions", "completions", "messages"):
            app.router.add_post(f"/{{quirk}}/v1/{path}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["quirk"], json.loads(await request.read())
        self._asked[name] += 1
        self.bodies[name] = body
        quirk = self.quirks[name.removesuffix("_one")]
        if name.endswith("_one") and "ferry" not in json.dumps(body):
            quirk = good
        made = quirk(body, self._asked[name])
        if isinstance(made, dict):
            return web.Response(body=json.dumps(made).encode(), content_type="application/json")
        return made if isinstance(made, web.StreamResponse) else await made(request)
