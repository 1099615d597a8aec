"""Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, TGI, most hosts.

One connection pool on aiohttp, no client library in between: it was measured several times faster than those. What
comes back is outside text: it is bounded, checked field by field, and anything odd is a failure of this one request.
The key is read from the environment, sent to the address in the models file, if a person allowed it for that host
(`llms/keys.py`), and nowhere else (no redirects), and its value stands in nothing that leaves here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson
from yarl import URL

from bezoar_data.config.files.models import Model, Sampling
from bezoar_data.config.problems import Problem
from bezoar_data.llms.providers.base import Completion, Provider, Request, key_problems, read_key
from bezoar_data.llms.providers.common.chat_format import is_strict, read_completions
from bezoar_data.llms.providers.common.dialect import SENT_WITHOUT, Dialect, folded, has_system
from bezoar_data.llms.providers.common.http import (
    CONNECT_WITHIN,
    address_problems,
    endpoint_url,
    failure_of,
    is_own_server,
    parsed,
    proxy_for,
    read_body,
    words,
)
from bezoar_data.llms.retry_policy import ProviderError, Refusal, Transient

OPENAI = "https://api.openai.com/v1"
_LIST_WITHIN = 10.0
"""Seconds for the list of models."""


class OpenAI(Provider):
    """Chat completions at `base_url`, OpenAI's own by default."""

    kind = "openai"
    home: ClassVar[str] = OPENAI
    """The address when the models file names none."""
    path: ClassVar[str] = "chat/completions"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._url = endpoint_url(model.base_url or self.home, self.path)
        self._session: aiohttp.ClientSession | None = None
        self._send: dict[str, Any] = {}
        self._own_server = not self.needs_network or is_own_server(self._url)
        self._at_first = Dialect.of(model, official=urlsplit(self._url).hostname == "api.openai.com")
        self.dialect = self._at_first
        """How requests are made by now."""
        self._fixed: dict[int, tuple[Model, dict[str, Any]]] = {}

    @property
    def address(self) -> str:
        parts = urlsplit(self.model.base_url or self.home)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))

    def problems(self) -> list[Problem]:
        return [*address_problems(self.model), *key_problems(self.model, self._url), *_body_problems(self.model)]

    async def open(self) -> None:
        self._send = {"allow_redirects": False, "proxy": proxy_for(self._url)}
        self._session = aiohttp.ClientSession(
            # Once for the session: headers given with each request are put together anew each time.
            headers=self._headers(),
            # The endpoint bounds what is in flight; a second bound here would only hide waiting time.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=300),
            # The endpoint times each request as a whole.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._target = URL(self._url)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def complete(self, request: Request) -> Sequence[Completion]:
        sent = self.dialect
        try:
            value, headers = await self._post(await self._made_body(request))
            made = self._read(value, request, headers)
        except Refusal as refusal:
            refusal.sent = sent
            raise
        return self.noted(made, request, sent) if sent.without else made

    def adapt(self, refusal: Refusal, request: Request) -> str | None:
        sent = refusal.sent if isinstance(refusal.sent, Dialect) else self._at_first
        after, now = sent.after(refusal, request), self.dialect
        if after is None:
            return None
        self.dialect = now.with_(after, sent)
        if self.dialect == now:
            return ""
        self._fixed.clear()
        return self.dialect.told(now, refusal.detail)

    def gave_fewer(self, request: Request, given: int) -> str | None:
        now = self.dialect
        if given > 1 or "n" in now.without or request.model.supports.n:
            return None
        self.dialect = replace(now, without=now.without | {"n"})
        return self.dialect.told(now, f"{request.n} were wanted, one came")

    def _read(self, value: dict[str, Any], request: Request, headers: Mapping[str, str]) -> Sequence[Completion]:
        """The completions of an answer."""
        return read_completions(value, request.n, headers)

    async def known(self) -> tuple[str, ...]:
        try:
            return await self.listed(_LIST_WITHIN)
        except (aiohttp.ClientError, ProviderError, TimeoutError, ValueError):
            return ()

    async def listed(self, within: float) -> tuple[str, ...]:
        """The ids of the models that the server lists, asked in a connection of its own, within so many seconds.

        Raises what aiohttp raises, `TimeoutError`, and `Transient` for what is not a list."""
        url = endpoint_url(self.model.base_url or self.home, "models")
        async with (
            aiohttp.ClientSession(headers=self._headers(), timeout=aiohttp.ClientTimeout(total=within)) as session,
            session.get(url, allow_redirects=False, proxy=proxy_for(url)) as response,
        ):
            response.raise_for_status()
            found = parsed(await read_body(response)).get("data")
        ids = [one["id"] for one in found if isinstance(one, dict) and isinstance(one.get("id"), str)] if found else []
        return tuple(sorted(ids))

    def noted(self, made: Sequence[Completion], request: Request, sent: Dialect | None = None) -> Sequence[Completion]:
        """Answers with what was wanted of their request and not sent. None: it was made as at first."""
        sent = sent or self._at_first
        if not sent.without or not (missing := sent.missing(request)):
            return made
        return [replace(c, extra={**c.extra, SENT_WITHOUT: missing}) for c in made]

    def _headers(self) -> dict[str, str]:
        """What every request says of itself, the key among it."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.model.extra_headers}
        if key := read_key(self.model, self._url):
            headers.update(self._key_headers(key))
        return headers

    def _key_headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    async def _post(self, body: dict[str, Any]) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Send a body; the JSON object that came back, and its headers. Every other end is a provider's error."""
        assert self._session is not None, "open() comes first"  # noqa: S101
        try:
            async with self._session.post(self._target, data=orjson.dumps(body), **self._send) as response:
                status, headers = response.status, response.headers
                raw = await read_body(response)
        except (aiohttp.ClientConnectorError, TimeoutError) as error:
            raise Transient("connection", words(error)) from None
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            raise Transient("cut", words(error)) from None
        if 200 <= status < 300:
            return parsed(raw), headers
        raise failure_of(status, raw, headers)

    async def _made_body(self, request: Request) -> dict[str, Any]:
        return self._body(request)

    def _body(self, request: Request) -> dict[str, Any]:
        without = self.dialect.without
        body = {**self._values(request), "messages": request.messages}
        if "system" in without and has_system(request.messages):
            body["messages"] = folded(request.messages)
        if request.n > 1 and "n" not in without:
            body["n"] = request.n
        if (seed := request.sample_seed) is not None and "seed" not in without:
            body["seed"] = seed
        schema = (request.narrower if self._own_server else None) or request.schema
        if schema is not None and "json_schema" not in without:
            form = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        body.update(request.model.extra_body)
        return body

    def _values(self, request: Request) -> dict[str, Any]:
        """The fixed part of a request's body. Roles with one endpoint share this object, each with its own values."""
        model, sampling = request.model, request.sampling
        if sampling is not model.sampling:
            return self._sent_values(model, sampling)
        known = self._fixed.get(id(model))
        if known is None:
            # The model is kept with its values, or another could come to have its id.
            known = self._fixed[id(model)] = (model, self._sent_values(model, sampling))
        return known[1]

    def _sent_values(self, model: Model, values: Sampling) -> dict[str, Any]:
        without = self.dialect.without
        found = self._fixed_values(model, values).items()
        return {name: value for name, value in found if value is not None and name not in without}

    def _fixed_values(self, model: Model, values: Sampling) -> dict[str, Any]:
        """The model's id and its sampling values, as vLLM and OpenAI name them; None is not sent."""
        return {
            "model": model.model,
            "temperature": values.temperature,
            "top_p": values.top_p,
            "top_k": values.top_k,
            "repetition_penalty": values.repetition_penalty,
            "stop": list(values.stop) or None,
            self.dialect.limit: values.max_tokens,
        }


def _body_problems(model: Model) -> list[Problem]:
    taken = sorted({"stream", "messages", "n"} & set(model.extra_body))
    return [
        Problem("extra-body-taken", f"extra_body of model '{model.model}' may not set '{name}'", hint="leave it out")
        for name in taken
    ]
