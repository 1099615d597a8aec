"""The gateway and the journal: nothing asked twice, nothing unwritten, money within the cap."""

from __future__ import annotations

import asyncio

import pytest

from bezoar_data.config.errors import BudgetStop, InputError
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.endpoint.health import Stopped
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from support.fault_server import FaultServer
from support.gateways import CURT, QUICK, ask_all, model, user
from support.waiting import PATIENCE, until

PRICE = {"input": 1.0, "output": 2.0, "read": "2026-01-01"}


async def test_a_second_gateway_answers_from_the_journal_without_a_request(
    server: FaultServer, journal: Journal
) -> None:
    texts = [f"question {i}" for i in range(40)]
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        first = await ask_all(gateway, texts)
    async with Gateway({"teacher": model("http://127.0.0.1:9/v1")}, journal) as gateway:
        again = await ask_all(gateway, texts)
        assert gateway.usage.total.hits == 40
    assert first == again
    assert all(isinstance(a, Answer) and a.text for a in first)
    assert server.stats()["requests"] == 40


async def test_equal_questions_in_flight_are_asked_once(server: FaultServer, journal: Journal) -> None:
    server.set(latency=0.1)
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        answers = await ask_all(gateway, ["the same"] * 20)
        assert gateway.usage.total.shared == 19
    assert len({a.text for a in answers if isinstance(a, Answer)}) == 1
    assert server.stats()["requests"] == 1


async def test_who_leaves_early_does_not_take_the_answer_from_the_others(server: FaultServer, journal: Journal) -> None:
    server.set(latency=0.2)
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        early = asyncio.create_task(gateway.ask("teacher", user("shared"), step="s"))
        late = asyncio.create_task(gateway.ask("teacher", user("shared"), step="s"))
        await until(lambda: gateway.usage.total.in_flight)
        early.cancel()
        assert (await late).text
    assert server.stats()["requests"] == 1


async def test_re_asking_and_several_samples_have_answers_of_their_own(server: FaultServer, journal: Journal) -> None:
    async with Gateway({"teacher": model(server, sampling={"seed": 7})}, journal) as gateway:
        three = await gateway.ask("teacher", user("q", n=3), step="s")
        one = await gateway.ask("teacher", user("q"), step="s")
        re_asked = await gateway.ask("teacher", user("q", attempt=1), step="s")
        five = await gateway.ask("teacher", user("q", n=5), step="s")
    assert len(set(three.keys)) == 3
    assert one.samples == three.samples[:1]
    assert re_asked.text != one.text
    assert five.samples[:3] == three.samples
    assert server.stats()["requests"] == 3
    assert server.stats()["last_body"]["n"] == 2


async def test_a_server_that_ignores_n_is_asked_until_all_samples_are_there(
    server: FaultServer, journal: Journal
) -> None:
    server.set(one_choice=True)
    async with Gateway({"teacher": model(server, sampling={"seed": 1})}, journal) as gateway:
        answer = await gateway.ask("teacher", user("q", n=3), step="s")
    assert len({s.text for s in answer.samples}) == 3
    assert server.stats()["requests"] == 3


async def test_a_longer_max_tokens_asks_a_cut_answer_again_but_not_a_whole_one(
    server: FaultServer, journal: Journal
) -> None:
    for most, requests in ((5, 1), (5, 1), (30, 2), (60, 2)):
        async with Gateway({"teacher": model(server, sampling={"max_tokens": most})}, journal) as gateway:
            answer = await gateway.ask("teacher", user("q"), step="s")
        assert answer.finish_reason == ("length" if most == 5 else "stop")
        assert server.stats()["requests"] == requests


async def test_a_refusal_costs_one_request_and_one_row(server: FaultServer, journal: Journal) -> None:
    texts = [f"q {i}" for i in range(199)] + ["a bad one [[400]]"]
    for retry_failed, requests in ((False, 200), (False, 200), (True, 201)):
        async with Gateway({"teacher": model(server)}, journal, retry_failed=retry_failed) as gateway:
            answers = await ask_all(gateway, texts)
        bad = [a for a in answers if not isinstance(a, Answer)]
        assert len(bad) == 1
        assert isinstance(bad[0], Refused)
        assert bad[0].reason == "http_400"
        assert "a bad one" in bad[0].detail
        assert server.stats()["requests"] == requests


