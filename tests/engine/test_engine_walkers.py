"""A bounded number of tasks walk all ways: none is lost, none is walked twice, nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from bezoar_data.engine.worker_pool import Walkers
from support.waiting import until


def unexpected(error: BaseException) -> None:
    raise AssertionError(f"no way should fail: {error!r}")


@pytest.mark.parametrize(("window", "ways"), [(1, 5), (3, 600), (1000, 700)])
async def test_every_way_is_walked_once_and_no_more_than_the_window_at_a_time(window: int, ways: int) -> None:
    walkers = Walkers(window, unexpected)
    walked: list[int] = []
    now = most = 0
    crowded = asyncio.Event()

    async def way(number: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == min(window, ways):
            crowded.set()
        await crowded.wait()
        await asyncio.sleep(0.002)
        now -= 1
        walked.append(number)

    for round_ in range(2):  # rested walkers go on
        for number in range(ways):
            await walkers.start(way(round_ * ways + number))
        await walkers.drain()
        assert sorted(walked) == list(range((round_ + 1) * ways))
    assert most == min(window, ways)
    await walkers.stop()


async def test_draining_when_nothing_was_started_ends_at_once() -> None:
    walkers = Walkers(4, unexpected)
    async with asyncio.timeout(60):
        await walkers.drain()
        await walkers.stop()


async def test_a_way_that_fails_is_told_and_takes_no_other_with_it() -> None:
    failures: list[BaseException] = []
    walkers = Walkers(2, failures.append)
    walked: list[int] = []

    async def way(number: int) -> None:
        await asyncio.sleep(0)
        if number == 3:
            raise ValueError(number)
        if number == 5:
            raise asyncio.CancelledError
        walked.append(number)

    async with asyncio.timeout(60):
        for number in range(10):
            await walkers.start(way(number))
        await walkers.drain()
    assert [type(f) for f in failures] == [ValueError, asyncio.CancelledError]
    assert sorted(walked) == [0, 1, 2, 4, 6, 7, 8, 9]
    await walkers.stop()


async def test_after_the_end_nothing_starts_and_whoever_waits_for_room_is_woken() -> None:
    walkers = Walkers(2, unexpected)
    begun: list[int] = []
    never = asyncio.Event()

    async def way(number: int) -> None:
        begun.append(number)
        await never.wait()

    async def start_all() -> None:
        for number in range(2000):
            await walkers.start(way(number))

    starting = asyncio.create_task(start_all())
    await until(lambda: begun)
    await asyncio.sleep(0.1)
    assert begun == [0, 1]
    assert not starting.done()
    async with asyncio.timeout(60):
        walkers.end()
        await starting
        await walkers.drain()
        await walkers.stop()
    assert begun == [0, 1]
