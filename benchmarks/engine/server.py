"""The model that everything is measured against: an OpenAI-compatible endpoint that answers after a fixed time.

Written on asyncio's bare protocol and with every answer made before the first request, so that it is never what limits
a contender. It counts how often each row was asked and when the first and last of them came and went.

GET /stats tells the counts; its times are CLOCK_MONOTONIC, which every process on the machine shares.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from dataclasses import dataclass, field

import prompts


@dataclass(slots=True)
class Endpoint:
    """What the server answers, and what it has seen. Requests that ask for no row of ours are counted as `other`."""

    latency: float
    slow_latency: float
    replies: dict[str, tuple[int, bytes]]
    slow: frozenset[int]
    counts: list[int]
    asked: int = 0
    answered: int = 0
    lost: int = 0
    other: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    connections: int = 0
    first: float | None = None
    last: float | None = None
    plain_reply: bytes = field(default_factory=lambda: _reply("This question belongs to no row."))

    def stats(self) -> dict[str, object]:
        names = ("asked", "answered", "lost", "other", "in_flight", "most_in_flight", "connections", "first", "last")
        return {
            **{name: getattr(self, name) for name in names},
            "twice": sum(n > 1 for n in self.counts),
            "extra": sum(n - 1 for n in self.counts if n > 1),
            "never": self.counts.count(0),
        }


class Connection(asyncio.Protocol):
    """One keep-alive connection: one request at a time, as HTTP/1.1 clients send them."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self.endpoint = endpoint
        self.loop = loop
        self.buffer = b""
        self.waiting = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.endpoint.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.endpoint.lost += self.waiting
        self.endpoint.in_flight -= self.waiting
        self.waiting = 0

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = _content_length(head)
            if length is None:
                self.transport.write(_http(b'{"error": "send a Content-Length"}', b"411 Length Required"))
                self.transport.close()
                return
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self._request(head, body)

    def _request(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST ") and b"/chat/completions" in head[:200]:
            self._chat(body)
        elif head.startswith(b"GET /stats"):
            self.transport.write(_http(json.dumps(self.endpoint.stats()).encode()))
        elif head.startswith(b"GET ") and b"/models" in head[:200]:
            self.transport.write(_http(b'{"object": "list", "data": [{"id": "bench", "object": "model"}]}'))
        else:
            self.transport.write(_http(b'{"error": "not found"}', b"404 Not Found"))

    def _chat(self, body: bytes) -> None:
        endpoint = self.endpoint
        messages = json.loads(body).get("messages") or [{}]
        question = messages[-1].get("content")
        if isinstance(question, list):  # some clients send a list of parts
            question = "".join(part.get("text", "") for part in question)
        found = endpoint.replies.get(question.strip()) if isinstance(question, str) else None
        if found is None:
            endpoint.other += 1
            self.transport.write(endpoint.plain_reply)
            return
        number, reply = found
        endpoint.counts[number] += 1
        endpoint.asked += 1
        endpoint.in_flight += 1
        endpoint.most_in_flight = max(endpoint.most_in_flight, endpoint.in_flight)
        if endpoint.first is None:
            endpoint.first = time.monotonic()
        self.waiting += 1
        delay = endpoint.slow_latency if number in endpoint.slow else endpoint.latency
        self.loop.call_later(delay, self._answer, reply)

    def _answer(self, reply: bytes) -> None:
        if not self.waiting:  # the client left; connection_lost has counted it
            return
        self.waiting -= 1
        endpoint = self.endpoint
        endpoint.in_flight -= 1
        endpoint.answered += 1
        endpoint.last = time.monotonic()
        self.transport.write(reply)


def _content_length(head: bytes) -> int | None:
    lower = head.lower()
    if b"\r\ntransfer-encoding:" in lower:
        return None
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    return int(lower[at + 17 :].split(b"\r\n", 1)[0])


def _http(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def _reply(text: str) -> bytes:
    value = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70},
    }
    return _http(json.dumps(value).encode())


def make_endpoint(rows: int, latency: float, slow_share: float = 0.0, slow_latency: float = 5.0) -> Endpoint:
    questions = [prompts.prompt(i) for i in range(rows)]
    return Endpoint(
        latency=latency,
        slow_latency=slow_latency,
        replies={q: (i, _reply(prompts.answer(q))) for i, q in enumerate(questions)},
        slow=prompts.slow_rows(rows, slow_share) if slow_share else frozenset(),
        counts=[0] * rows,
    )


async def serve(endpoint: Endpoint, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint, loop), "127.0.0.1", port, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "pid": os.getpid()}), flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free one, told on standard output")
    parser.add_argument("--rows", type=int, required=True, help="answer the questions of rows 0 to ROWS - 1")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds from request to answer")
    parser.add_argument("--slow-share", type=float, default=0.0, help="share of rows whose answer takes --slow-latency")
    parser.add_argument("--slow-latency", type=float, default=5.0, help="seconds")
    args = parser.parse_args()
    asyncio.run(serve(make_endpoint(args.rows, args.latency, args.slow_share, args.slow_latency), args.port))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
