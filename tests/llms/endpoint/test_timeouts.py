"""Many time-outs, one timer: each passes at its time, and takes nobody else with it."""

from __future__ import annotations

import asyncio

import pytest

from bezoar_data.llms.endpoint.timeouts import Timeouts
from support.waiting import PATIENCE, until


async def test_what_takes_too_long_ends_with_a_time_out_whatever_the_order() -> None:
    timeouts = Timeouts()
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        with pytest.raises(TimeoutError), timeouts.within(seconds):
            await asyncio.Event().wait()
        ended.append(seconds)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*map(wait, (0.5, 0.1, 0.9, 0.3)))
    assert sorted(ended) == [0.1, 0.3, 0.5, 0.9]
    assert not timeouts.open


async def test_what_is_done_in_time_is_not_cancelled_later() -> None:
    timeouts = Timeouts()
    with timeouts.within(0.05):
        pass
    late = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, late.set)
    with timeouts.within(PATIENCE):
        await late.wait()
    timeouts.close()


async def test_who_is_cancelled_by_others_does_not_see_a_time_out() -> None:
    timeouts = Timeouts()

    async def wait() -> None:
        with timeouts.within(PATIENCE):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await until(lambda: timeouts.open)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not timeouts.open
    timeouts.close()
