"""The connection to Argilla, against servers that are none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.review.client import ArgillaClient

KEY = "argilla.owner.of.a.team.0123456789"


class _Sending(ThreadingHTTPServer):
    """Sends every request on to another host, and notes what came to it under that name."""

    got: list[tuple[str, str | None]]


class _Handler(BaseHTTPRequestHandler):
    server: _Sending

    def do_GET(self) -> None:
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
