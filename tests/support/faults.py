"""What every provider must do with an endpoint's faults, checked in the same words for each."""

from __future__ import annotations

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.providers.base import Refusal, Transient
from support.fault_server import FaultServer
from support.gateways import QUICK, ask_all


def told_as(error: BaseException, mark: str, cause: object) -> None:
    """A fault is told with its status or cause, and with the seconds an endpoint of `retry_after="7"` asked for."""
    if isinstance(error, Refusal):
        assert error.status == cause
    if isinstance(error, Transient):
        assert error.cause == cause
        if mark in ("429", "503"):
            assert error.retry_after == 7


async def one_bad_row_is_lost_alone(server: FaultServer, model: Model, journal: Journal, rows: int) -> None:
    """Of so many rows and one that is refused, each other row is answered, and nothing is asked twice."""
    texts = [f"row {i}" for i in range(rows)] + ["[[400]]"]
    async with Gateway({"teacher": model}, journal, retry=QUICK) as gateway:
        answers = await ask_all(gateway, texts)
    asked = server.stats()["requests"]
    async with Gateway({"teacher": model}, journal, retry=QUICK) as gateway:
        again = await ask_all(gateway, texts)
    assert all(isinstance(a, Answer) for a in answers[:-1])
    assert isinstance(answers[-1], Refused)
    assert again[:-1] == answers[:-1]
    assert server.stats()["requests"] == asked
