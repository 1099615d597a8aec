"""A chat-completions server that fails on purpose, in its own process, so that tests may kill it and count.

Answers depend on the messages alone; faults on a seeded hash of (fault, prompt, how often this prompt was seen), so a
test run repeats exactly whatever the order of requests. From a test:

    with FaultServer(latency=0.05, rate_429=0.1) as server:
        ... server.url ... server.stats()["requests"] ...

From the command line, for benchmarks:

    python tests/support/fault_server.py --port 8199 --latency 0.05

What a prompt says decides too, for single bad rows: a prompt holding `[[400]]` (or 401, 404, 422, 500, 503...) gets
that status every time, `[[garbage]]`, `[[empty]]`, `[[null]]`, `[[cut]]`, `[[hang]]`, `[[slow]]` likewise;
`[[last]]` is answered after `others`.

So that no test hangs on how fast the machine is, the server can wait for what the test wants to see: `together`,
`hold_from` and `others`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Any

_MARK = re.compile(r"\[\[(\w+)\]\]")
_WORDS = [
    "river", "stone", "amber", "light", "under", "quiet", "north", "paper", "seven", "garden", "iron", "cloud",
    "because", "summer", "where", "often", "kitchen", "letter", "green", "across", "window", "thread", "always",
    "motion", "little", "harbour", "answer", "between",
]  # fmt: skip


@dataclass
class Faults:
    """What goes wrong, and how often. Rates are shares of requests; times are seconds."""

    latency: float = 0.0
    slow_rate: float = 0.0
    slow: float = 5.0
    rate_429: float = 0.0
    retry_after: str = "1"
    """The header's text as sent; empty: none."""
    rate_500: float = 0.0
    rate_cut: float = 0.0
    rate_garbage: float = 0.0
    rate_empty: float = 0.0
    rate_null: float = 0.0
    rate_hang: float = 0.0
    status: int = 0
    """Every request gets this status."""
    key: str = ""
    """Any other key gets 401, and the body echoes it."""
    down: float = 0.0
    """For so many seconds from now, every request gets `down_status`."""
    down_status: int = 503
    down_first: int = 0
    """So many requests get `down_status` first."""
    together: int = 0
    """Nobody is answered before so many requests were there at once."""
    hold_from: int = -1
    """Whoever comes after so many requests is answered when other faults are set."""
    others: int = 0
    """So many answers come before that to a prompt with `[[last]]`."""
    serves: str = ""
    """The one model it has, and lists: another one gets 404."""
    capacity: int = 0
    """More requests at once than this get 429."""
    words: int = 20
    evolving: bool = False
    """Evolve, compare and answer as the scheme of Evol-Instruct asks; some of it is to be eliminated."""
    tasks: bool = False
    """Answer distilabel's tasks in the form that each of them reads."""
    examples: int = 0
    """To a prompt that speaks of <example> tags, answer with so many requests in them, some of them faulty."""
    scripted: bool = False
    """Answer whatever the shipped schemes ask, in lengths and tokens that nobody can foresee."""
    mt_bench: bool = False
    """Judge the answers to MT-Bench's questions."""
    spread: float = 0.0
    """Up to so many seconds more, differently for each request: answers come in another order with another `seed`."""
    no_usage: bool = False
    one_choice: bool = False
    """Ignore `n`, as some servers do."""
    seed: int = 0


class State:
    def __init__(self, faults: Faults) -> None:
        self.reset(faults)

    def turn(self, faults: Faults) -> None:
        self.faults = faults
        self.since = time.monotonic()

    def reset(self, faults: Faults) -> None:
        self.turn(faults)
        self.requests = 0
        self.connections = 0
        self.seen: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.peak = self.now = 0
        self.times: list[float] = []
        self.last_body: Any = None
        self.last_headers: dict[str, str] = {}


