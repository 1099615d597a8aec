"""A small Hugging Face Hub on this machine: one dataset repository, served as `huggingface_hub` and `datasets` ask.

A real server, because what is tested is that those libraries, as installed, find the commit and stream the rows.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """`files` are what the repository holds; `requests` are the paths that were asked for."""

    dataset: str
    files: dict[str, bytes]
    card: dict[str, str]
    url: str = ""
    requests: list[str] = field(default_factory=list)

    def entry(self, path: str) -> dict[str, object]:
        content = self.files[path]
        return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}  # noqa: S324


@contextmanager
def fake_hub(dataset: str, files: dict[str, bytes], card: dict[str, str]) -> Iterator[FakeHub]:
    hub = FakeHub(dataset, files, card)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode()
            wanted = json.loads(body)["paths"] if body.startswith("{") else parse_qs(body).get("paths", [])
            self.json([hub.entry(p) for p in wanted if p in hub.files])

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(path)
            api, resolve = f"/api/datasets/{hub.dataset}", f"/datasets/{hub.dataset}/resolve/"
            if path.startswith(resolve):
                name = path.removeprefix(resolve).partition("/")[2]
                self.file(hub.files[name]) if name in hub.files else self.missing("EntryNotFound")
            elif path == api or path.startswith(f"{api}/revision/"):
                revision = path.removeprefix(api).removeprefix("/revision/")
                if revision not in ("", "main", "v1", COMMIT):
                    self.missing("RevisionNotFound")
                    return
                siblings = [{"rfilename": name} for name in hub.files]
                self.json({"id": hub.dataset, "sha": COMMIT, "cardData": hub.card, "siblings": siblings, "tags": []})
            elif path.startswith(f"{api}/tree/"):
                folder = path.removeprefix(f"{api}/tree/").partition("/")[2]
                names = [n for n in hub.files if not folder or n.startswith(f"{folder}/")]
                self.json([hub.entry(n) for n in names])
            else:
                self.missing("RepoNotFound")

        def file(self, content: bytes) -> None:
            status, part = 200, content
            wanted = self.headers.get("Range", "").removeprefix("bytes=")
            if wanted:
                first, _, last = wanted.partition("-")
                status, part = 206, content[int(first) : int(last) + 1 if last else None]
            self.send_response(status)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')  # noqa: S324
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(part)

        def json(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def missing(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", "not there")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: pytest shows what matters."""

    return Handler
