"""A Messages API in front of a fault server: its answers and faults, in Anthropic's words.

Strict about what it is sent, as the real one is: key and version in their headers, a limit on tokens, messages of a
user and an assistant only, one answer a request, a forced tool that exists.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.fault_server import FaultServer

KEY = "test-anthropic-key-0123456789"
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 413: "request_too_large",
          429: "rate_limit_error", 529: "overloaded_error"}  # fmt: skip
_TAKEN = {"model", "messages", "max_tokens", "system", "temperature", "top_p", "top_k", "stop_sequences", "tools",
          "tool_choice", "thinking", "metadata"}  # fmt: skip


class AnthropicServer:
    """Use as `async with AnthropicServer(rate_429=0.1) as server`; the arguments are those of `FaultServer`."""

    def __init__(self, **faults: Any) -> None:
        self.faults = FaultServer(**faults)
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.overrides: dict[str, Any] = {}
        """Fields of every answer that a test wants otherwise."""

    async def __aenter__(self) -> AnthropicServer:
        self.faults.start()
        self._behind = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/v1/messages", self._serve)
        self._front = TestServer(app)
        await self._front.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._front.close()
        await self._behind.close()
        self.faults.close()

    @property
    def url(self) -> str:
        return str(self._front.make_url("/v1"))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        response = await self._answer(request)
        self.statuses.append(response.status)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if request.headers.get("x-api-key") != KEY:
            return _error(401, f"invalid x-api-key: {request.headers.get('x-api-key')}")
        if wrong := _wrong(request, body):
            return _error(400, wrong)
        chat = {"model": body["model"], "max_tokens": body["max_tokens"], "messages": body["messages"]}
        try:
            async with self._behind.post(f"{self.faults.url}/chat/completions", json=chat) as behind:
                status, raw, headers = behind.status, await behind.read(), dict(behind.headers)
        except (aiohttp.ClientError, asyncio.IncompleteReadError):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if status != 200:
            told = {"Retry-After": headers["Retry-After"]} if "Retry-After" in headers else {}
            return _error(529 if status == 503 else status, json.loads(raw)["error"]["message"], told)
        try:
            made = json.loads(raw)
        except ValueError:
            return web.Response(body=raw, content_type="text/html")
        return web.json_response({**_message(body, made), **self.overrides})


def _wrong(request: web.Request, body: dict[str, Any]) -> str:
    if request.headers.get("anthropic-version") != "2023-06-01":
        return "anthropic-version: header is required"
    if unknown := set(body) - _TAKEN:
        return f"{sorted(unknown)[0]}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int):
        return "max_tokens: Field required"
    if not body["messages"] or any(m["role"] not in ("user", "assistant") for m in body["messages"]):
        return "messages: Unexpected role"
    choice = body.get("tool_choice", {})
    if choice.get("type") == "tool" and choice["name"] not in [t["name"] for t in body.get("tools", [])]:
        return "tool_choice: no such tool"
    if any(t["input_schema"].get("type") != "object" for t in body.get("tools", [])):
        return "tools.0.input_schema.type: Input should be 'object'"
    return ""


def _message(body: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    choice, usage = made["choices"][0], made["usage"]
    text = choice["message"]["content"]
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    reason = "max_tokens" if choice["finish_reason"] == "length" else "end_turn"
    if body.get("tool_choice", {}).get("type") == "tool":
        form = body["tools"][-1]
        given = {name: text if name == "value" else f"a {name}" for name in form["input_schema"]["properties"]}
        content = [{"type": "tool_use", "id": "t1", "name": form["name"], "input": given}]
        reason = "tool_use"
    return {
        "id": made["id"].replace("chatcmpl", "msg"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
        "usage": {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]},
    }


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    error = {"type": _TYPES.get(status, "api_error"), "message": message}
    return web.json_response({"type": "error", "error": error}, status=status, headers=headers)