async def test_a_fallback_answers_what_the_first_model_refuses(server: FaultServer, journal: Journal) -> None:
    role = model(server, model="first", fallbacks=[{"provider": "openai", "model": "second", "base_url": server.url}])
    other = FaultServer(status=400)
    with other:
        role = role.model_copy(update={"base_url": other.url})
        for _ in range(2):
            async with Gateway({"teacher": role}, journal) as gateway:
                answer = await gateway.ask("teacher", user("q"), step="s")
            assert answer.model == "second"
        assert other.stats()["requests"] == 1
    assert server.stats()["requests"] == 1


async def test_a_fallback_answers_while_the_first_model_is_away(server: FaultServer, journal: Journal) -> None:
    fallback = {"provider": "openai", "model": "second", "base_url": server.url}
    role = model("http://127.0.0.1:9/v1", model="first", fallbacks=[fallback])
    async with Gateway({"teacher": role}, journal, retry=CURT) as gateway:
        answers = await ask_all(gateway, [f"q {i}" for i in range(20)])
    assert [a.model for a in answers if isinstance(a, Answer)] == ["second"] * 20


async def test_a_question_that_no_model_of_a_chain_answers_is_refused(server: FaultServer, journal: Journal) -> None:
    """Its tries count over all rounds of the chain, as long as each model answers others."""
    second = model(server, model="second")
    roles = {"teacher": model(server, fallbacks=[dict(second)]), "judge": second}
    async with Gateway(roles, journal, retry=CURT) as gateway:
        asked = asyncio.create_task(ask_all(gateway, ["[[500]]", *(f"q {i}" for i in range(9))]))
        await until(lambda: server.stats()["prompts"].get("[[500]]", 0) >= 2 * CURT.tries_with_fallback)
        for i in range(4):
            await gateway.ask("judge", user(f"other {i}"), step="s")
        async with asyncio.timeout(60):
            bad, *good = await asked
    assert all(isinstance(one, Answer) for one in good)
    assert isinstance(bad, Refused)
    assert bad.reason == "no_usable_answer"
    assert server.stats()["prompts"]["[[500]]"] == 2 * CURT.tries


@pytest.mark.parametrize(("shielded", "end"), [(True, Stopped), (False, asyncio.CancelledError)])
async def test_a_stop_waits_for_answers_underway_and_journals_them(
    server: FaultServer, journal: Journal, shielded: bool, end: type[BaseException]
) -> None:
    server.set(hold_from=0)
    role = model(server, limits={"concurrency": 4})
    async with Gateway({"teacher": role}, journal) as gateway:
        asked = asyncio.create_task(ask_all(gateway, [f"q {i}" for i in range(10)], shielded=shielded))
        await until(lambda: gateway.usage.total.in_flight == 4)
        stopping = asyncio.create_task(gateway.stop(PATIENCE))
        await asyncio.to_thread(server.turn)
        await stopping
        answers = await asked
        assert sum(isinstance(a, Answer) for a in answers) == 4
        assert sum(isinstance(a, end) for a in answers) == 6
        with pytest.raises(Stopped):
            await gateway.ask("teacher", user("late"), step="s")
    assert server.stats()["requests"] == 4
    async with Gateway({"teacher": role}, journal) as gateway:
        await ask_all(gateway, [f"q {i}" for i in range(10)])
        assert gateway.usage.total.hits == 4


@pytest.mark.parametrize(("shielded", "end"), [(True, Stopped), (False, asyncio.CancelledError)])
async def test_a_stop_leaves_what_takes_too_long(
    server: FaultServer, journal: Journal, shielded: bool, end: type[BaseException]
) -> None:
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        asked = asyncio.create_task(ask_all(gateway, ["[[hang]]"], shielded=shielded))
        await until(lambda: gateway.usage.total.in_flight)
        async with asyncio.timeout(PATIENCE):
            await gateway.stop(0.3)
            (answer,) = await asked
    assert isinstance(answer, end)


