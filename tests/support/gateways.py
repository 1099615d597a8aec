"""Short ways to a gateway over a fault server, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Ask
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.retry_policy import RetryPolicy
from support.fault_server import FaultServer

QUICK = RetryPolicy(first_wait=0.02, alone=0.5, probe=0.2)
"""Back-offs short enough for tests; everything else as users have it."""
CURT = replace(QUICK, at_start=0.6)
"""For an address where nobody is: a server that is there might be too slow to speak up in time."""


def model(server: FaultServer | str, **values: Any) -> Model:
    url = server if isinstance(server, str) else server.url
    return Model.model_validate({"provider": "openai", "model": "m", "base_url": url, **values})


def user(text: str, **values: Any) -> Ask:
    return Ask([{"role": "user", "content": text}], **values)


async def ask_all(
    gateway: Gateway, texts: Iterable[str], role: str = "teacher", *, shielded: bool = True
) -> list[Answer | BaseException]:
    """Answers or errors for the texts, asked at once."""
    asks = (gateway.ask(role, user(text), step="s", shielded=shielded) for text in texts)
    return await asyncio.gather(*asks, return_exceptions=True)
