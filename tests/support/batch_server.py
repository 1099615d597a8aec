"""The batch APIs of OpenAI and Anthropic in a process of their own, with faults, so that tests may kill and count.

    with BatchServer(delay=0.5, shuffled=True) as server:
        ... server.url ... server.stats()["batches"] ...

Prompts decide about single requests: `[[400]]` is refused every time, `[[500]]` fails every time, `[[500once]]`,
`[[expire]]`, `[[lost]]` and `[[garbage]]` the first time only. What is counted (`prompts`) is every request of every
batch that was made, which is what would be billed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.fault_server import Faults, completion
from support.waiting import PATIENCE

KEY = "test-batch-key-0123456789"
_MARK = re.compile(r"\[\[(\w+)\]\]")


@dataclass
class BatchFaults:
    """What goes wrong. Counts say how many of the next calls it happens to; -1 is all of them."""

    delay: float = 0.2
    """Seconds until a batch is over; negative: never, until other faults are set."""
    shuffled: bool = False
    doubled: bool = False
    """Every result comes twice."""
    bad_polls: int = 0
    """Looks at a batch that get 500."""
    cut_downloads: int = 0
    """Downloads that break off in the middle of a line."""
    short_downloads: int = 0
    """Downloads that end after half of the lines, as if that were all."""
    hang_upload: int = 0
    hang_before: int = 0
    """Batches that are not made, and nobody hears anything."""
    hang_after: int = 0
    """Batches that are made, and nobody hears of it."""
    fail_after: int = 0
    """Batches that are made, and the answer is a 500."""
    busy: int = 0
    """Batches that are not made: 429."""
    refuse: int = 0
    """The status that handing in gets."""
    hang_download: int = 0
    """Downloads that send half and then nothing more."""
    invalid: int = 0
    """Batches (OpenAI) that fail as a whole."""
    full: int = 0
    """Batches (OpenAI) that fail because too much is waiting already."""
    expired: bool = False
    """Batches that are over are told as expired."""
    cancelled: bool = False
    """Batches that are over were cancelled, with half of the answers given."""
    forgotten: bool = False
    """Batches are not known any more."""
    untaken: str = ""
    """A field that the model does not take: requests with it are refused."""


@dataclass
class Made:
    """One batch. Its results are decided when it is made."""

    id: str
    kind: str
    created: float
    metadata: dict[str, str]
    requests: list[dict[str, Any]]
    status: str = ""
    outcome: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(file, line): file is `output`, `error` or, for what is missing, nothing."""


class State:
    def __init__(self, faults: BatchFaults) -> None:
        self.faults = faults
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Made] = {}
        self.prompts: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()

    def take(self, name: str) -> bool:
        """Whether the next call is one of those that go wrong in this way."""
        left = getattr(self.faults, name)
        if left > 0:
            setattr(self.faults, name, left - 1)
        return bool(left)

    def over(self, batch: Made) -> bool:
        return self.faults.delay >= 0 and time.time() - batch.created >= self.faults.delay

    def make(self, kind: str, requests: list[dict[str, Any]], metadata: dict[str, str]) -> Made:
        made = Made(f"batch_{len(self.batches) + 1}", kind, time.time(), metadata, requests)
        if kind == "openai" and self.take("invalid"):
            made.status = "invalid"
        elif kind == "openai" and self.take("full"):
            made.status = "full"
        else:
            made.outcome = [self.answer(kind, r) for r in requests]
            for request in requests:
                self.prompts[prompt_of(request)] += 1
        self.batches[made.id] = made
        return made

    def answer(self, kind: str, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        prompt, name = prompt_of(request), request["custom_id"]
        self.seen[prompt] += 1
        mark = _MARK.search(prompt)
        word = mark[1] if mark else ""
        again = self.seen[prompt] > 1
        body = request["body"] if kind == "openai" else request["params"]
        if word == "expire" and not again:
            error = {"code": "batch_expired", "message": "This request could not be executed in time."}
            line = {"response": None, "error": error} if kind == "openai" else {"result": {"type": "expired"}}
            return "error", {"custom_id": name, **line}
        if word == "lost" and not again:
            return "", {}
        status = 400 if word == "400" else 500 if word == "500" or (word == "500once" and not again) else 200
        message = f"this prompt is refused: {prompt[:40]}"
        if self.faults.untaken in body:
            status, message = 400, f"Unsupported parameter: '{self.faults.untaken}' is not supported with this model."
        if status != 200:
            kind_of = "invalid_request_error" if status == 400 else "api_error"
            error = {"type": kind_of, "message": message}
            response = {"status_code": status, "request_id": "r", "body": {"error": error}}
            errored = {"type": "errored", "error": {"type": "error", "error": error}}
            line = {"response": response, "error": None} if kind == "openai" else {"result": errored}
            return "error", {"custom_id": name, **line}
        chat = completion({"n": 1, **body, "messages": body["messages"]}, Faults())
        if word == "garbage" and not again:
            chat["choices"] = []
        if kind == "openai":
            response = {"status_code": 200, "request_id": "r", "body": chat}
            return "output", {"id": "x", "custom_id": name, "response": response, "error": None}
        usage = chat["usage"]
        told = {
            "id": chat["id"],
            "type": "message",
            "content": [{"type": "text", "text": c["message"]["content"]} for c in chat["choices"]],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]},
        }
        return "output", {"custom_id": name, "result": {"type": "succeeded", "message": told}}

    def lines(self, batch: Made, file: str) -> list[bytes]:
        outcome = batch.outcome
        if self.faults.cancelled:
            cut = {"result": {"type": "canceled"}}
            half = len(outcome) // 2
            rest = [("error", {"custom_id": r["custom_id"], **cut}) for r in batch.requests[half:]]
            outcome = outcome[:half] + (rest if batch.kind == "anthropic" else [])
        found = [json.dumps(line).encode() for where, line in outcome if where and (not file or where == file)]
        if self.faults.doubled:
            found = [line for line in found for _ in range(2)]
        if self.faults.shuffled:
            random.Random(7).shuffle(found)
        return found