def chance(seed: int, fault: str, prompt: str, nth: int) -> float:
    digest = hashlib.sha256(f"{seed}|{fault}|{nth}|{prompt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def answer_text(messages: Any, words: int, variant: int = 0) -> str:
    """The answer to these messages, always the same: judge-shaped JSON when JSON is asked for, else plain words;
    words also for a prompt with `[[unparsable]]`."""
    text = json.dumps(messages, sort_keys=True)
    digest = hashlib.sha256(f"{variant}|{text}".encode()).digest()
    if "JSON" in text and "[[unparsable]]" not in text:
        rating = 1 + digest[0] % 5
        return json.dumps({"status": "Accept" if rating >= 3 else "Reject", "rating": rating, "reason": "as seen"})
    return " ".join(_WORDS[digest[i % 32] % len(_WORDS)] for i in range(words)) + "."


def example_text(messages: Any, count: int, variant: int = 0) -> str:
    """Requests between tags, always the same for these messages. Of each ten one is not closed, one empty, one said
    before, one copied from the prompt and one numbered; one prompt in eight gets no tag at all."""
    text = json.dumps(messages, sort_keys=True)
    digest = hashlib.sha256(f"{variant}|{text}".encode()).digest()
    if digest[0] % 8 == 0:
        return "I would rather not."
    shown = re.findall(r"<example>(.*?)</example>", messages[-1]["content"], re.DOTALL)
    fresh = [f"Say what {_WORDS[digest[i % 32] % len(_WORDS)]} {digest.hex()[i : i + 5]} is." for i in range(count)]
    lines = [f"<example>{said}</example>" for said in fresh]
    for i in range(0, count - 9, 10):
        lines[i + 1] = f"<example>{fresh[i + 1]}"
        lines[i + 3] = "<example> </example>"
        lines[i + 5] = f"<example>{fresh[i + 4].upper()}</example>"
        lines[i + 7] = f"<example>{shown[0]}</example>"
        lines[i + 9] = f"{i + 10}. <example>{i + 10}. {fresh[i + 9]}</example>"
    return "\n".join(lines)


def evolved_text(messages: Any, words: int, variant: int = 0) -> str:
    """What a writer and an evaluator of Evol-Instruct say, always the same for these messages: an instruction with
    more words, a comparison, or an answer. Of each, some are such that one of the elimination rules holds."""
    text = messages[-1]["content"]
    kind = chance(variant, "evolve", text, 0)
    plain = answer_text(messages, words, variant)
    if "#Given Prompt#:" in text:
        given = text.split("#Given Prompt#:", 1)[1].rsplit("#", 2)[0].strip()
        return f"{given} {'See the given prompt.' if kind < 0.1 else plain}"
    if "<<<" in text:
        return "Equal" if kind < 0.1 else "Hard to tell." if kind < 0.2 else "Not Equal"
    return "I am sorry." if kind < 0.1 else "That is it." if kind < 0.2 else plain


def completion(body: dict[str, Any], faults: Faults) -> dict[str, Any]:
    if faults.mt_bench:
        from mt_bench_judge import judge_completion  # beside this file, which runs as a script

        return judge_completion(body)
    if faults.scripted:
        from scripted import scripted_completion  # beside this file, which runs as a script

        return scripted_completion(body)
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or 10**9
    seed = body.get("seed") or 0
    choices, used = [], 0
    for i in range(1 if faults.one_choice else body.get("n", 1)):
        wanted = faults.examples and "<example>" in body["messages"][-1]["content"]
        asks_json = "JSON" in body["messages"][-1]["content"]
        write = evolved_text if faults.evolving and not asks_json else answer_text
        text = (
            example_text(body["messages"], faults.examples, i + seed)
            if wanted
            else write(body["messages"], faults.words, i + seed)
        )
        if faults.tasks:
            from task_answers import task_text  # beside this file, which runs as a script

            said = hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()
            text = task_text(body["messages"], answer_text(said, faults.words, i + seed), i + seed)
        words = text.split(" ")
        cut = len(words) > limit
        used += min(len(words), limit)
        choices.append(
            {
                "index": i,
                "message": {"role": "assistant", "content": " ".join(words[:limit])},
                "finish_reason": "length" if cut else "stop",
                **({"logprobs": {"content": [{"token": words[0], "logprob": -0.5}]}} if body.get("logprobs") else {}),
            }
        )
    prompt = sum(len(m["content"].split()) for m in body["messages"])
    usage = {"prompt_tokens": prompt, "completion_tokens": used, "total_tokens": prompt + used}
    name = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()[:12]
    made = {"id": f"chatcmpl-{name}", "object": "chat.completion", "model": body.get("model"), "choices": choices}
    return made if faults.no_usage else {**made, "usage": usage}


def make_app(state: State) -> Any:
    from aiohttp import web

    async def chat(request: web.Request) -> web.StreamResponse:
        state.requests += 1
        number = state.requests
        state.times.append(time.monotonic())
        state.now += 1
        state.peak = max(state.peak, state.now)
        try:
            return await serve(request, json.loads(await request.read()), number)
        finally:
            state.now -= 1

    async def wait_while(holds: Callable[[], bool]) -> None:
        while holds():
            await asyncio.sleep(0.01)

    async def serve(request: web.Request, body: dict[str, Any], number: int) -> web.StreamResponse:
        faults = state.faults
        if "prompt" in body:  # plain completions: the prompt stands for the messages, in what is counted and answered
            body["messages"] = [{"role": "user", "content": body["prompt"]}]
        prompt = "\n".join(m["content"] for m in body["messages"])
        state.seen[prompt] += 1
        nth = state.seen[prompt]
        state.last_body, state.last_headers = body, dict(request.headers)

        def hits(fault: str, rate: float) -> bool:
            return rate > 0 and chance(faults.seed, fault, prompt, nth) < rate

        def status(code: int, message: str = "as asked") -> web.Response:
            state.statuses[str(code)] += 1
            headers = {"Retry-After": faults.retry_after} if code in (429, 503) and faults.retry_after else {}
            return web.json_response({"error": {"message": message, "code": None}}, status=code, headers=headers)

        mark = _MARK.search(prompt)
        kind = mark[1] if mark else ""
        if faults.key and request.headers.get("Authorization") != f"Bearer {faults.key}":
            return status(401, f"Incorrect API key provided: {request.headers.get('Authorization', '')}")
        if faults.status:
            return status(faults.status)
        if faults.serves and body.get("model") != faults.serves:
            return status(404, f"model '{body.get('model')}' not found, try pulling it first")
        if number <= faults.down_first or (faults.down and time.monotonic() - state.since < faults.down):
            return status(faults.down_status)
        if kind.isdigit():
            return status(int(kind), f"this prompt is refused: {prompt[:60]}")
        if faults.capacity and state.now > faults.capacity:
            return status(429, "too many at once")
        if kind == "hang" or hits("hang", faults.rate_hang):
            state.statuses["hang"] += 1
            await asyncio.sleep(3600)
        await wait_while(lambda: state.peak < state.faults.together)
        await wait_while(lambda: 0 <= state.faults.hold_from < number)
        if kind == "last":
            await wait_while(lambda: state.statuses["200"] < state.faults.others)
        if faults.latency:
            await asyncio.sleep(faults.latency)
        if faults.spread:
            await asyncio.sleep(faults.spread * chance(faults.seed, "spread", prompt, 0))
        if kind == "slow" or hits("slow", faults.slow_rate):
            await asyncio.sleep(faults.slow)
        if hits("429", faults.rate_429):
            return status(429, "slow down")
        if hits("500", faults.rate_500):
            return status(500, "internal")
        if kind == "cut" or hits("cut", faults.rate_cut):
            state.statuses["cut"] += 1
            response = web.StreamResponse(headers={"Content-Length": "5000"})
            await response.prepare(request)
            await response.write(b'{"choices": [{"message"')
            assert request.transport is not None
            request.transport.abort()
            return response
        if kind == "garbage" or hits("garbage", faults.rate_garbage):
            state.statuses["garbage"] += 1
            return web.Response(text="<html>upstream hiccup</html>")
        made = completion(body, faults)
        if kind == "empty" or hits("empty", faults.rate_empty):
            state.statuses["empty"] += 1
            made["choices"] = []
        elif kind == "null" or hits("null", faults.rate_null):
            state.statuses["null"] += 1
            made["choices"][0]["message"]["content"] = None
        elif kind == "huge":
            made["choices"][0]["message"]["content"] = "x" * (40 * 2**20)
        elif kind == "deep":
            return web.Response(text='{"choices":' + "[" * 100_000 + "]" * 100_000 + "}")
        elif kind == "redirect":
            return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/elsewhere"})
        if "prompt" in body:
            made["choices"] = [{**choice, "text": choice["message"]["content"]} for choice in made["choices"]]
        state.statuses["200"] += 1
        return web.Response(body=json.dumps(made).encode(), content_type="application/json")

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": state.faults.serves, "object": "model"}]})

    async def stats(_: web.Request) -> web.Response:
        times = state.times
        return web.json_response(
            {
                "requests": state.requests,
                "prompts": dict(state.seen),
                "most_for_one": max(state.seen.values(), default=0),
                "statuses": dict(state.statuses),
                "peak": state.peak,
                "now": state.now,
                "seconds": times[-1] - times[0] if times else 0.0,
                "last_body": state.last_body,
                "last_headers": state.last_headers,
                "pid": os.getpid(),
            }
        )

    async def configure(request: web.Request) -> web.Response:
        (state.turn if "turn" in request.query else state.reset)(Faults(**await request.json()))
        return web.json_response({})

    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/v1/completions", chat)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/stats", stats)
    app.router.add_post("/configure", configure)
    return app


