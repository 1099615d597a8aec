"""The rate of rows and the time left, for fast and slow models, against a clock of the test's own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from bezoar_data.engine.counts import Counts
from bezoar_data.engine.pace import Pace, in_words
from bezoar_data.engine.stats import RunStats, one_line

TICK = 0.25


def told(seconds: float, at_once: int, total: int) -> Iterator[tuple[float, float | None]]:
    """(now, time left) at each look at a run whose answers take so long, give or take a fifth, so many at once."""
    draw = random.Random(7)
    ends = [seconds * draw.uniform(0.8, 1.2) for _ in range(at_once)]
    pace, now, work = Pace(0.0), 0.0, 0
    while work < total:
        now += TICK
        for i in range(at_once):
            while ends[i] <= now:
                work += 1
                ends[i] += seconds * draw.uniform(0.8, 1.2)
        pace.see(now, work)
        yield now, pace.left(now, total - work)


@pytest.mark.parametrize(
    ("seconds", "at_once", "total"), [(0.3, 4, 2000), (2.0, 32, 3000), (60.0, 32, 1000), (60.0, 1, 60), (600.0, 4, 100)]
)
def test_the_time_left_runs_down_and_does_not_jump(seconds: float, at_once: int, total: int) -> None:
    seen = [(now, left) for now, left in told(seconds, at_once, total) if left is not None]
    end = seconds * total / at_once
    assert seen[0][0] <= max(10, 7 * seconds), "said as soon as it can be known"
    early, late = seen[len(seen) // 4], seen[-len(seen) // 4]
    assert abs(early[0] + early[1] - end) < 0.25 * end
    assert abs(late[0] + late[1] - end) < 0.15 * end
    jumps = [abs(after - before + TICK) for (_, before), (_, after) in pairwise(seen)]
    assert max(jumps) < 0.03 * end + 1, "no jump that a person would see"


def test_nothing_is_said_before_it_can_be_known() -> None:
    pace = Pace(0.0)
    assert (pace.per_second(60.0), pace.left(60.0, 100)) == (0.0, None)
    pace.see(60.0, 1)
    assert pace.left(60.0, 99) is None


def test_an_endpoint_that_stops_makes_the_rate_fall() -> None:
    pace = Pace(0.0)
    for i in range(1, 21):
        pace.see(float(i), i)
    assert pace.per_second(21.0) == pytest.approx(1.0)
    assert pace.per_second(100.0) < 0.25


@pytest.mark.parametrize(
    ("per_second", "words"),
    [(1234.5, "1,234 rows/s"), (2.5, "2.5 rows/s"), (0.5, "30 rows/min"), (0.02, "1.2 rows/min"), (0.005, "18 rows/h")],
)
def test_a_rate_is_told_by_what_says_something(per_second: float, words: str) -> None:
    assert in_words(per_second) == words


def test_answers_of_an_earlier_run_are_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("bezoar_data.engine.stats.time.monotonic", lambda: clock[0])
    counts = Counts(["explain"])
    asked = {"hits": 0, "answered": 0, "prompt_tokens": 0, "completion_tokens": 0, "requests": 0, "in_flight": 0}
    stats = RunStats(counts, lambda: {**asked, "cost": 0.0, "failures": {}}, lambda: 1000)
    for _ in range(10):
        clock[0] += 1
        counts.went("explain", 50)
        asked["hits"] += 50
        facts = stats.facts()
    assert facts["seconds_left"] is None, "found, not asked"
    for _ in range(10):
        clock[0] += 6
        counts.went("explain")
        asked["answered"] += 1
        facts = stats.facts()
    assert "10 rows/min" in one_line(facts)
    assert facts["seconds_left"] == pytest.approx(490 * 6, rel=0.05)