def prompt_of(request: dict[str, Any]) -> str:
    body = request.get("body") or request["params"]
    return "\n".join(m["content"] for m in body["messages"])


def make_app(state: State) -> Any:
    from aiohttp import web

    def error(status: int, message: str) -> web.Response:
        return web.json_response({"error": {"message": message, "code": None}}, status=status)

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/v1"):
            given = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
            if given != KEY:
                return error(401, f"Incorrect API key provided: {given}")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def hang() -> None:
        await asyncio.sleep(3600)

    async def upload(request: web.Request) -> web.StreamResponse:
        state.calls["upload"] += 1
        form = await request.post()
        if state.take("hang_upload"):
            await hang()
        assert form["purpose"] == "batch"
        name = f"file-{len(state.files) + 1}"
        state.files[name] = form["file"].file.read()  # type: ignore[union-attr]
        return web.json_response({"id": name, "object": "file"})

    async def create(request: web.Request) -> web.StreamResponse:
        state.calls["create"] += 1
        body = await request.json()
        if state.faults.refuse:
            return error(state.faults.refuse, "you may not hand this in")
        if state.take("busy"):
            return error(429, "too many")
        if state.take("hang_before"):
            await hang()
        if request.path.endswith("/messages/batches"):
            if any("metadata" in r for r in body["requests"]) or set(body) != {"requests"}:
                return error(400, "Extra inputs are not permitted")
            made = state.make("anthropic", body["requests"], {})
        else:
            lines = [json.loads(line) for line in state.files[body["input_file_id"]].split(b"\n") if line]
            if any(line["url"] != body["endpoint"] for line in lines) or body["completion_window"] != "24h":
                return error(400, "endpoint mismatch")
            made = state.make("openai", lines, body["metadata"])
        if state.take("hang_after"):
            await hang()
        if state.take("fail_after"):
            return error(500, "internal")
        return web.json_response(shown(made))

    def shown(batch: Made) -> dict[str, Any]:
        over, total = state.over(batch), len(batch.requests)
        if batch.kind == "anthropic":
            counts = {"processing": 0 if over else total, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
            if over:
                for line in set(state.lines(batch, "")):
                    counts[json.loads(line)["result"]["type"]] += 1
                counts["succeeded"] += total - sum(counts.values())
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.created))
            status = "ended" if over else "in_progress"
            return {"id": batch.id, "processing_status": status, "request_counts": counts, "created_at": when}
        value: dict[str, Any] = {"id": batch.id, "object": "batch", "metadata": batch.metadata,
                                 "created_at": int(batch.created), "status": "in_progress"}  # fmt: skip
        if batch.status:
            code = "token_limit_exceeded" if batch.status == "full" else "invalid_json_line"
            told = {"code": code, "message": "cannot take this", "line": 1 if batch.status == "invalid" else None}
            return {**value, "status": "failed", "errors": {"data": [told]}}
        if over:
            outputs = {json.loads(raw)["custom_id"] for raw in state.lines(batch, "output")}
            errors = {json.loads(raw)["custom_id"] for raw in state.lines(batch, "error")}
            status = "cancelled" if state.faults.cancelled else "expired" if state.faults.expired else "completed"
            value |= {
                "status": status,
                "request_counts": {"total": total, "completed": len(outputs), "failed": len(errors)},
                "output_file_id": f"{batch.id}-output" if outputs else None,
                "error_file_id": f"{batch.id}-error" if errors else None,
            }
        return value

    def named(request: web.Request) -> Made | None:
        return None if state.faults.forgotten else state.batches.get(request.match_info["name"])

    async def look(request: web.Request) -> web.StreamResponse:
        state.calls["look"] += 1
        if state.take("bad_polls"):
            return error(500, "internal")
        batch = named(request)
        return error(404, "no such batch") if batch is None else web.json_response(shown(batch))

    async def listed(request: web.Request) -> web.StreamResponse:
        state.calls["list"] += 1
        kind = "anthropic" if "messages" in request.path else "openai"
        found = [shown(b) for b in reversed(state.batches.values()) if b.kind == kind]
        after = request.query.get("after") or request.query.get("after_id")
        if after:
            found = found[[b["id"] for b in found].index(after) + 1 :]
        # Two to a page, so that finding one means turning pages.
        return web.json_response({"data": found[:2], "has_more": len(found) > 2})

    async def download(request: web.Request) -> web.StreamResponse:
        state.calls["download"] += 1
        name, file = request.match_info["name"], ""
        if not name.startswith("batch_") or "-" in name:
            name, _, file = name.partition("-")
        lines = state.lines(state.batches[name], file)
        cut, stuck = state.take("cut_downloads"), state.take("hang_download")
        if not cut and not stuck and state.take("short_downloads"):
            lines = lines[: len(lines) // 2]
        raw = b"".join(line + b"\n" for line in lines)
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(raw[: len(raw) // 2 if cut or stuck else len(raw)])
        if stuck:
            state.calls["stuck"] += 1
            await hang()
        if cut:
            assert request.transport is not None
            await asyncio.sleep(0.05)
            request.transport.abort()
        return response

    async def stats(_: web.Request) -> web.Response:
        sizes = [len(b.requests) for b in state.batches.values()]
        prompts = dict(state.prompts)
        return web.json_response({"batches": sizes, "prompts": prompts, "calls": dict(state.calls)})

    async def configure(request: web.Request) -> web.Response:
        state.faults = BatchFaults(**await request.json())
        return web.json_response({})

    app = web.Application(client_max_size=2**30, middlewares=[guard])
    app.router.add_post("/v1/files", upload)
    for prefix in ("/v1/batches", "/v1/messages/batches"):
        app.router.add_post(prefix, create)
        app.router.add_get(prefix, listed)
        app.router.add_get(prefix + "/{name}", look)
    app.router.add_get("/v1/messages/batches/{name}/results", download)
    app.router.add_get("/v1/files/{name}/content", download)
    app.router.add_get("/stats", stats)
    app.router.add_post("/configure", configure)
    return app


class BatchServer:
    """The server in a process of its own. `set` changes the faults and keeps batches and counts."""

    def __init__(self, **faults: Any) -> None:
        self._faults = BatchFaults(**faults)
        self.port = 0

    def __enter__(self) -> BatchServer:
        command = [sys.executable, __file__, json.dumps(asdict(self._faults))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def set(self, **faults: Any) -> None:
        self._get("/configure", json.dumps(asdict(BatchFaults(**faults))).encode())

    def stats(self) -> dict[str, Any]:
        return self._get("/stats")

    def wait_for(self, what: str, count: int = 1, within: float = PATIENCE) -> None:
        """Until so many calls of a kind came (`batches`: until so many were made)."""
        deadline = time.monotonic() + within
        while True:
            stats = self.stats()
            there = len(stats["batches"]) if what == "batches" else stats["calls"].get(what, 0)
            if there >= count:
                return
            assert time.monotonic() < deadline, f"no {count} x {what} within {within} s: {stats['calls']}"
            time.sleep(0.02)

    def _get(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=100) as response:
            found: dict[str, Any] = json.load(response)
        return found


async def serve_for_ever(faults: BatchFaults) -> None:
    from aiohttp import web

    runner = web.AppRunner(make_app(State(faults)), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    over = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, over.set)
    await over.wait()
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Batch APIs that fail on purpose.")
    parser.add_argument("faults", type=json.loads)
    asyncio.run(serve_for_ever(BatchFaults(**parser.parse_args().faults)))
