"""When endpoints fail: one bad row is lost alone, a bad endpoint pauses the run, wrong input ends it at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from bezoar_data.config.errors import INPUT_WRONG, PROVIDER_AWAY, InputError, ProviderAway
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.retry_policy import RetryPolicy
from support.fault_server import FaultServer
from support.gateways import QUICK, ask_all, model
from support.waiting import PATIENCE, until


def texts(n: int) -> list[str]:
    return [f"question {i}" for i in range(n)]


async def test_mixed_faults_lose_no_row_and_cost_few_requests(server: FaultServer, journal: Journal) -> None:
    server.set(latency=0.02, rate_429=0.1, retry_after="0.2", rate_500=0.05, rate_cut=0.02, rate_garbage=0.01)
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
        answers = await ask_all(gateway, texts(500))
        failures = gateway.usage.total.failures
    assert all(isinstance(a, Answer) for a in answers)
    assert server.stats()["requests"] <= 1.3 * 500
    assert {"rate_limited", "server_error", "cut", "garbage"} <= set(failures)


@pytest.mark.parametrize("mark", ["empty", "null", "huge", "deep"])
async def test_a_row_that_never_gets_a_usable_answer_is_lost_alone(
    server: FaultServer, journal: Journal, mark: str
) -> None:
    server.set(latency=0.05)
    role = model(server, limits={"concurrency": 4})
    async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
        answers = await ask_all(gateway, [f"bad [[{mark}]]", *texts(80)])
    bad, *good = answers
    assert isinstance(bad, Refused)
    assert bad.reason == "no_usable_answer"
    assert all(isinstance(a, Answer) for a in good)
    assert server.stats()["prompts"][f"bad [[{mark}]]"] == QUICK.tries


async def test_a_hanging_row_is_given_up_after_its_time_outs(server: FaultServer, journal: Journal) -> None:
    # Long enough for a good row on a machine that pauses: what is late once is asked again.
    role = model(server, limits={"concurrency": 4, "timeout": 1.0, "total_timeout": 3.0})
    async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
        answers = await ask_all(gateway, ["bad [[hang]]", *texts(50)])
    assert isinstance(answers[0], Refused)
    assert "timeout" in answers[0].detail
    assert all(isinstance(a, Answer) for a in answers[1:])
    assert server.stats()["prompts"]["bad [[hang]]"] < QUICK.tries


async def test_the_last_bad_row_of_a_run_does_not_hold_it_for_ever(server: FaultServer, journal: Journal) -> None:
    role = model(server, limits={"max_outage": 30})
    async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
        await ask_all(gateway, texts(5))
        (answer,) = await ask_all(gateway, ["bad [[garbage]]"])
    assert isinstance(answer, Refused)


async def test_what_was_given_up_is_not_asked_again_until_told_to(server: FaultServer, journal: Journal) -> None:
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
        await ask_all(gateway, texts(5))
        first = await ask_all(gateway, ["bad [[garbage]]"])
    before = server.stats()["requests"]
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
        second = await ask_all(gateway, ["bad [[garbage]]"])
    assert server.stats()["requests"] == before
    assert [str(e) for e in first] == [str(e) for e in second]
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK, retry_failed=True) as gateway:
        await ask_all(gateway, [*texts(5), "bad [[garbage]]", *(f"other {i}" for i in range(9))])
    assert server.stats()["requests"] > before


async def test_an_outage_pauses_and_drops_nothing(journal: Journal) -> None:
    events: list[str] = []
    with FaultServer(latency=0.05) as server:
        role = model(server, limits={"concurrency": 16})

        def on_event(kind: str, info: Any) -> None:
            assert info["address"] == server.url
            events.append(kind)

        async with Gateway({"teacher": role}, journal, retry=QUICK, on_event=on_event) as gateway:
            usage = gateway.usage
            asked = asyncio.create_task(ask_all(gateway, texts(300)))
            await until(lambda: usage.total.answered >= 20)
            server.stop()
            await until(lambda: events)
            before, began = usage.total.requests, time.monotonic()
            # Longer than an endpoint may be silent at the start, and than a row may fail on its own.
            await until(
                lambda: gateway.snapshot()["endpoints"][0]["away_for"] > 2 and usage.total.requests > before + 3
            )
            assert not asked.done()
            probes, seconds = usage.total.requests - before, time.monotonic() - began
            assert probes <= 2 + seconds / (QUICK.probe / 2)  # it probes, it does not hammer
            server.start()
            answers = await asked
            requests = usage.total.requests - probes
    assert all(isinstance(a, Answer) for a in answers)
    assert events == ["away", "back"]
    assert requests < 1.3 * 300


@pytest.mark.parametrize("status", [500, 503, 429])
@pytest.mark.parametrize("concurrency", [1, 3, 64])
async def test_a_degraded_endpoint_drops_nothing(
    server: FaultServer, journal: Journal, status: int, concurrency: int
) -> None:
    role = model(server, limits={"concurrency": concurrency})
    retry = RetryPolicy(first_wait=0.02, alone=20.0, probe=0.2)
    async with Gateway({"teacher": role}, journal, retry=retry) as gateway:
        await ask_all(gateway, texts(5))
        server.set(down=2.0, down_status=status, retry_after="")
        answers = await ask_all(gateway, [f"later {i}" for i in range(60)])
    assert all(isinstance(a, Answer) for a in answers)


async def test_an_outage_longer_than_allowed_ends_the_run_and_the_rest_is_asked_later(journal: Journal) -> None:
    with FaultServer(latency=0.05) as server:
        role = model(server, limits={"concurrency": 16, "max_outage": 1.5})
        async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
            asked = asyncio.create_task(ask_all(gateway, texts(100)))
            await until(lambda: gateway.usage.total.answered >= 16)
            server.stop()
            began = time.monotonic()
            answers = await asked
            assert time.monotonic() - began > 1.2
        away = [a for a in answers if not isinstance(a, Answer)]
        assert 0 < len(away) < 100
        assert all(isinstance(a, ProviderAway) and a.exit_code == PROVIDER_AWAY for a in away)
        server.start()
        async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
            answers = await ask_all(gateway, texts(100))
        assert server.stats()["requests"] == len(away)
    assert all(isinstance(a, Answer) for a in answers)


@pytest.mark.parametrize("rows", [1, 40])
async def test_no_answer_at_all_ends_the_run_within_seconds(journal: Journal, rows: int) -> None:
    async with Gateway({"teacher": model("http://127.0.0.1:9/v1")}, journal) as gateway:
        async with asyncio.timeout(PATIENCE):  # a tenth of what an endpoint that once spoke is waited for
            answers = await ask_all(gateway, texts(rows))
    assert all(isinstance(a, InputError) and a.exit_code == INPUT_WRONG for a in answers)
    assert "http://127.0.0.1:9/v1" in str(answers[0])


async def test_a_server_that_starts_late_is_waited_for(journal: Journal) -> None:
    with FaultServer() as server:
        server.stop()
        async with Gateway({"teacher": model(server)}, journal, retry=replace(QUICK, at_start=PATIENCE)) as gateway:
            asked = asyncio.create_task(ask_all(gateway, texts(20)))
            await until(lambda: gateway.usage.total.failures["connection"] >= 20)
            server.start()
            answers = await asked
    assert all(isinstance(a, Answer) for a in answers)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_ends_the_run_at_once(server: FaultServer, journal: Journal, status: int) -> None:
    server.set(status=status)
    role = model(server, limits={"concurrency": 4})
    async with Gateway({"teacher": role}, journal) as gateway:
        answers = await ask_all(gateway, texts(50))
    assert all(isinstance(a, InputError) for a in answers)
    assert server.stats()["requests"] <= 4


async def test_a_wrong_address_ends_the_run_and_is_not_remembered(server: FaultServer, journal: Journal) -> None:
    wrong = model(server.url + "/nowhere")
    async with Gateway({"teacher": wrong}, journal) as gateway:
        answers = await ask_all(gateway, texts(20))
    assert any(isinstance(a, InputError) for a in answers)
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        answers = await ask_all(gateway, texts(20))
    assert all(isinstance(a, Answer) for a in answers)


async def test_requests_in_flight_never_pass_the_limit(server: FaultServer, journal: Journal) -> None:
    server.set(latency=0.02, together=7)
    async with Gateway({"teacher": model(server, limits={"concurrency": 7})}, journal) as gateway:
        await ask_all(gateway, texts(60))
    assert server.stats()["peak"] == 7


async def test_two_roles_on_one_endpoint_share_its_limit(server: FaultServer, journal: Journal) -> None:
    server.set(latency=0.02, together=5)
    limits = {"concurrency": 5}
    roles = {"teacher": model(server, limits=limits), "judge": model(server, limits=limits, sampling={"top_p": 0.9})}
    async with Gateway(roles, journal) as gateway:
        await asyncio.gather(ask_all(gateway, texts(30)), ask_all(gateway, texts(30), "judge"))
    assert server.stats()["requests"] == 60
    assert server.stats()["peak"] == 5


async def test_concurrency_falls_to_what_the_endpoint_bears(server: FaultServer, journal: Journal) -> None:
    server.set(latency=0.25, capacity=4, retry_after="0.1")
    async with Gateway({"teacher": model(server, limits={"concurrency": 200})}, journal, retry=QUICK) as gateway:
        began = time.monotonic()
        answers = await ask_all(gateway, texts(64))
        seconds = time.monotonic() - began
        limit = gateway.snapshot()["endpoints"][0]["limit"]
    assert all(isinstance(a, Answer) for a in answers)
    assert limit < 40
    assert seconds < 64 * 0.25, "no faster than one after the other"


async def test_a_spent_quota_is_waited_for_without_hammering(server: FaultServer, journal: Journal) -> None:
    role = model(server, limits={"concurrency": 20})
    async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
        await ask_all(gateway, texts(5))
        server.set(down=2.0, down_status=429, retry_after="1")
        answers = await ask_all(gateway, [f"later {i}" for i in range(300)])
    assert all(isinstance(a, Answer) for a in answers)
    assert server.stats()["requests"] < 300 + 20 + 10


async def test_a_slow_row_holds_up_no_other(server: FaultServer, journal: Journal) -> None:
    server.set(others=60)
    async with Gateway({"teacher": model(server, limits={"concurrency": 4})}, journal) as gateway:
        answers = await ask_all(gateway, ["[[last]]", *texts(60)])
    assert all(isinstance(a, Answer) for a in answers)


async def test_a_row_that_waits_for_its_retry_holds_no_place(server: FaultServer, journal: Journal) -> None:
    role = model(server, limits={"concurrency": 1})
    async with Gateway({"teacher": role}, journal, retry=RetryPolicy(first_wait=1000)) as gateway:
        waiting = asyncio.create_task(ask_all(gateway, ["[[500]]"]))
        await until(lambda: gateway.usage.total.failures["server_error"])
        answers = await ask_all(gateway, texts(20))
        assert server.stats()["prompts"]["[[500]]"] == 1
        assert all(isinstance(a, Answer) for a in answers)
        await gateway.stop(0)
        await waiting


async def test_retry_after_is_honoured(server: FaultServer, journal: Journal) -> None:
    server.set(down_first=1, down_status=429, retry_after="1")
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
        began = time.monotonic()
        (answer,) = await ask_all(gateway, ["q"])
        assert time.monotonic() - began > 0.95
    assert isinstance(answer, Answer)
    assert server.stats()["requests"] == 2


async def test_who_asks_for_longer_than_the_run_waits_ends_it(server: FaultServer, journal: Journal) -> None:
    server.set(status=429, retry_after="86400")
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        (answer,) = await ask_all(gateway, ["q"])
    assert isinstance(answer, ProviderAway)
    assert "86400" in str(answer)


@pytest.mark.parametrize("limits", [{"requests_per_minute": 1200.0}, {"tokens_per_minute": 26400.0}])
async def test_requests_and_tokens_per_minute_are_kept(
    server: FaultServer, journal: Journal, limits: dict[str, float]
) -> None:
    # 20 requests a second; 20 requests of 2 prompt and 20 answer tokens are 440 tokens a second.
    async with Gateway({"teacher": model(server, limits=limits, sampling={"max_tokens": 20})}, journal) as gateway:
        began = time.monotonic()
        await ask_all(gateway, texts(41))
        assert time.monotonic() - began > 1.7
    assert server.stats()["requests"] == 41
