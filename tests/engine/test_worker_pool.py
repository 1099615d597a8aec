"""A bounded number of tasks run all jobs: none is lost, none is done twice, nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from bezoar_data.engine.worker_pool import WorkerPool
from support.waiting import until


def unexpected(error: BaseException) -> None:
    raise AssertionError(f"no job should fail: {error!r}")


@pytest.mark.parametrize(("window", "jobs"), [(1, 5), (3, 600), (1000, 700)])
async def test_every_job_is_run_once_and_no_more_than_the_window_at_a_time(window: int, jobs: int) -> None:
    workers = WorkerPool(window, unexpected)
    done: list[int] = []
    now = most = 0
    crowded = asyncio.Event()

    async def job(number: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == min(window, jobs):
            crowded.set()
        await crowded.wait()
        await asyncio.sleep(0.002)
        now -= 1
        done.append(number)

    for round_ in range(2):  # rested workers go on
        for number in range(jobs):
            await workers.start(job(round_ * jobs + number))
        await workers.drain()
        assert sorted(done) == list(range((round_ + 1) * jobs))
    assert most == min(window, jobs)
    await workers.stop()


async def test_draining_when_nothing_was_started_ends_at_once() -> None:
    workers = WorkerPool(4, unexpected)
    async with asyncio.timeout(60):
        await workers.drain()
        await workers.stop()


async def test_a_job_that_fails_is_reported_and_takes_no_other_with_it() -> None:
    failures: list[BaseException] = []
    workers = WorkerPool(2, failures.append)
    done: list[int] = []

    async def job(number: int) -> None:
        await asyncio.sleep(0)
        if number == 3:
            raise ValueError(number)
        if number == 5:
            raise asyncio.CancelledError
        done.append(number)

    async with asyncio.timeout(60):
        for number in range(10):
            await workers.start(job(number))
        await workers.drain()
    assert [type(f) for f in failures] == [ValueError, asyncio.CancelledError]
    assert sorted(done) == [0, 1, 2, 4, 6, 7, 8, 9]
    await workers.stop()


async def test_after_the_end_nothing_starts_and_whoever_waits_for_room_is_woken() -> None:
    workers = WorkerPool(2, unexpected)
    begun: list[int] = []
    never = asyncio.Event()

    async def job(number: int) -> None:
        begun.append(number)
        await never.wait()

    async def start_all() -> None:
        for number in range(2000):
            await workers.start(job(number))

    starting = asyncio.create_task(start_all())
    await until(lambda: begun)
    await asyncio.sleep(0.1)
    assert begun == [0, 1]
    assert not starting.done()
    async with asyncio.timeout(60):
        workers.end()
        await starting
        await workers.drain()
        await workers.stop()
    assert begun == [0, 1]
