"""Anthropic's Message Batches API: the requests themselves make the batch, one answer each.

The API keeps no name of ours with a batch, only one with each request. A batch whose creation was never confirmed is
therefore recognised by those names, which can be read only once it has ended; until then nobody can be sure, and waits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import orjson

from bezoar_data.llms.batch.api import BatchAPI, BatchStatus, FoundBatch, at_path
from bezoar_data.llms.error_signs import STATUSES
from bezoar_data.llms.providers.anthropic import _completion
from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.providers.common.http import failure_of
from bezoar_data.llms.retry_policy import Transient

_PAGES = 50
_SKEW = 600.0
"""Seconds by which clocks may differ."""


class AnthropicBatch(BatchAPI):
    """Limits as Anthropic states them: 100,000 requests, 256 MB, some of it left free."""

    most_requests: ClassVar[int] = 100_000
    most_bytes: ClassVar[int] = 240_000_000
    splits: ClassVar[bool] = True

    def line(self, name: str, request: Request) -> bytes:
        return orjson.dumps({"custom_id": name, "params": self.provider._body(request)})

    async def prepare(self, nonce: str, lines: Sequence[bytes]) -> str:
        return ""

    async def submit(self, nonce: str, prepared: str, lines: Sequence[bytes]) -> str:
        return _id(await self._call("POST", "messages/batches", data=b'{"requests":[' + b",".join(lines) + b"]}"))

    async def find(self, nonce: str, since: float, requests: int, known: set[str]) -> FoundBatch:
        after, sure = "", True
        for _ in range(_PAGES):
            query = urlencode({"limit": 100, **({"after_id": after} if after else {})})
            page = await self._call("GET", f"messages/batches?{query}")
            batches = page.get("data")
            if not isinstance(batches, list):
                raise Transient("garbage", "a list of batches without data")
            made = 0.0
            for batch in batches:
                made = _when(at_path(batch, "created_at"))
                if made < since - _SKEW or _id(batch) in known or _total(batch) != requests:
                    continue
                if batch.get("processing_status") != "ended":
                    sure = False
                elif await self._is_ours(_id(batch), nonce):
                    return FoundBatch(_id(batch))
            if not batches or not page.get("has_more") or made < since - _SKEW:
                break
            after = _id(batches[-1])
        return FoundBatch(None, sure)

    async def _is_ours(self, remote: str, nonce: str) -> bool:
        async with aclosing(self.results(BatchStatus(over=True, result_paths=(_results(remote),)))) as results:
            async for name, _ in results:
                return name.startswith(f"{nonce}-")
        return False

    async def status(self, remote: str) -> BatchStatus:
        batch = await self._call("GET", f"messages/batches/{quote(remote, safe='')}")
        if batch.get("processing_status") != "ended":
            return BatchStatus(over=False)
        counts = batch.get("request_counts")
        canceled = at_path(batch, "request_counts", "canceled")
        return BatchStatus(
            over=True,
            finished=_total(batch) if isinstance(counts, Mapping) else None,
            result_paths=(_results(remote),),
            cancelled=type(canceled) is int and canceled > 0,
        )

    def read(self, raw: bytes, request: Request) -> Sequence[Completion]:
        value = orjson.loads(raw)
        kind = at_path(value, "result", "type")
        if kind == "succeeded" and isinstance(message := at_path(value, "result", "message"), dict):
            return [_completion(message, request.schema, {})]
        if kind == "errored":
            error = at_path(value, "result", "error")
            inner = at_path(error, "error") if isinstance(at_path(error, "error"), Mapping) else error
            status = STATUSES.get(str(at_path(inner, "type")), 500) if isinstance(inner, Mapping) else 500
            raise failure_of(status, orjson.dumps({"error": inner}), {})
        if kind in ("expired", "canceled"):
            raise Transient("unavailable", f"the batch ended with this request {kind}")
        raise Transient("garbage", "a result of no known kind")


def _results(remote: str) -> str:
    return f"messages/batches/{quote(remote, safe='')}/results"


def _total(batch: Mapping[str, Any]) -> int:
    counts = batch.get("request_counts")
    values = counts.values() if isinstance(counts, Mapping) else ()
    return sum(n for n in values if type(n) is int)


def _when(text: Any) -> float:
    """Seconds since the epoch; now for what cannot be read, so that no batch is passed over for it."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return time.time()


def _id(value: Mapping[str, Any]) -> str:
    name = value.get("id")
    if not isinstance(name, str) or not name:
        raise Transient("garbage", "an answer without an id")
    return name