class FaultServer:
    """The server in a process of its own. `stop` and `start` keep the port: an outage as clients see it."""

    def __init__(self, **faults: Any) -> None:
        self._faults = Faults(**faults)
        self._process: subprocess.Popen[str] | None = None
        # Bound here and listened to by the process, the port is nobody else's while the process is away.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port = int(self._place.getsockname()[1])

    def __enter__(self) -> FaultServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, **faults: Any) -> None:
        """Listen; with other faults than before if any are named."""
        self._faults = Faults(**faults) if faults else self._faults
        options = [f"--{k.replace('_', '-')}={v}" for k, v in asdict(self._faults).items() if v not in ("", False)]
        options = [o.removesuffix("=True") for o in options]
        command = [sys.executable, __file__, f"--port={self.port}", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().rstrip().endswith(f":{self.port}")

    def stop(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def close(self) -> None:
        self.stop()
        self._place.close()

    def set(self, **faults: Any) -> None:
        """Other faults from now on; counts start again from zero."""
        self._configure("", faults)

    def renew(self, **faults: Any) -> None:
        """As a new server with these faults, also after it was stopped."""
        self.set(**faults) if self._process is not None else self.start(**faults)

    def turn(self, **faults: Any) -> None:
        """Other faults from now on; the counts go on, and who is held goes on."""
        self._configure("?turn", faults)

    def _configure(self, how: str, faults: dict[str, Any]) -> None:
        self._faults = Faults(**faults)
        self._get(f"/configure{how}", json.dumps(asdict(self._faults)).encode())

    def stats(self) -> dict[str, Any]:
        return self._get("/stats")

    def _get(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=100) as response:
            found: dict[str, Any] = json.load(response)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat-completions server that fails on purpose.")
    parser.add_argument("--port", type=int, default=0)
    for field in fields(Faults):
        name, default = f"--{field.name.replace('_', '-')}", field.default
        if default is False:
            parser.add_argument(name, action="store_true")
        else:
            parser.add_argument(name, type=type(default), default=default)
    options = vars(parser.parse_args())
    port = options.pop("port")
    asyncio.run(serve_for_ever(port, Faults(**options)))


async def serve_for_ever(port: int, faults: Faults) -> None:
    from aiohttp import web

    runner = web.AppRunner(make_app(State(faults)), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=4096, reuse_port=True)
    await site.start()
    assert site._server is not None
    print(f"listening on 127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)  # type: ignore[attr-defined]
    over = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, over.set)
    await over.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
