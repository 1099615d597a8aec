"""Batches against a real server: every question is answered, and nothing is handed in twice without need."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import BudgetStop, InputError, ProviderAway
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.batch.store import BatchStore
from bezoar_data.llms.endpoint.health import ADAPTED
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.gateway.distilabel_llm import ChatLLM
from bezoar_data.llms.journal import Journal, maintenance
from support.batch_server import KEY, BatchServer
from support.fault_server import Faults, completion
from support.gateways import CURT, QUICK, ask_all, user
from support.waiting import PATIENCE, until

BATCH = {"gather": 0.1, "poll": 0.3}
PRICE = {"input": 10.0, "output": 20.0, "read": "2026-01-31"}
KINDS = ("openai", "anthropic")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_API_KEY", KEY)


def model(server: BatchServer, kind: str = "openai", **values: Any) -> Model:
    plain = {"provider": kind, "model": "m", "base_url": server.url, "api_key_env": "BATCH_API_KEY", "mode": "batch"}
    limits = {"max_outage": 60}
    return Model.model_validate({**plain, "batch": BATCH, "sampling": {"max_tokens": 64}, "limits": limits, **values})


async def ask(server: BatchServer, journal: Journal, texts: Sequence[str], **values: Any) -> list[Any]:
    kind = values.pop("kind", "openai")
    more = {name: values.pop(name) for name in ("on_event", "max_cost", "retry_failed") if name in values}
    async with Gateway({"teacher": model(server, kind, **values)}, journal, retry=QUICK, **more) as gateway:
        found = await ask_all(gateway, texts)
        for answer in found:
            if isinstance(answer, BaseException) and not isinstance(answer, Refused):
                raise answer
        return found


def texts(count: int) -> list[str]:
    return [f"question {i}" for i in range(count)]


def left_over(journal: Journal) -> int:
    with closing(sqlite3.connect(journal.path)) as connection:
        return int(connection.execute("SELECT count(*) FROM batch_items").fetchone()[0])


@pytest.mark.parametrize("kind", KINDS)
async def test_many_questions_make_one_batch_and_are_answered_once(journal: Journal, kind: str) -> None:
    with BatchServer(shuffled=True, doubled=True) as server:
        found = await ask(server, journal, texts(40), kind=kind)
        again = await ask(server, journal, texts(40), kind=kind)
        stats = server.stats()
    assert stats["batches"] == [40]
    assert set(stats["prompts"].values()) == {1}
    assert [a.text for a in again] == [a.text for a in found]
    assert len({a.keys for a in found}) == 40
    assert left_over(journal) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_of_a_batch_is_that_of_its_own_question(journal: Journal, kind: str) -> None:
    with BatchServer(shuffled=True) as server:
        found = await ask(server, journal, texts(20), kind=kind)
    for i, answer in enumerate(found):
        messages = [{"role": "user", "content": f"question {i}"}]
        assert answer.text == completion({"messages": messages}, Faults())["choices"][0]["message"]["content"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_batch_left_unanswered_goes_into_the_next(journal: Journal, kind: str) -> None:
    marked = ["a [[500once]]", "b [[expire]]", "c [[lost]]", "d [[garbage]]"] if kind == "openai" else [
        "a [[500once]]", "b [[expire]]", "c [[lost]]"]  # fmt: skip
    with BatchServer() as server:
        found = await ask(server, journal, [*texts(6), *marked], kind=kind)
        stats = server.stats()
    assert all(isinstance(a, Answer) for a in found)
    assert stats["batches"] == [6 + len(marked), len(marked)]
    assert {p for p, n in stats["prompts"].items() if n == 2} == set(marked)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_request_costs_its_own_row_only_and_is_not_asked_again(journal: Journal, kind: str) -> None:
    with BatchServer() as server:
        for _ in range(2):
            found = await ask(server, journal, [*texts(5), "bad [[400]]"], kind=kind)
            assert isinstance(found[5], Refused)
            assert found[5].reason == "http_400"
            assert all(isinstance(a, Answer) for a in found[:5])
        stats = server.stats()
        await ask(server, journal, ["bad [[400]]"], kind=kind, retry_failed=True)
        assert server.stats()["prompts"]["bad [[400]]"] == 2
    assert stats["batches"] == [6]
    assert left_over(journal) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_model_does_not_take_is_left_out_of_the_next_batch(journal: Journal, kind: str) -> None:
    told: list[str] = []
    hear = lambda what, facts: told.append(what)  # noqa: E731
    sampling = {"temperature": 0.7, "max_tokens": 64}
    with BatchServer(untaken="temperature") as server:
        found = await ask(server, journal, texts(6), kind=kind, sampling=sampling, on_event=hear)
        stats = server.stats()
    assert all(isinstance(a, Answer) for a in found)
    assert stats["batches"] == [6, 6]
    assert told.count(ADAPTED) == 1
    assert {tuple(e.extra["sent_without"]) for a in found if (e := journal.get(a.keys[0]))} == {("temperature",)}
    assert left_over(journal) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_what_refuses_all_requests_of_a_batch_ends_the_run_and_leaves_nothing(
    journal: Journal, kind: str
) -> None:
    with BatchServer(untaken="mirostat") as server:
        with pytest.raises(InputError, match="'mirostat' is not supported"):
            await ask(server, journal, texts(6), kind=kind, extra_body={"mirostat": 1, "user": "u"})
        server.set()
        found = await ask(server, journal, texts(6), kind=kind, extra_body={"mirostat": 1, "user": "u"})
    assert all(isinstance(a, Answer) for a in found)


async def test_a_request_that_always_fails_is_given_up_after_its_tries(journal: Journal) -> None:
    with BatchServer() as server:
        found = await ask(server, journal, ["good", "bad [[500]]"], batch={**BATCH, "tries": 2})
        stats = server.stats()
    assert isinstance(found[1], Refused)
    assert found[1].reason == "no_usable_answer"
    assert stats["prompts"] == {"good": 1, "bad [[500]]": 2}


@pytest.mark.parametrize("kind", KINDS)
async def test_faults_on_the_way_cost_no_second_batch(journal: Journal, kind: str) -> None:
    with BatchServer(bad_polls=3, cut_downloads=2, short_downloads=1, busy=2) as server:
        found = await ask(server, journal, texts(30), kind=kind)
        stats = server.stats()
    assert all(isinstance(a, Answer) for a in found)
    assert stats["batches"] == [30]
    assert stats["calls"]["download"] >= 4


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_whose_making_was_never_heard_of_is_found_again(journal: Journal, kind: str) -> None:
    with BatchServer(fail_after=1, delay=0.5) as server:
        # Others of the same account, so that finding ours means looking through them.
        await ask(server, journal, ["x", "y"], kind=kind, model="other")
        server.set(fail_after=1, delay=0.5)
        for n in range(3):
            await ask(server, journal, texts(10 + n)[n:], kind=kind, batch=BATCH)
        stats = server.stats()
    assert sorted(stats["batches"]) == [1, 1, 2, 10]
    assert set(stats["prompts"].values()) == {1}
    assert stats["calls"]["list"] >= 2


async def test_limits_of_a_batch_are_kept(journal: Journal) -> None:
    with BatchServer() as server:
        await ask(server, journal, texts(25), batch={**BATCH, "max_requests": 10})
        assert server.stats()["batches"] == [10, 10, 5]
        await ask(server, journal, [f"long {i} {'x' * 900}" for i in range(6)], batch={**BATCH, "max_bytes": 2500})
        assert server.stats()["batches"] == [10, 10, 5, 2, 2, 2]


@pytest.mark.parametrize("kind", KINDS)
async def test_several_answers_to_one_question(journal: Journal, kind: str) -> None:
    with BatchServer() as server:
        async with Gateway({"teacher": model(server, kind)}, journal, retry=QUICK) as gateway:
            answer = await gateway.ask("teacher", user("tell me", n=3), step="s")
        stats = server.stats()
    assert len(answer.samples) == len(set(answer.keys)) == 3
    assert stats["batches"] == [1 if kind == "openai" else 3]
    assert maintenance.stats(journal).answers == 3


async def test_a_batch_costs_half_and_the_journal_serves_both_modes(journal: Journal) -> None:
    with BatchServer() as server:
        found = await ask(server, journal, texts(3), price=PRICE)
        entry = journal.get(found[0].keys[0])
        assert entry is not None
        assert entry.prompt_tokens is not None
        assert entry.completion_tokens is not None
        assert (entry.price_input, entry.price_output) == (5.0, 10.0)
        assert entry.cost == pytest.approx((entry.prompt_tokens * 5 + entry.completion_tokens * 10) / 1e6)
        direct = await ask(server, journal, texts(3), mode="direct")
        assert [a.text for a in direct] == [a.text for a in found]
        assert "direct" not in server.stats()["calls"]


async def test_a_budget_hands_in_no_more_than_it_covers(journal: Journal) -> None:
    with BatchServer() as server:
        with pytest.raises(BudgetStop):
            await ask(server, journal, texts(40), price={**PRICE, "output": 10_000.0}, max_cost=3.0)
        first = server.stats()["batches"]
        assert first[0] * 64 * 5_000 / 1e6 <= 3.0
        assert 0 < sum(first) < 40
        assert set(server.stats()["prompts"].values()) == {1}


async def test_a_refused_submission_ends_the_run_and_is_forgotten(journal: Journal) -> None:
    with BatchServer(refuse=400) as server:
        with pytest.raises(InputError, match=r"rejected the batch.*you may not"):
            await ask(server, journal, texts(3))
        server.set()
        assert len(await ask(server, journal, texts(3))) == 3
        assert server.stats()["batches"] == [3]


async def test_a_batch_that_fails_as_a_whole_ends_the_run(journal: Journal) -> None:
    with BatchServer(invalid=1) as server:
        with pytest.raises(InputError, match="batch_1: line 1: cannot take this"):
            await ask(server, journal, texts(3))
        await ask(server, journal, texts(3))
        assert server.stats()["prompts"] == dict.fromkeys(texts(3), 1)


async def test_a_full_queue_at_the_provider_is_waited_out(journal: Journal) -> None:
    with BatchServer(full=2) as server:
        assert len(await ask(server, journal, texts(3))) == 3
        assert server.stats()["batches"] == [3, 3, 3]
        assert set(server.stats()["prompts"].values()) == {1}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_batch_ends_the_run_resumable_with_its_answers_kept(journal: Journal, kind: str) -> None:
    with BatchServer(cancelled=True) as server:
        with pytest.raises(ProviderAway, match="batch_1 was cancelled"):
            await ask(server, journal, texts(10), kind=kind)
        server.set()
        assert len(await ask(server, journal, texts(10), kind=kind)) == 10
        counts = server.stats()["prompts"]
    assert sum(counts.values()) == 15


async def test_a_wrong_key_ends_the_run_without_showing_it(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_API_KEY", "wrong-key-9876543210")
    with BatchServer() as server, pytest.raises(InputError, match="authentication failed") as caught:
        await ask(server, journal, texts(3))
    assert "wrong-key" not in str(caught.value)


async def test_nobody_at_the_address_ends_the_run_within_seconds(journal: Journal) -> None:
    with BatchServer() as server:
        gone = model(server, base_url="http://127.0.0.1:9/v1")
    async with Gateway({"teacher": gone}, journal, retry=CURT) as gateway:
        with pytest.raises(InputError, match="no answer from"):
            await asyncio.wait_for(gateway.ask("teacher", user("x"), step="s"), PATIENCE / 2)


async def test_an_outage_longer_than_allowed_ends_the_run_resumable(journal: Journal) -> None:
    with BatchServer(bad_polls=-1) as server:
        with pytest.raises(ProviderAway, match="go on at the provider"):
            await ask(server, journal, texts(3), limits={"max_outage": 1})
        server.set()
        assert len(await ask(server, journal, texts(3))) == 3
        assert server.stats()["batches"] == [3]


async def test_a_batch_the_provider_does_not_know_is_not_paid_again_by_itself(journal: Journal) -> None:
    with BatchServer(forgotten=True) as server:
        for _ in range(2):
            with pytest.raises(InputError, match="does not know its batch batch_1"):
                await ask(server, journal, texts(3))
        assert server.stats()["batches"] == [3]


async def test_stopping_leaves_the_batch_at_the_provider_and_says_so(journal: Journal) -> None:
    heard: list[str] = []
    with BatchServer(delay=-1) as server:
        gateway = Gateway(
            {"teacher": model(server)}, journal, retry=QUICK, on_event=lambda what, facts: heard.append(what)
        )
        asked = asyncio.create_task(ask_all(gateway, texts(5)))
        await asyncio.to_thread(server.wait_for, "look")
        state = gateway.snapshot()["endpoints"][0]
        assert (state["batches"], state["requests in batches"], state["in_flight"]) == (1, 5, 5)
        assert state["since"] is not None
        await asyncio.wait_for(gateway.stop(1000.0), PATIENCE)
        await gateway.close()
        assert all(isinstance(a, BaseException) for a in await asked)
        assert "still working on 1 batch with 5 requests" in heard
        server.set()
        assert len(await ask(server, journal, texts(5))) == 5
        assert server.stats()["batches"] == [5]


@pytest.mark.parametrize("kind", KINDS)
async def test_two_runs_at_once_share_a_batch_and_its_bill(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.sqlite"
    with BatchServer(delay=0.6) as server, Journal.open(path) as one, Journal.open(path) as two:
        runs = [ask(server, journal, texts(30), kind=kind, price=PRICE) for journal in (one, two)]
        left, right = await asyncio.gather(*runs)
        stats = server.stats()
        assert [a.text for a in left] == [a.text for a in right]
        assert set(stats["prompts"].values()) == {1}
        assert maintenance.stats(one).answers == 30
        assert left_over(one) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_what_another_run_was_answered_meanwhile_is_not_handed_in(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.sqlite"
    with BatchServer(delay=0) as server, Journal.open(path) as one, Journal.open(path) as two:
        # It hands in when it has eleven, not before.
        slow = model(server, kind, batch={**BATCH, "gather": 1000.0, "max_requests": 11})
        async with Gateway({"teacher": slow}, two, retry=QUICK) as late:
            asked = asyncio.create_task(ask_all(late, texts(10)))
            await until(lambda: late.snapshot()["endpoints"][0]["gathering"] == 10)
            first = await ask(server, one, texts(10), kind=kind)
            await late.ask("teacher", user("one more"), step="s")
            assert await asked == first
            assert late.usage.total.requests == 1
        assert server.stats()["batches"] == [10, 1]
        assert left_over(one) == 0


async def test_redacting_takes_results_nobody_collected_with_it(journal: Journal) -> None:
    with BatchServer(delay=-1) as server:
        await ask(server, journal, [])
        store = BatchStore(journal.path, "openai", server.url, "m")
        _, ours = store.intend("bz1", [(("ab" * 32,), 64), (("cd" * 32,), 64)], 0)
        store.keep_results(ours[0].batch, [(0, b"a person's words"), (1, b"other words")])
        maintenance.redact(journal, ["ab" * 32])
        assert store.results(ours) == {ours[1].id: b"other words"}
        store.close()


async def test_a_repaired_journal_still_knows_the_batches_at_the_provider(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with BatchServer(delay=-1) as server:
        with Journal.open(path) as journal:
            async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
                asked = asyncio.create_task(ask_all(gateway, texts(5)))
                await asyncio.to_thread(server.wait_for, "look")
            await asked
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw = bytearray(path.read_bytes())
        raw[60:64] = (99).to_bytes(4, "big")  # the file's format version: its header no longer says what it is
        path.write_bytes(raw)
        server.set()
        with Journal.open(path) as journal:
            assert any("was damaged" in note for note in journal.notes)
            assert len(await ask(server, journal, texts(5))) == 5
        assert server.stats()["batches"] == [5]


def test_a_kind_without_a_batch_api_is_refused(journal: Journal) -> None:
    wrong = Model.model_validate({"provider": "placeholder", "model": "m", "mode": "batch"})
    with pytest.raises(InputError, match="has no batch API"):
        Gateway({"teacher": wrong}, journal)


def test_distilabels_own_runner_does_not_ask_in_batches(tmp_path: Path) -> None:
    with BatchServer() as server:
        llm = ChatLLM(role="teacher", spec=model(server), journal=str(tmp_path / "journal.sqlite"))
        with pytest.raises(InputError, match="role 'teacher' has mode: batch"):
            llm.load()
        assert server.stats()["calls"] == {}
