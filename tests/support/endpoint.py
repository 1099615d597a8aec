"""One address of a real server that answers as the test says, and the provider that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import Request, provider_class
from bezoar_data.llms.providers.common.received import received

HI = ({"role": "user", "content": "hi"},)


class Endpoint:
    """Answers every request with `answer`, and keeps what it was sent."""

    def __init__(self, provider: str, answer: Callable[[], web.Response]) -> None:
        self.provider = provider
        self.answer = answer
        self.body: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.body, self.headers = await request.json(), dict(request.headers)
        return self.answer()

    async def ask(
        self,
        messages: Any = HI,
        *,
        samples: tuple[int, ...] = (0,),
        attempt: int = 0,
        schema: Any = None,
        **values: Any,
    ) -> Any:
        """The provider's completions for one request, as they are read. `values` are the model's own."""
        model = Model.model_validate({"provider": self.provider, "model": "m", "base_url": self.url, **values})
        provider = provider_class(self.provider)(model)
        assert provider.problems() == []
        await provider.open()
        try:
            return received(await provider.complete(Request(model, list(messages), schema, samples, attempt)))
        finally:
            await provider.close()


@asynccontextmanager
async def serving(provider: str, path: str, answer: Callable[[], web.Response]) -> AsyncIterator[Endpoint]:
    """An endpoint at `/v1` + `path`."""
    made = Endpoint(provider, answer)
    app = web.Application()
    app.router.add_post(f"/v1{path}", made.serve)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/v1"))
        yield made
