"""What a provider's batch API must do, the same for every provider, and the HTTP they share.

A batch API takes many requests at once, answers within a day, at a discount. A provider's own file says how it is
spelled; submitting, waiting, remembering and asking again is `batch`'s work. Errors are those of providers: `Refusal`
(the provider will not take this), `Unauthorised`, `Transient` (it may work later).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import orjson

from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.providers.common.http import endpoint_url, failure_of, parsed, words
from bezoar_data.llms.providers.openai import OpenAI
from bezoar_data.llms.retry_policy import Transient

LONGEST_LINE = 64 * 2**20
"""Bytes of one result. An answer is text a model wrote token by token: more than this is not an answer."""
_QUIET = 120.0
"""Seconds without a byte after which a download counts as cut off."""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """What a batch looks like at the provider. `finished` counts the requests that have a result of any kind; None
    when the provider does not say."""

    over: bool
    finished: int | None = None
    result_paths: tuple[str, ...] = ()
    """Paths, below the API's address, of its results; empty when there are none."""
    failed: str = ""
    """Why the provider took none of its requests."""
    full: bool = False
    """It took none because too much is waiting already: it may be submitted again later."""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class FoundBatch:
    """Whether a batch that may have been submitted exists: its name, or None with `sure` telling whether that is
    known by now."""

    remote: str | None
    sure: bool = True


class BatchAPI(ABC):
    """One provider's batch API, on the connection, address and key of its provider, which must be open."""

    most_requests: ClassVar[int]
    most_bytes: ClassVar[int]
    splits: ClassVar[bool] = False
    """Whether a request brings one answer only, so that a question that wants several makes several requests."""

    def __init__(self, provider: OpenAI) -> None:
        self.provider = provider

    @abstractmethod
    def line(self, name: str, request: Request) -> bytes:
        """A request as it stands in a batch, under a name of ours."""

    @abstractmethod
    async def prepare(self, nonce: str, lines: Sequence[bytes]) -> str:
        """What can be done before a batch exists, any number of times: returns what `submit` needs."""

    @abstractmethod
    async def submit(self, nonce: str, prepared: str, lines: Sequence[bytes]) -> str:
        """Make the batch; its name at the provider. After a `Transient` other than `rate_limited` and `connection`
        it may exist all the same."""

    @abstractmethod
    async def find(self, nonce: str, since: float, requests: int, known: set[str]) -> FoundBatch:
        """Look for a batch that may have been submitted at `since` (seconds since the epoch) or later. `known` are
        batches that are certainly another one."""

    @abstractmethod
    async def status(self, remote: str) -> BatchStatus:
        """How a batch is getting on."""

    @abstractmethod
    def read(self, raw: bytes, request: Request) -> Sequence[Completion]:
        """The completions in one line of results. Raises what a provider's `complete` raises."""

    async def results(self, status: BatchStatus) -> AsyncGenerator[tuple[str, bytes], None]:
        """(our name, line) of every result. The same name may come twice; the order is the provider's."""
        for place in status.result_paths:
            async with aclosing(self._lines(place)) as lines:
                async for raw in lines:
                    if name := _name(raw):
                        yield name, raw

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The JSON object at a path below the API's address. Every other end is a provider's error."""
        async with self._requested(method, path, **more) as response:
            return parsed(await response.read())

    async def _lines(self, path: str) -> AsyncGenerator[bytes, None]:
        """The lines of a download. One that is not JSON means that the download was cut or garbled."""
        rest = b""
        async with self._requested("GET", path) as response:
            while True:
                async with asyncio.timeout(_QUIET):
                    part = await response.content.readany()
                if not part:
                    break
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
                if len(rest) > LONGEST_LINE:
                    raise Transient("garbage", f"a result of more than {LONGEST_LINE >> 20} MiB")
        if rest.strip():
            yield rest

    @asynccontextmanager
    async def _requested(self, method: str, path: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        session, send = self.provider._session, dict(self.provider._send)
        assert session is not None, "open() comes first"  # noqa: S101
        if isinstance(more.get("data"), aiohttp.FormData):
            # The form names its own content type, with the mark that parts its fields.
            more["data"] = more["data"]()
            send["headers"] = {"Content-Type": more["data"].headers["Content-Type"]}
        try:
            async with session.request(method, self._address(path), **send, **more) as response:
                if not 200 <= response.status < 300:
                    raise failure_of(response.status, await response.content.read(2**20), response.headers)
                yield response
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise Transient("connection", words(error)) from None
        except TimeoutError:
            raise Transient("timeout", "no answer in time") from None
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            raise Transient("cut", words(error)) from None

    def _address(self, path: str) -> str:
        """Below the API's own address: what an answer names elsewhere never gets the key."""
        base = self.provider._url.removesuffix(self.provider.path).rstrip("/")
        return endpoint_url(base, path)


def _name(raw: bytes) -> str:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Transient("cut", "a line of the results is not JSON") from None
    name = value.get("custom_id") if isinstance(value, dict) else None
    return name if isinstance(name, str) else ""


def at_path(value: Mapping[str, Any], *path: str) -> Any:
    """What stands at a path of an answer, None when it leads nowhere."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
