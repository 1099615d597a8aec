"""The limits divided among workers that come, go and are slow to let go: never more than the whole is used."""

from __future__ import annotations

import random

from bezoar_data.engine.cluster.division import Division
from bezoar_data.engine.cluster.sums import anew, left, summed
from bezoar_data.llms.endpoint.share import Part


def test_a_worker_that_comes_waits_until_the_others_have_come_down() -> None:
    division = Division()
    division.among([0])
    assert division.parts_of(0) == (Part(0, 1),)
    division.among([0, 1])
    assert division.parts_of(1) == ()
    division.came_down(0, (Part(0, 1),))
    assert division.parts_of(1) == (), "that was before it was told"
    division.came_down(0, division.parts_of(0))
    assert (division.parts_of(0), division.parts_of(1)) == ((Part(0, 2),), (Part(1, 2),))
    division.among([1])
    division.came_down(1, division.parts_of(1))
    assert division.parts_of(1) == (Part(0, 1),)


def test_whoever_comes_and_goes_all_together_never_use_more_than_the_whole() -> None:
    drawn = random.Random(1)
    for whole in (7, 64):
        division, using, workers = Division(), dict.fromkeys(range(7), 0), [0]
        division.among(workers)
        for _ in range(3000):
            if drawn.random() < 0.1:
                workers = drawn.sample(range(7), drawn.randint(1, 7))
                division.among(workers)
                using = {worker: used if worker in workers else 0 for worker, used in using.items()}
            worker = drawn.choice(workers)
            parts = division.parts_of(worker)
            allowed = min((part.count(whole) for part in parts), default=0)
            # Requests in flight come back when they will; new ones are sent as far as is allowed.
            using[worker] = max(allowed, drawn.randint(0, using[worker]))
            assert sum(using.values()) <= whole
            if using[worker] <= allowed:
                division.came_down(worker, parts)
        for worker in workers * 2:
            division.came_down(worker, division.parts_of(worker))
        assert sum(part.count(whole) for worker in workers for part in division.parts_of(worker)) == whole


def test_figures_of_workers_are_those_of_one_run() -> None:
    one = {"asks": 5, "hits": 2, "requests": 3, "in_flight": 1, "failures": {"429": 1}, "cost": 0.5,
           "steps": {"a": {"m": {"asks": 5, "hits": 2}}},
           "endpoints": [{"address": "x", "model": "m", "in_flight": 1, "away_for": 2.0}]}  # fmt: skip
    both = summed([one, one, left(one)])
    assert (both["requests"], both["in_flight"], both["failures"], both["cost"]) == (9, 2, {"429": 3}, 1.5)
    assert both["steps"] == {"a": {"m": {"asks": 15, "hits": 6}}}
    assert both["endpoints"] == [{"address": "x", "model": "m", "in_flight": 2, "away_for": 2.0}]
    assert anew(one)["steps"] == {"a": {"m": {"asks": 3, "hits": 0}}}
