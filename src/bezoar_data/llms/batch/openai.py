"""OpenAI's Batch API: a file of requests, a batch over it, files of answers and of errors.

Our own name for a batch travels in its metadata, so that one whose creation was never confirmed is found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import aiohttp
import orjson

from bezoar_data.llms.batch.api import BatchAPI, BatchStatus, FoundBatch, at_path
from bezoar_data.llms.providers.base import Completion, Request
from bezoar_data.llms.providers.common.chat_format import read_completions
from bezoar_data.llms.providers.common.http import failure_of
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import Transient

MARK = "bezoar_batch"
"""The metadata field with our name for a batch."""
_ENDPOINT = "/v1/chat/completions"
_OVER = ("completed", "failed", "expired", "cancelled")
_FULL = "token_limit_exceeded"
_PAGES = 50
_SKEW = 3600.0
"""Seconds by which clocks may differ."""


class OpenAIBatch(BatchAPI):
    """Limits as OpenAI states them: 50,000 requests, 200 MB, some of it left free."""

    most_requests: ClassVar[int] = 50_000
    most_bytes: ClassVar[int] = 190_000_000

    def line(self, name: str, request: Request) -> bytes:
        body = self.provider._body(request)
        return orjson.dumps({"custom_id": name, "method": "POST", "url": _ENDPOINT, "body": body})

    async def prepare(self, nonce: str, lines: Sequence[bytes]) -> str:
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", b"\n".join(lines) + b"\n", filename=f"{nonce}.jsonl", content_type="application/jsonl")
        return _id(await self._call("POST", "files", data=form))

    async def submit(self, nonce: str, prepared: str, lines: Sequence[bytes]) -> str:
        body = {
            "input_file_id": prepared,
            "endpoint": _ENDPOINT,
            "completion_window": "24h",
            "metadata": {MARK: nonce},
        }
        return _id(await self._call("POST", "batches", data=orjson.dumps(body)))

    async def find(self, nonce: str, since: float, requests: int, known: set[str]) -> FoundBatch:
        after = ""
        for _ in range(_PAGES):
            query = urlencode({"limit": 100, **({"after": after} if after else {})})
            page = await self._call("GET", f"batches?{query}")
            batches = page.get("data")
            if not isinstance(batches, list):
                raise Transient("garbage", "a list of batches without data")
            for batch in batches:
                if at_path(batch, "metadata", MARK) == nonce:
                    return FoundBatch(_id(batch))
            made = [b["created_at"] for b in batches if isinstance(at_path(b, "created_at"), int | float)]
            if not batches or not page.get("has_more") or (made and min(made) < since - _SKEW):
                return FoundBatch(None)
            after = _id(batches[-1])
        return FoundBatch(None)

    async def status(self, remote: str) -> BatchStatus:
        batch = await self._call("GET", f"batches/{quote(remote, safe='')}")
        status = batch.get("status")
        if status not in _OVER:
            return BatchStatus(over=False)
        files = [name for field in ("output_file_id", "error_file_id") if isinstance(name := batch.get(field), str)]
        errors = at_path(batch, "errors", "data")
        errors = [e for e in errors if isinstance(e, Mapping)] if isinstance(errors, list) else []
        completed, failed = at_path(batch, "request_counts", "completed"), at_path(batch, "request_counts", "failed")
        # Requests that expired count as neither: only what is counted as completed is sure to have a result.
        finished = completed + failed if type(completed) is int and type(failed) is int else None
        return BatchStatus(
            over=True,
            finished=finished if status == "completed" else completed if type(completed) is int else None,
            result_paths=tuple(f"files/{quote(name, safe='')}/content" for name in files if name),
            failed=_why(errors) if status == "failed" else "",
            full=any(e.get("code") == _FULL for e in errors),
            cancelled=status == "cancelled",
        )

    def read(self, raw: bytes, request: Request) -> Sequence[Completion]:
        value = orjson.loads(raw)
        error, response = value.get("error"), value.get("response")
        if isinstance(error, Mapping):
            code, words = str(error.get("code") or "error"), str(error.get("message") or "no explanation")
            raise Transient("unavailable", redact(f"{code}: {words}")[:600])
        status, body = at_path(value, "response", "status_code"), at_path(value, "response", "body")
        if type(status) is not int or not isinstance(body, dict):
            raise Transient("garbage", "a result without a response")
        named: dict[str, str] = {}
        if isinstance(name := response.get("request_id"), str):
            named["x-request-id"] = name
        if not 200 <= status < 300:
            raise failure_of(status, orjson.dumps(body), named)
        return read_completions(body, request.n, named)


def _id(value: Mapping[str, Any]) -> str:
    name = value.get("id")
    if not isinstance(name, str) or not name:
        raise Transient("garbage", "an answer without an id")
    return name


def _why(errors: Sequence[Mapping[str, Any]]) -> str:
    words = [
        f"line {e['line']}: {e.get('message')}" if e.get("line") is not None else str(e.get("message") or e.get("code"))
        for e in errors[:3]
    ]
    return redact("; ".join(words))[:600] or "no explanation"
