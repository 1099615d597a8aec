"""What review needs before it starts or asks anything."""

from __future__ import annotations

import socket
import sys
from threading import Timer

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.review import server
from support.command import bezoar


def test_a_port_that_is_taken_is_told_unless_it_is_let_go(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "_LET_GO_WITHIN", 0.2)
        with pytest.raises(InputError, match=f"port {port}"):
            server._free(port)
        # As a server's last process does that was killed a moment ago.
        monkeypatch.setattr(server, "_LET_GO_WITHIN", 60.0)
        Timer(0.3, taken.close).start()
        server._free(port)


def test_without_its_extra_review_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "argilla", None)
    monkeypatch.setenv("ARGILLA_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ARGILLA_API_KEY", "a-secret-key")
    for command in (("status", "runs/none"), ("serve", "--annotator", "anna")):
        done = bezoar("review", *command)
        assert done.code == 2
        assert "pip install 'bezoar-data[review]'" in done.err
        assert "a-secret-key" not in done.err
