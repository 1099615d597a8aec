"""The connection to Argilla, against servers that are none."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.llms.redact import encodings
from bezoar_data.review.client import ArgillaClient

KEY = "argilla.owner.of.a.team.0123456789"


class _Sending(ThreadingHTTPServer):
    """Sends every request on to another host, and notes what came to it under that name."""

    got: list[tuple[str, str | None]]
    says: str | None = None
    """Answer with this, as an error, in place of sending on."""


class _Handler(BaseHTTPRequestHandler):
    server: _Sending

    def do_GET(self) -> None:
        if self.server.says is not None:
            body = self.server.says.encode()
            self.send_response(500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        host = str(self.headers["Host"])
        self.server.got.append((host.partition(":")[0], self.headers.get("X-Argilla-Api-Key")))
        self.send_response(307)
        self.send_header("Location", f"http://localhost:{self.server.server_port}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sending() -> Iterator[_Sending]:
    server = _Sending(("127.0.0.1", 0), _Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_key_does_not_follow_to_another_host(sending: _Sending) -> None:
    with pytest.raises(InputError) as error:
        ArgillaClient(f"http://127.0.0.1:{sending.server_port}", KEY)
    (problem,) = error.value.problems
    assert problem.code == "argilla-elsewhere"
    assert "localhost" in problem.message
    assert sending.got == [("127.0.0.1", KEY)]


@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        json.dumps({"detail": {"key": KEY}}),
        f"https://argilla.invalid/?key={quote(KEY, safe='')}",
        base64.b64encode(f"owner:{KEY}!".encode()).decode(),
        f"{'x' * (395 - len(KEY) // 2)}{KEY}",
    ],
)
def test_what_it_says_of_a_key_is_not_shown(sending: _Sending, spelled: str) -> None:
    sending.says = f"wrong key: {spelled}"
    with pytest.raises(InputError) as error:
        ArgillaClient(f"http://127.0.0.1:{sending.server_port}", KEY)
    said = str(error.value)
    assert "wrong key: " in said
    assert not any(form in said for form in encodings(KEY))
    assert KEY[:12] not in said
