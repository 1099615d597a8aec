"""The parts that count and wait: concurrency, rate limits, back-off, circuit breaker, budget."""

from __future__ import annotations

import asyncio
import random
from email.utils import formatdate

import pytest

from bezoar_data.config.errors import BudgetStop
from bezoar_data.llms.endpoint.budget import Budget, most_prompt_tokens
from bezoar_data.llms.endpoint.circuit_breaker import CircuitBreaker, RequestState
from bezoar_data.llms.endpoint.limits import AdaptiveConcurrency, RateLimiter
from bezoar_data.llms.providers.common.http import retry_after
from bezoar_data.llms.providers.openai import OpenAI
from bezoar_data.llms.retry_policy import RetryPolicy, Transient
from support.gateways import model


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12", 12.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None), (None, None), ("nan", None), ("inf", None)],
)
def test_retry_after_in_seconds(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    now = 1_800_000_000.0
    assert retry_after(formatdate(now + 30, usegmt=True), now) == 30
    assert retry_after(formatdate(now - 30, usegmt=True), now) == 0


def test_back_off_grows_is_bounded_and_leaves_the_global_generator_alone() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    policy = RetryPolicy(first_wait=1.0, longest_wait=20.0)
    waits = [policy.backoff(tries) for tries in range(1, 50)]
    assert random.random() == expected
    for tries, wait in enumerate(waits, 1):
        full = min(20.0, 2.0 ** (tries - 1))
        assert full / 2 <= wait <= full


async def test_concurrency_lets_in_by_order_of_arrival_and_survives_those_who_leave_the_line() -> None:
    concurrency, entered = AdaptiveConcurrency(1, RetryPolicy()), []

    async def visit(name: int) -> None:
        await concurrency.enter()
        entered.append(name)
        await asyncio.sleep(0)
        concurrency.leave()

    visits = [asyncio.create_task(visit(i)) for i in range(5)]
    await asyncio.sleep(0)
    visits[2].cancel()
    await asyncio.gather(*visits, return_exceptions=True)
    assert entered == [0, 1, 3, 4]
    assert concurrency.in_flight == 0


async def test_a_place_given_to_someone_who_was_just_cancelled_is_handed_on() -> None:
    concurrency = AdaptiveConcurrency(1, RetryPolicy())
    await concurrency.enter()
    first, second = asyncio.create_task(concurrency.enter()), asyncio.create_task(concurrency.enter())
    await asyncio.sleep(0)
    concurrency.leave()
    first.cancel()
    async with asyncio.timeout(60):
        await second
    assert concurrency.in_flight == 1


def test_concurrency_shrinks_once_for_a_crowd_and_never_below_one_then_grows_back() -> None:
    clock = Clock()
    concurrency = AdaptiveConcurrency(100, RetryPolicy(), clock)
    for _ in range(50):
        concurrency.shrink()
    assert concurrency.limit == 65
    for _ in range(100):
        clock.now += 1
        concurrency.shrink()
    assert concurrency.limit == 1
    for _ in range(10_000):
        concurrency.grow()
    assert concurrency.limit == 100


async def test_a_pace_lets_pass_what_is_larger_than_its_store_and_collects_the_debt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    pace = RateLimiter(60_000, clock)
    began = clock.now
    await pace.spend(300)
    await pace.spend(1)
    assert clock.now - began == pytest.approx(0.201)
    pace.correct(-300)
    began = clock.now
    await pace.spend(100)
    assert clock.now == began


async def test_a_circuit_breaker_tells_one_bad_request_from_many() -> None:
    policy, events = RetryPolicy(), list[str]()
    provider = OpenAI(model("http://127.0.0.1:9/v1"))
    breaker = CircuitBreaker(provider, policy, AdaptiveConcurrency(8, policy), lambda what, _: events.append(what))
    failure, one = Transient("server_error"), RequestState()
    breaker.answered()
    for _ in range(100):
        breaker.failed(one, failure, probe=False)
    assert not breaker.is_open
    for _ in range(policy.failing - 1):
        breaker.failed(RequestState(), failure, probe=False)
    assert breaker.is_open
    assert breaker.trouble > 0
    breaker.answered()
    assert not breaker.is_open
    assert breaker.trouble == 0
    assert events == ["away", "back"]


async def test_a_budget_waits_for_money_set_aside_to_come_back_then_stops() -> None:
    budget = Budget(1.0)
    await budget.reserve(0.6)
    waiting = asyncio.create_task(budget.reserve(0.6))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.settle(0.6, 0.1)
    await waiting
    refused = asyncio.create_task(budget.reserve(0.6))
    await asyncio.sleep(0)
    budget.settle(0.6, 0.5)
    with pytest.raises(BudgetStop):
        await refused
    await budget.reserve(0.4)
    assert budget.spent + budget.reserved == pytest.approx(1.0)


def test_a_prompt_has_at_least_its_bytes_in_the_estimate() -> None:
    assert most_prompt_tokens([{"role": "user", "content": "é" * 10}], None) >= 20
    bare = most_prompt_tokens([{"role": "user", "content": "x"}], None)
    assert most_prompt_tokens([{"role": "user", "content": "x"}], {"type": "object"}) > bare


async def test_a_ceiling_that_is_changed_holds_at_once_and_lets_in_who_waits() -> None:
    concurrency = AdaptiveConcurrency(4, RetryPolicy())
    for _ in range(4):
        await concurrency.enter()
    waiting = asyncio.ensure_future(concurrency.enter())
    await asyncio.sleep(0)
    concurrency.bound(2)
    for _ in range(2):
        concurrency.leave()
    concurrency.bound(0)
    concurrency.shrink()
    assert (concurrency.limit, waiting.done()) == (0, False)
    concurrency.bound(3)
    await waiting
    assert (concurrency.limit, concurrency.in_flight) == (3, 3)


async def test_a_rate_that_is_changed_holds_from_then_on() -> None:
    clock = Clock()
    limiter = RateLimiter(6000, clock)
    limiter.pace(600)
    await limiter.spend(1)
    assert limiter._wait(1) == pytest.approx(0.1)