@pytest.mark.parametrize("rate", [0.0, 0.2])
async def test_the_budget_is_never_passed_and_nearly_used_up(
    server: FaultServer, journal: Journal, rate: float
) -> None:
    server.set(latency=0.02, rate_500=rate, words=50)
    cap = 0.004
    role = model(server, price=PRICE, sampling={"max_tokens": 60})
    async with Gateway({"teacher": role}, journal, max_cost=cap, retry=QUICK) as gateway:
        answers = await ask_all(gateway, [f"q {i}" for i in range(100)])
        spent = gateway.usage.total.cost
    stopped = [a for a in answers if isinstance(a, BudgetStop)]
    billed = sum(isinstance(a, Answer) for a in answers)
    assert stopped
    assert billed + len(stopped) == 100
    assert server.stats()["statuses"]["200"] == billed
    assert spent == pytest.approx(billed * (2 * 1.0 + 50 * 2.0) / 1e6)
    worst = (80 + len("q 99") + 60 * 2) / 1e6
    assert cap - worst <= spent <= cap


async def test_a_budget_counts_what_it_cannot_see_at_its_worst(server: FaultServer, journal: Journal) -> None:
    server.set(no_usage=True)
    role = model(server, price=PRICE, sampling={"max_tokens": 60})
    async with Gateway({"teacher": role}, journal, max_cost=0.001) as gateway:
        answers = await ask_all(gateway, [f"q {i}" for i in range(10)])
    worst = (80 + len("q 9") + 60 * 2) / 1e6
    assert server.stats()["requests"] == int(0.001 / worst)
    assert sum(isinstance(a, BudgetStop) for a in answers) == 10 - int(0.001 / worst)


def test_a_budget_needs_prices_and_limits_of_every_model(server: FaultServer, journal: Journal) -> None:
    roles = {"teacher": model(server), "judge": model(server, price=PRICE, fallbacks=[dict(model(server))])}
    with pytest.raises(InputError) as error:
        Gateway(roles, journal, max_cost=1.0)
    assert [p.code for p in error.value.problems] == ["no-price", "no-max-tokens", "no-max-tokens", "no-price",
                                                      "no-max-tokens"]  # fmt: skip


def test_every_problem_of_every_role_is_told_at_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_API_KEY", raising=False)
    roles = {
        "a": model("http://localhost/v1", api_key_env="SOME_API_KEY"),
        "b": model("localhost:8000"),
        "c": model("x", provider="opennai"),
    }
    with pytest.raises(InputError) as error:
        Gateway(roles, journal)
    assert [p.code for p in error.value.problems] == ["no-key", "bad-base-url", "unknown-provider"]
    assert "SOME_API_KEY" in error.value.problems[0].message
    assert error.value.problems[2].hint == "did you mean 'openai'?"


async def test_usage_says_what_was_asked_and_paid(server: FaultServer, journal: Journal) -> None:
    server.set(rate_500=0.3)
    role = model(server, price=PRICE)
    async with Gateway({"teacher": role}, journal, retry=QUICK) as gateway:
        await ask_all(gateway, [f"question {i}" for i in range(30)])
        await ask_all(gateway, [f"question {i}" for i in range(30)])
        found = gateway.snapshot()
    stats = server.stats()
    assert found["asks"] == 60
    assert found["hits"] == found["answered"] == 30
    assert found["requests"] == stats["requests"]
    assert found["retries"] == found["failures"]["server_error"] == stats["statuses"]["500"] > 0
    assert found["prompt_tokens"] == 60
    assert found["completion_tokens"] == 600
    assert found["cost"] == pytest.approx((60 * 1.0 + 600 * 2.0) / 1e6)
    assert found["steps"]["s"]["m"]["answered"] == 30
    assert found["endpoints"][0]["in_flight"] == found["in_flight"] == 0


async def test_the_key_never_reaches_the_journal_or_an_error(
    server: FaultServer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "planted-Key-9e107d9d372bb6826bd81d"
    monkeypatch.setenv("SOME_API_KEY", secret)
    server.set(key="the-right-one")
    role = model(server, api_key_env="SOME_API_KEY")
    async with Gateway({"teacher": role}, journal) as gateway:
        with pytest.raises(InputError) as error:
            await gateway.ask("teacher", user("q"), step="s")
    assert "SOME_API_KEY" in str(error.value.problems)
    assert secret not in str(error.value.problems)
    server.set()
    async with Gateway({"teacher": role}, journal) as gateway:
        with pytest.raises(Refused) as refused:
            await gateway.ask("teacher", user(f"my key is {secret} [[422]]"), step="s")
        await gateway.ask("teacher", user(f"my key is {secret}"), step="s")
    assert server.stats()["last_headers"]["Authorization"] == f"Bearer {secret}"
    assert secret not in str(refused.value)
    journal.close()
    for file in journal.path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()
