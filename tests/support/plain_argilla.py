"""An Argilla that is not ours: the unmodified server, started by hand as its pages tell, with its own search engine.

No Elasticsearch can be had for a test, so in its place stands a server that takes whatever it is told and finds
nothing: what works against it does not lean on Argilla's search.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import requests

from bezoar_data.review.data_dir import default_cache
from bezoar_data.review.environment import environment

KEY = "the-key-of-an-owner"
OWNER = "argilla"


class _FindsNothing(BaseHTTPRequestHandler):
    """Elasticsearch's answers to what Argilla tells it; no record is ever found."""

    def do_HEAD(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.path.startswith("/_bulk"):
            return self._answer({"acknowledged": True, "shards_acknowledged": True, "index": self.path[1:]})
        lines = [json.loads(line) for line in sent.splitlines() if line.strip()]
        told = [(kind, line[kind]) for line in lines for kind in ("index", "delete") if kind in line]
        items = [{kind: {"_id": one["_id"], "status": 200}} for kind, one in told]
        return self._answer({"took": 1, "errors": False, "items": items})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        nothing = {"total": {"value": 0, "relation": "eq"}, "max_score": None, "hits": []}
        self._answer({"result": "updated", "took": 1, "timed_out": False, "hits": nothing})

    def _answer(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def plain_argilla(folder: Path, port: int) -> Iterator[dict[str, str]]:
    """The server; what a person sets to use it."""
    folder.mkdir()
    env = environment(default_cache(), print)
    with ExitStack() as stack:
        search = ThreadingHTTPServer(("127.0.0.1", 0), _FindsNothing)
        Thread(target=search.serve_forever, daemon=True).start()
        stack.callback(search.server_close)
        stack.callback(search.shutdown)
        seen = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ARGILLA_HOME_PATH": str(folder),
            "ARGILLA_REDIS_URL": f"unix://{folder / 'redis.sock'}",
            "ARGILLA_ELASTICSEARCH": f"http://127.0.0.1:{search.server_port}",
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        log = stack.enter_context((folder / "log").open("wb"))

        def start(*command: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(command, env=seen, cwd=folder, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        start(str(env.redis), "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--save", "")
        argilla = (str(env.python), "-m", "argilla_server", "database")
        assert start(*argilla, "migrate").wait() == 0, (folder / "log").read_text()
        user = ("users", "create_default", "--api-key", KEY, "--password", "a-password", "--quiet")
        assert start(*argilla, *user).wait() == 0, (folder / "log").read_text()
        server = start(str(env.python), "-m", "uvicorn", "argilla_server:app", "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 300
        while not _answers(url):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
        yield {"ARGILLA_API_URL": url, "ARGILLA_API_KEY": KEY}


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/v1/version", timeout=10).ok
    except requests.RequestException:
        return False
