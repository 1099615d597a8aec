"""Choosing a rating cut on labelled rows: the precision promised is kept, also by the luckiest of several cuts."""

import random

import pytest

from bezoar_data.measures.calibration import calibrate

TRUE = {1: 0.15, 2: 0.4, 3: 0.8, 4: 0.9, 5: 0.97}
"""How many of the rows with each rating are good, in a made-up world where ratings are equally frequent."""


def labelled(seed: int, n: int) -> tuple[list[float], list[bool]]:
    draw = random.Random(seed)
    ratings = [float(draw.randint(1, 5)) for _ in range(n)]
    return ratings, [draw.random() < TRUE[int(r)] for r in ratings]


def precision(cut: float) -> float:
    taken = [share for rating, share in TRUE.items() if rating >= cut]
    return sum(taken) / len(taken)


def test_reaches_the_wanted_precision_inside_its_interval() -> None:
    found = calibrate(*labelled(1, 2000), 0.85)
    assert found.chosen is not None
    assert found.chosen.rating == 3.0
    assert found.chosen.precision.low >= 0.85
    assert found.chosen.precision.low <= precision(3) <= found.chosen.precision.high
    assert found.rows == 2000
    assert found.needed is None


def test_takes_as_many_rows_as_the_wanted_precision_allows() -> None:
    taken = [calibrate(*labelled(2, 3000), wanted).chosen for wanted in (0.6, 0.73, 0.85, 0.9)]
    assert [c.rating for c in taken] == [1.0, 2.0, 3.0, 4.0]


def test_the_chosen_cut_keeps_its_promise_as_often_as_said_although_it_was_chosen() -> None:
    """The wanted precision is just above what the cut at 2 truly has (0.7675): to choose that one is an error."""
    wrong = naive = chosen = 0
    for seed in range(300):
        ratings, good = labelled(seed, 300)
        found = calibrate(ratings, good, 0.775)
        if found.chosen is not None:
            chosen += 1
            wrong += precision(found.chosen.rating) < 0.775
        lucky = next((c for c in found.cuts if c.precision.value >= 0.775), None)
        naive += lucky is not None and precision(lucky.rating) < 0.775
    assert wrong / 300 <= 0.05
    assert naive / 300 > 0.3, "choosing by the share alone breaks its promise often"
    assert chosen > 200, "and ours does not keep it by never choosing"


def test_all_intervals_hold_at_once() -> None:
    held = 0
    for seed in range(200):
        cuts = calibrate(*labelled(seed, 200), 0.9).cuts
        held += all(c.precision.low <= precision(c.rating) <= c.precision.high for c in cuts)
    assert held / 200 >= 0.95


def test_too_few_rows_choose_nothing_and_say_how_many_would() -> None:
    found = calibrate([5.0] * 12 + [1.0] * 8, [True] * 12 + [False] * 8, 0.9)
    assert found.chosen is None
    assert found.needed is not None
    assert 30 < found.needed < 60
    more = calibrate([5.0] * found.needed + [1.0] * 8, [True] * found.needed + [False] * 8, 0.9)
    assert more.chosen is not None
    assert more.chosen.rating == 5.0


def test_a_judge_that_knows_nothing_cannot_be_calibrated() -> None:
    draw = random.Random(3)
    ratings = [float(draw.randint(1, 5)) for _ in range(1000)]
    found = calibrate(ratings, [draw.random() < 0.5 for _ in ratings], 0.9)
    assert found.chosen is None
    assert found.needed is None


@pytest.mark.parametrize("rows", [([], []), ([3.0], [True])])
def test_next_to_no_rows_are_no_error(rows: tuple[list[float], list[bool]]) -> None:
    assert calibrate(*rows, 0.5).chosen is None


def test_writes_what_it_found_as_plain_values() -> None:
    value = calibrate(*labelled(1, 500), 0.8).as_json()
    assert value["chosen"]["rating"] == 3.0
    assert [c["taken"] for c in value["cuts"]] == sorted((c["taken"] for c in value["cuts"]), reverse=True)
