"""Several processes at one journal: equal questions on their way are paid once, and nobody waits for the dead."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bezoar_data.llms.ask import Answer
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.leases import Leases
from bezoar_data.llms.journal.request_key import KeyMaker
from support.fault_server import FaultServer
from support.gateways import ask_all, model, user
from support.projects import Project, kill, wait_for_requests
from support.waiting import until

HOLDER = """\
import sys
from pathlib import Path
from bezoar_data.llms.journal.leases import Leases
leases = Leases(Path(sys.argv[1]))
leases.speak(sys.argv[2:])
print(*sys.argv[2:], flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(journal: Journal, keys: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that asks these questions, and does not get on."""
    command = [sys.executable, "-c", HOLDER, str(journal.path), *keys]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == keys
        yield process
        process.kill()


@pytest.mark.server(latency=0.1)
async def test_equal_questions_of_two_owners_are_asked_once(server: FaultServer, journal: Journal) -> None:
    """Also where one wants more samples than the other, and allows more tokens."""
    texts = [f"question {i}" for i in range(40)]
    with Journal.open(journal.path) as other:
        async with Gateway({"teacher": model(server)}, journal) as a, Gateway({"teacher": model(server)}, other) as b:
            first, second = await asyncio.gather(ask_all(a, texts), ask_all(b, texts[::-1]))
            assert first == second[::-1]
            assert server.stats()["requests"] == 40
            totals = a.usage.total, b.usage.total
            assert [t.asks - t.hits - t.shared - t.answered for t in totals] == [0, 0]
            assert sum(t.shared for t in totals) == 40
            three, five = await asyncio.gather(
                a.ask("teacher", user("more", n=3), step="s"), b.ask("teacher", user("more", n=5), step="s")
            )
            assert five.samples[:3] == three.samples
            assert server.stats()["requests"] == 42


async def test_whoever_is_killed_holds_nothing_up(server: FaultServer, journal: Journal) -> None:
    asked = model(server)
    keys = [key for i in range(10) for key in KeyMaker(asked).keys(user(f"q {i}"))]
    async with Gateway({"teacher": asked}, journal) as gateway:
        with held_elsewhere(journal, keys[:8]) as holder:
            answers = asyncio.create_task(ask_all(gateway, [f"q {i}" for i in range(10)]))
            await until(lambda: gateway.usage.total.answered == 2)
            assert server.stats()["requests"] == 2
            holder.kill()
            assert all(isinstance(answer, Answer) for answer in await answers)
    assert server.stats()["requests"] == 10


async def test_whoever_is_halted_is_waited_for_once(server: FaultServer, journal: Journal) -> None:
    """Then a question is asked here, as long as no question would take a working owner."""
    asked = model(server, limits={"timeout": 0.3, "total_timeout": 0.3})
    with held_elsewhere(journal, [key for i in range(3) for key in KeyMaker(asked).keys(user(f"q {i}"))]):
        async with Gateway({"teacher": asked}, journal) as gateway:
            answers = [await gateway.ask("teacher", user(f"q {i}"), step="s") for i in range(3)]
            assert all(answer.text for answer in answers)
            assert gateway.usage.total.answered == 3


async def test_who_waits_for_another_can_be_stopped(server: FaultServer, journal: Journal) -> None:
    asked = model(server)
    with held_elsewhere(journal, list(KeyMaker(asked).keys(user("q")))):
        async with Gateway({"teacher": asked}, journal) as gateway:
            answer = asyncio.create_task(ask_all(gateway, ["q"]))
            await until(lambda: gateway.usage.total.asks == 1)
            await gateway.stop(10.0)
            assert [type(one).__name__ for one in await answer] == ["Stopped"]
    assert server.stats()["requests"] == 0


def test_who_is_alone_takes_no_lease_until_another_comes(tmp_path: Path) -> None:
    keys = ["0" * 64, "8" * 64, "f" * 64]
    first = Leases(tmp_path / "j")
    assert first.silent
    assert first.take(keys) == keys
    first.give_back(keys[2:])
    second = Leases(tmp_path / "j")
    assert not second.silent
    assert second.others_are_silent
    assert not first.alone
    first.speak(keys[:2])
    assert not second.others_are_silent
    assert second.take(keys) == keys[2:]
    first.give_back(keys[:1])
    assert second.take(keys[:2]) == keys[:1]
    second.close()
    second.close()
    assert first.alone
    assert first.take(keys) == keys
    first.close()


@pytest.mark.nightly
@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.server(latency=0.05)
def test_two_runs_of_one_pipeline_pay_once(project: Project, server: FaultServer, killed: bool) -> None:
    """Of one that is killed only what was on its way is asked again."""
    project.rows(400)
    project.models(server.url, limits={"concurrency": 8})
    project.pipeline()
    first = project.start("--out", "runs/a")
    wait_for_requests(server, first, 20)
    second = project.start("--out", "runs/b")
    wait_for_requests(server, first, 100)
    if killed:
        kill(first, server)
    said = [process.communicate() for process in (first, second) if process.returncode is None]
    assert second.returncode == 0, said
    assert server.stats()["requests"] <= 400 + (8 if killed else 0)
    if not killed:
        assert project.parquet("a") == project.parquet("b")
