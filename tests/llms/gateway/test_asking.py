"""Models asked from outside a pipeline: order, journal, sampling of one's own, budget, interruption."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from bezoar_data.config.errors import BudgetStop, InputError
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.endpoint.health import Stopped
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.gateway.asking import OpenModels, models_for
from support.fault_server import FaultServer
from support.gateways import model, user
from support.waiting import PATIENCE, wait_until


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_answers_come_in_the_order_of_the_questions_and_the_second_time_from_the_journal(
    server: FaultServer, journal: Path
) -> None:
    server.set(spread=0.1)
    asks = [user("b [[400]]"), *(user(f"q {i}") for i in range(20))]
    roles, _ = models_for(["judge"], named={"judge": f"openai:m@{server.url}"})
    with OpenModels(roles, journal=journal) as models:
        refused, *first = models.ask("judge", asks, step="mt_bench")
    assert isinstance(refused, Refused)
    with OpenModels(roles, journal=journal) as models:
        assert models.ask("judge", asks[1:], step="mt_bench") == first
        assert models.told() == "20 from the journal, 0 requests"
    assert server.stats()["requests"] == 21
    texts = [answer.text for answer in first if isinstance(answer, Answer)]
    assert len(set(texts)) == 20


def test_sampling_of_a_call_is_sent_and_has_its_own_answers(server: FaultServer, journal: Path) -> None:
    with OpenModels({"judge": model(server, sampling={"temperature": 0.5})}, journal=journal) as models:
        models.ask("judge", [user("q")], step="s")
        models.ask("judge", [user("q")], step="s", sampling={"temperature": 0, "max_tokens": 7})
        body = server.stats()["last_body"]
        assert (body["temperature"], body["max_tokens"]) == (0, 7)
        models.ask("judge", [user("q")], step="s", sampling={"temperature": 0, "max_tokens": 7})
        assert models.usage()["hits"] == 1
        assert server.stats()["requests"] == 2


def test_the_budget_stops_it_and_what_was_answered_stays(server: FaultServer, journal: Path) -> None:
    priced = model(
        server, price={"input": 0, "output": 1000, "read": "2026-11-01"}, sampling={"max_tokens": 20},
        limits={"concurrency": 2},
    )  # fmt: skip
    asks = [user(f"q {i}") for i in range(10)]
    with OpenModels({"judge": priced}, journal=journal, max_cost=0.1) as models, pytest.raises(BudgetStop):
        models.ask("judge", asks, step="s")
    with OpenModels({"judge": priced}, journal=journal, max_cost=1) as models:
        models.ask("judge", asks, step="s")
        assert models.usage()["hits"] == 5
    assert server.stats()["requests"] == 10


def test_ctrl_c_waits_for_what_is_on_its_way_and_the_next_time_goes_on(
    server: FaultServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.set(hold_from=3)
    stop, stopping = Gateway.stop, threading.Event()

    async def seen(gateway: Gateway, grace: float) -> None:
        stopped = asyncio.ensure_future(stop(gateway, grace))
        await asyncio.sleep(0)
        stopping.set()
        await stopped

    monkeypatch.setattr(Gateway, "stop", seen)
    role = model(server, limits={"concurrency": 4})
    asks = [user(f"q {i}") for i in range(10)]

    def interrupt() -> None:
        wait_until(lambda: server.stats()["requests"] == 7)
        os.kill(os.getpid(), signal.SIGINT)
        stopping.wait(PATIENCE)
        server.turn()

    before = signal.getsignal(signal.SIGINT)
    with OpenModels({"judge": role}, journal=journal) as models:
        person = threading.Thread(target=interrupt)
        person.start()
        with pytest.raises(Stopped):
            models.ask("judge", asks, step="s")
        person.join()
    assert signal.getsignal(signal.SIGINT) is before
    assert server.stats()["requests"] == 7
    with OpenModels({"judge": role}, journal=journal) as models:
        models.ask("judge", asks, step="s")
        assert models.usage()["hits"] == 7


def test_a_role_that_nobody_answers_for_is_told() -> None:
    with pytest.raises(InputError, match="no model is named for the role 'second'"):
        models_for(["judge", "second"], named={"judge": "checks"})
