"""The server every figure stands on: right answers, right counts, right times, whatever way bytes arrive."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator

import measure
import prompts
import pytest

ROWS = 40


@pytest.fixture
def server() -> Iterator[measure.Server]:
    core = min(measure.os.sched_getaffinity(0))
    options = {"latency": 0.05, "slow_share": 0.05, "slow_latency": 0.3}
    with measure.serving(core, ROWS, options=options) as running:
        yield running


def _request(question: str) -> bytes:
    body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": question}]}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\ncontent-LENGTH: %d\r\n\r\n%s" % (len(body), body)


def _ask(port: int, question: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    body = json.dumps({"messages": [{"role": "user", "content": question}]})
    connection.request("POST", "/v1/chat/completions", body)
    text: str = json.loads(connection.getresponse().read())["choices"][0]["message"]["content"]
    connection.close()
    return text


def test_each_question_gets_its_own_answer_and_is_counted(server: measure.Server) -> None:
    for number in (0, 1, 1, 39):
        assert _ask(server.port, prompts.prompt(number)) == prompts.answer(prompts.prompt(number))
    stats = server.stats()
    assert (stats["asked"], stats["answered"], stats["twice"], stats["extra"]) == (4, 4, 1, 1)
    assert stats["never"] == ROWS - 3


def test_a_question_of_no_row_is_not_counted_as_one(server: measure.Server) -> None:
    _ask(server.port, "Are you there?")
    stats = server.stats()
    assert (stats["asked"], stats["other"], stats["first"]) == (0, 1, None)


def test_answers_come_after_the_latency_and_slow_rows_after_theirs(server: measure.Server) -> None:
    slow = prompts.slow_rows(ROWS, 0.05)
    assert len(slow) == 2
    for number, least, most in ((min(slow), 0.3, 0.5), (min(set(range(ROWS)) - slow), 0.05, 0.25)):
        before = time.monotonic()
        _ask(server.port, prompts.prompt(number))
        assert least <= time.monotonic() - before < most


def test_requests_in_pieces_and_back_to_back_are_all_answered(server: measure.Server) -> None:
    first, second = _request(prompts.prompt(3)), _request(prompts.prompt(4))
    wire = first + second
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        for start in range(0, len(wire), 37):
            client.sendall(wire[start : start + 37])
            time.sleep(0.001)
        got = b""
        while got.count(b"HTTP/1.1 200 OK") < 2 or not got.endswith(b"}"):
            got += client.recv(65536)
    assert prompts.answer(prompts.prompt(3)).encode() in got
    assert prompts.answer(prompts.prompt(4)).encode() in got


def test_a_client_that_leaves_is_lost_and_not_answered(server: measure.Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(_request(prompts.prompt(5)))
        time.sleep(0.01)
    time.sleep(0.1)
    stats = server.stats()
    assert (stats["asked"], stats["answered"], stats["lost"], stats["in_flight"]) == (1, 0, 1, 0)


def test_a_body_of_unknown_length_is_refused(server: measure.Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 411 ")
