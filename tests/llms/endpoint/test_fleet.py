"""Several endpoints of one model: each gets what it has room for, and who is away loses no row."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.files.models import Model, load_models_file
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.endpoint import fleet
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.pipeline.check_models import check_models
from bezoar_data.reports.models import answering
from support.fault_server import FaultServer
from support.gateways import CURT, QUICK, ask_all, model
from support.ports import free_port
from support.waiting import until


@pytest.fixture(scope="module")
def all_servers() -> Iterator[list[FaultServer]]:
    with ExitStack() as open_servers:
        yield [open_servers.enter_context(FaultServer()) for _ in range(4)]


@pytest.fixture
def servers(all_servers: list[FaultServer]) -> list[FaultServer]:
    for server in all_servers:
        server.renew()
    return all_servers


def of(servers: list[FaultServer] | list[str], **values: Any) -> Model:
    urls = [server if isinstance(server, str) else server.url for server in servers]
    return Model.model_validate({"provider": "openai", "model": "m", "endpoints": urls, **values})


def answered(server: FaultServer) -> int:
    return int(server.stats()["statuses"].get("200", 0))


async def until_done(gateway: Gateway, done: asyncio.Event) -> list[Answer | BaseException]:
    """Ask on, with enough at once for all of them."""
    numbers = itertools.count()
    answers: list[Answer | BaseException] = []

    async def one_after_the_other() -> None:
        while not done.is_set():
            answers.extend(await ask_all(gateway, [f"question {next(numbers)}"]))

    await asyncio.gather(*(one_after_the_other() for _ in range(100)))
    return answers


async def test_a_slow_one_gets_less_a_dead_one_nothing_and_one_that_is_back_is_used(
    servers: list[FaultServer], journal: Journal
) -> None:
    slow, dies, *fast = servers
    slow.set(latency=0.5)
    for server in (dies, *fast):
        server.set(latency=0.05)
    events: list[str] = []
    roles = {"teacher": of(servers, limits={"concurrency": 8})}
    async with Gateway(roles, journal, retry=QUICK, on_event=lambda what, _: events.append(what)) as gateway:
        done = asyncio.Event()
        asked = asyncio.create_task(until_done(gateway, done))
        await until(lambda: gateway.usage.total.answered > 100)
        before = answered(dies)
        dies.stop()
        await until(lambda: "away" in events)
        dies.start(latency=0.05)
        await until(lambda: "back" in events and answered(dies) > 50)
        done.set()
        answers = await asked
        assert {part["peak"] for part in gateway.snapshot()["endpoints"]} == {8}
        assert gateway.usage.total.answered == len(answers)
    assert before > 8
    assert all(isinstance(answer, Answer) for answer in answers)
    assert answered(slow) < min(answered(server) for server in fast) / 4


async def test_answers_are_those_of_the_model_wherever_they_came_from(
    servers: list[FaultServer], journal: Journal
) -> None:
    texts = [f"question {i}" for i in range(30)]
    async with Gateway({"teacher": of(servers)}, journal) as gateway:
        there = await ask_all(gateway, texts)
        assert len(gateway.answered_at()) == 4
    async with Gateway({"teacher": model("http://127.0.0.1:9/v1")}, journal) as gateway:
        assert await ask_all(gateway, texts) == there


async def test_faults_at_each_lose_no_row(servers: list[FaultServer], journal: Journal) -> None:
    for i, server in enumerate(servers):
        server.set(rate_429=0.1, retry_after="0.05", rate_500=0.1, rate_cut=0.05, rate_garbage=0.05, seed=i)
    async with Gateway({"teacher": of(servers)}, journal, retry=QUICK) as gateway:
        answers = await ask_all(gateway, (f"question {i}" for i in range(300)))
    assert all(isinstance(answer, Answer) for answer in answers)


async def test_a_row_that_no_endpoint_answers_is_lost_alone_and_soon(
    servers: list[FaultServer], journal: Journal
) -> None:
    for server in servers:
        server.set(latency=0.01)
    async with Gateway({"teacher": of(servers)}, journal, retry=QUICK) as gateway:
        bad, *good = await ask_all(gateway, ["[[500]]", *(f"question {i}" for i in range(400))])
    assert isinstance(bad, Refused)
    assert all(isinstance(answer, Answer) for answer in good)
    assert sum(server.stats()["statuses"].get("500", 0) for server in servers) <= 12


async def test_none_of_them_there_ends_the_run_within_seconds(journal: Journal) -> None:
    gone = [f"http://127.0.0.1:{free_port()}/v1" for _ in range(3)]
    started = time.monotonic()
    async with Gateway({"teacher": of(gone)}, journal, retry=CURT) as gateway:
        errors = await ask_all(gateway, ["a", "b", "c", "d"])
    assert all(isinstance(error, InputError) and "no answer from any of" in str(error) for error in errors)
    assert time.monotonic() - started < 20


async def test_an_outage_of_all_ends_the_run_resumable(servers: list[FaultServer], journal: Journal) -> None:
    roles = {"teacher": of(servers, limits={"max_outage": 1})}
    async with Gateway(roles, journal, retry=QUICK) as gateway:
        assert all(isinstance(a, Answer) for a in await ask_all(gateway, (f"question {i}" for i in range(40))))
        for server in servers:
            server.stop()
        errors = await ask_all(gateway, ["one more", "and one"])
    assert all(isinstance(error, ProviderAway) for error in errors)


async def test_one_that_refuses_the_key_is_left_out_and_all_of_them_end_the_run(
    servers: list[FaultServer], journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_API_KEY", "sk-the-right-key")
    servers[0].set(key="another-key")
    told: list[tuple[str, str]] = []
    roles = {"teacher": of(servers, api_key_env="TEST_API_KEY")}
    async with Gateway(roles, journal, on_event=lambda what, more: told.append((what, more["address"]))) as gateway:
        assert all(isinstance(a, Answer) for a in await ask_all(gateway, (f"question {i}" for i in range(40))))
    assert told == [(fleet.LEFT_OUT, servers[0].url)]
    for server in servers:
        server.set(key="another-key")
    async with Gateway(roles, journal) as gateway:
        (error,) = await ask_all(gateway, ["one more"])
    assert isinstance(error, InputError)
    assert error.problems[0].code == "unauthorised"


async def test_the_file_of_addresses_is_read_again(
    servers: list[FaultServer], journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "_READ_AGAIN", 0.0)
    file = tmp_path / "endpoints.txt"
    file.write_text(f"# the first machine\n{servers[0].url}\n")
    models = tmp_path / "models.yaml"
    models.write_text("version: 1\nroles:\n  teacher: {provider: openai, model: m, endpoints: endpoints.txt}\n")
    async with Gateway(load_models_file(models).file.roles, journal) as gateway:
        await ask_all(gateway, (f"question {i}" for i in range(20)))
        file.write_text(f"{servers[1].url}\n{servers[2].url}\n")
        answers = await ask_all(gateway, (f"another {i}" for i in range(40)))
        file.unlink()
        answers += await ask_all(gateway, ["and one more"])
    assert all(isinstance(answer, Answer) for answer in answers)
    assert [answered(server) > 0 for server in servers] == [True, True, True, False]
    assert answered(servers[0]) == 20


def test_what_is_wrong_with_endpoints_is_said_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("http://good/v1\nftp://bad/v1  # no\n")
    (tmp_path / "none.txt").write_text("# nobody yet\n")
    models = tmp_path / "models.yaml"
    models.write_text(
        "version: 1\nroles:\n"
        "  a: {provider: openai, model: m, endpoints: [http://good/v1, good/v1]}\n"
        "  b: {provider: openai, model: m, endpoints: some.txt}\n"
        "  c: {provider: openai, model: m, endpoints: none.txt}\n"
        "  d: {provider: openai, model: m, endpoints: missing.txt}\n"
        "  e: {provider: openai, model: m, endpoints: [http://good/v1], base_url: http://good/v1}\n"
        "  f: {provider: openai, model: m, endpoints: [http://good/v1], mode: batch}\n"
    )
    with pytest.raises(InputError) as caught:
        load_models_file(models, ["openai"])
    found = [(p.code, p.place and Path(p.place.file).name, p.place and p.place.line) for p in caught.value.problems]
    assert found == [
        ("bad-url", "models.yaml", 3),
        ("bad-url", "some.txt", 2),
        ("no-endpoints", "models.yaml", 5),
        ("no-endpoints", "models.yaml", 6),
        ("two-addresses", "models.yaml", 7),
        ("two-addresses", "models.yaml", 8),
    ]


def test_a_key_goes_to_no_endpoint_that_nobody_allowed(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", "sk-the-right-key")
    mine = of(["http://127.0.0.1:9/v1", "https://theirs.example/v1"], api_key_env="TEST_API_KEY")
    with pytest.raises(InputError) as caught:
        Gateway({"teacher": mine}, journal)
    assert [p.code for p in caught.value.problems] == ["key-not-allowed"]


def test_each_of_them_is_listed_checked_and_planned_with(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(
        "version: 1\nroles:\n  teacher: {provider: openai, model: m, endpoints: [http://a/v1, http://b/v1]}\n"
    )
    loaded = load_models_file(models, ["openai"])
    assert [one.as_json()["address"] for one in answering(loaded.file.roles)] == ["http://a/v1", "http://b/v1"]
    assert check_models(("teacher",), loaded, budget=False, to_run=True) == []
    assert loaded.file.roles["teacher"].in_flight == 64
