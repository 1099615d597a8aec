"""The table of failed requests in ARCHITECTURE.md, held against the code and against a server that fails like that."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.error_signs import CAUSES as SAID
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.retry_policy import CAUSES, Cause, Rule
from support.fault_server import FaultServer
from support.gateways import CURT, QUICK, ask_all, model, user
from support.waiting import until

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
OTHERS = [f"question {i}" for i in range(80)]

MARKS: list[tuple[str, Cause]] = [
    ("429", "rate_limited"),
    ("503", "unavailable"),
    ("529", "unavailable"),
    ("500", "server_error"),
    ("504", "timeout"),
    ("hang", "timeout"),
    ("409", "conflict"),
    ("cut", "cut"),
    ("garbage", "garbage"),
]
"""What a prompt asks the server to fail with, and the cause."""

OUTAGES: list[tuple[dict[str, Any], Cause]] = [
    ({"status": 429, "retry_after": "0.1"}, "rate_limited"),
    ({"status": 503, "retry_after": "0.1"}, "unavailable"),
    ({"status": 500}, "server_error"),
    ({"status": 409}, "conflict"),
    ({"rate_hang": 1.0}, "timeout"),
    ({"rate_cut": 1.0}, "cut"),
    ({"rate_garbage": 1.0}, "garbage"),
    ({}, "connection"),
]
"""How the server fails for everybody, and the cause. The last: it is not there."""


def _table() -> dict[str, list[str]]:
    """Cause -> the other cells of its row."""
    text = ARCHITECTURE.read_text(encoding="utf-8").partition("| cause |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE)
    return {cause: [cell.strip() for cell in cells.split("|")] for cause, cells in rows}


def _cells(rule: Rule) -> list[str]:
    counts = "request and endpoint" if rule.is_try else "endpoint"
    return [
        counts,
        "yes" if rule.overload else "no",
        "perhaps" if rule.may_have_cost else "no",
        "yes" if rule.alone else "no",
    ]


def test_the_table_says_what_the_code_does() -> None:
    table = _table()
    assert set(table) == set(CAUSES)
    for cause, (_, *cells) in table.items():
        assert cells == _cells(CAUSES[cause]), cause


def test_the_table_of_errors_says_what_they_mean() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").partition("| an error that says |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    begins = {
        "run": "ends the run",
        "wait": "waited for",
        "row": "this row is refused",
        "asking": "the request is made",
    }
    assert list(rows) == list(SAID)
    for cause, signs in SAID.items():
        assert rows[cause].startswith(begins[signs.means]), cause


@pytest.mark.parametrize(("mark", "cause"), MARKS)
async def test_a_request_that_keeps_failing_while_others_are_answered(
    server: FaultServer, journal: Journal, mark: str, cause: Cause
) -> None:
    server.set(latency=0.02, retry_after="")
    rule, bad = CAUSES[cause], f"bad [[{mark}]]"
    role = model(
        server, limits={"concurrency": 64, **({"timeout": 1.0, "total_timeout": 3.0} if mark == "hang" else {})}
    )
    async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
        failing = asyncio.create_task(gateway.ask("teacher", user(bad), step="s"))
        good = await ask_all(gateway, OTHERS)
        if rule.is_try:
            with pytest.raises(Refused) as refused:
                await failing
            assert refused.value.reason == "no_usable_answer"
            assert gateway.usage.total.failures[cause] <= QUICK.tries
        else:
            await until(lambda: gateway.usage.total.failures[cause] > QUICK.tries)
            assert not failing.done(), "asked to wait, it waits"
        assert all(isinstance(answer, Answer) for answer in good)
        assert set(gateway.usage.total.failures) == {cause}
        assert (gateway.snapshot()["endpoints"][0]["limit"] < 64) == rule.overload
        assert (gateway.usage.total.unknown_bills > 0) == rule.may_have_cost
        await gateway.stop(0)
        await asyncio.gather(failing, return_exceptions=True)


@pytest.mark.parametrize(("faults", "cause"), OUTAGES)
async def test_an_endpoint_that_fails_for_everybody(journal: Journal, faults: dict[str, Any], cause: Cause) -> None:
    with FaultServer() as server:
        events: list[str] = []
        role = model(server, limits={"concurrency": 16, "max_outage": 1.5, "timeout": 2.0})
        retry = replace(QUICK, longest_wait=0.5)
        async with Gateway({"teacher": role}, journal, retry=retry, on_event=lambda e, _: events.append(e)) as gateway:
            before = await ask_all(gateway, OTHERS[:4])
            if faults:
                server.set(**faults)
            else:
                server.stop()
            began = time.monotonic()
            answers = await ask_all(gateway, OTHERS[4:16])
            assert time.monotonic() - began > 1.2, "an outage is waited for"
            assert set(gateway.usage.total.failures) == {cause}
    assert all(isinstance(answer, Answer) for answer in before)
    assert all(isinstance(answer, ProviderAway) for answer in answers), "nothing is given up"
    assert events == (["away"] if CAUSES[cause].is_try else [])


@pytest.mark.parametrize(("faults", "cause"), OUTAGES)
async def test_an_endpoint_that_never_answered(journal: Journal, faults: dict[str, Any], cause: Cause) -> None:
    with FaultServer(**faults) as server:
        if not faults:
            server.stop()
        role = model(server, limits={"max_outage": 1.5, "timeout": 0.2})
        async with Gateway({"teacher": role}, journal, retry=replace(CURT, longest_wait=0.5)) as gateway:
            answers = await ask_all(gateway, OTHERS[:8])
    end = ProviderAway if CAUSES[cause].reached and cause != "garbage" else InputError
    assert all(isinstance(answer, end) for answer in answers)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_refused_request_drops_its_row_at_once_and_is_journalled(
    server: FaultServer, journal: Journal, status: int
) -> None:
    for _ in range(2):
        async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
            await ask_all(gateway, OTHERS[:3])
            (answer,) = await ask_all(gateway, [f"bad [[{status}]]"])
        assert isinstance(answer, Refused)
        assert answer.reason == f"http_{status}"
    assert server.stats()["requests"] == 4


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_ends_the_run(server: FaultServer, journal: Journal, status: int) -> None:
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
        await ask_all(gateway, OTHERS[:3])
        server.set(status=status)
        answers = await ask_all(gateway, OTHERS[3:6])
    assert all(isinstance(answer, InputError) for answer in answers)
    assert f"(HTTP {status})" in str(answers[0])
