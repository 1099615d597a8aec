"""Agreement: against scikit-learn, against a table worked by hand, and with intervals that cover."""

import random

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from bezoar_data.measures.agreement import agreement, kappa, scale_of
from bezoar_data.measures.intervals import (
    RESAMPLES,
    SEED,
    bootstrap,
    exact_share,
    grouped_share,
    resample,
    share,
    unit_kinds,
)

HAND = ((20, 5), (10, 15))
"""Two raters, 50 rows: equal on 35 = 70 %; by chance 0.5 * 0.6 + 0.5 * 0.4 = 50 %; kappa (0.7 - 0.5) / (1 - 0.5)."""

RATED = ((4, 1, 0), (2, 3, 2), (0, 1, 5))
"""Ratings 1 to 3, 18 rows. Squared distances: 1 * (1 + 2 + 2 + 1) + 4 * 0 = 6 observed; by chance, of the margins
(5, 7, 6) and (6, 5, 7): (5*5 + 7*6 + 7*7 + 6*5 + 4*(5*7 + 6*6)) / 18 = 430 / 18; weighted kappa 1 - 6 * 18 / 430."""


def rows_of(table: tuple[tuple[int, ...], ...], labels: tuple[str, ...]) -> tuple[list[str], list[str]]:
    pairs = [(labels[i], labels[j]) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def noisy(seed: int, n: int, scale: int = 5, right: float = 0.6) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    first = [str(draw.randint(1, scale)) for _ in range(n)]
    second = [a if draw.random() < right else str(draw.randint(1, scale)) for a in first]
    return first, second


def test_a_table_worked_by_hand() -> None:
    found = agreement(*rows_of(HAND, ("Accept", "Reject")))
    assert found.table == HAND
    assert found.share.value == pytest.approx(0.7)
    assert found.kappa.value == pytest.approx(0.4)
    assert found.weighted_kappa is None
    assert found.difference is None


def test_a_weighted_table_worked_by_hand() -> None:
    found = agreement(*rows_of(RATED, ("1", "2", "3")))
    assert found.weighted_kappa is not None
    assert found.difference is not None
    assert found.weighted_kappa.value == pytest.approx(1 - 6 * 18 / 430)
    assert found.difference.value == pytest.approx((-1 + 2 - 2 + 1) / 18)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scale", [2, 3, 5, 10])
def test_kappa_equals_scikit_learns(seed: int, scale: int) -> None:
    first, second = noisy(seed, 80, scale)
    found = agreement(first, second, resamples=10)
    labels = list(found.labels)
    assert np.array_equal(np.array(found.table), confusion_matrix(first, second, labels=labels))
    assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second, labels=labels))
    assert found.weighted_kappa is not None
    quadratic = cohen_kappa_score(first, second, labels=labels, weights="quadratic")
    assert found.weighted_kappa.value == pytest.approx(quadratic)


def test_the_interval_is_that_of_scikit_learns_values_on_the_same_resamples() -> None:
    first, second = noisy(3, 60, 3)
    found = agreement(first, second, resamples=200)
    scale = found.labels
    codes = [scale.index(a) * 3 + scale.index(b) for a, b in zip(first, second, strict=True)]
    drawn = resample(*unit_kinds(codes, 9), 200, SEED)
    for weights, ours in ((None, found.kappa), ("quadratic", found.weighted_kappa)):
        values = []
        for counts in drawn:
            a, b = rows_of(tuple(map(tuple, counts.reshape(3, 3).tolist())), scale)
            values.append(cohen_kappa_score(a, b, labels=list(scale), weights=weights))
        assert (ours.low, ours.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))


def test_the_interval_is_that_of_drawing_rows_one_by_one() -> None:
    first, second = noisy(5, 120, 3)
    found = agreement(first, second)
    draw = np.random.default_rng(1)
    a, b = np.array(first), np.array(second)
    values = []
    for _ in range(500):
        chosen = draw.integers(0, len(a), len(a))
        values.append(cohen_kappa_score(a[chosen], b[chosen], labels=["1", "2", "3"]))
    assert (found.kappa.low, found.kappa.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=0.03)


def test_the_interval_holds_as_often_as_it_says() -> None:
    # Two raters that agree by themselves on half of the rows and by chance of three labels otherwise: kappa 0.5.
    held = 0
    for seed in range(200):
        found = agreement(*noisy(seed, 150, 3, right=0.5), resamples=300)
        held += found.kappa.low <= 0.5 <= found.kappa.high
    assert 0.89 <= held / 200 <= 0.99


def test_rows_of_one_seed_are_drawn_together() -> None:
    first, second = noisy(7, 60, 3)
    groups = [i for i in range(60) for _ in range(4)]
    four = [v for v in first for _ in range(4)], [v for v in second for _ in range(4)]
    alone, together, naive = agreement(first, second), agreement(*four, groups=groups), agreement(*four)
    width = {name: e.kappa.high - e.kappa.low for name, e in
             (("alone", alone), ("together", together), ("naive", naive))}  # fmt: skip
    assert together.kappa.value == pytest.approx(alone.kappa.value)
    assert width["together"] == pytest.approx(width["alone"], rel=0.1), "four copies of a row tell no more than one"
    assert width["naive"] < 0.65 * width["alone"]


def test_the_same_labels_give_the_same_interval() -> None:
    assert agreement(*noisy(1, 90)) == agreement(*noisy(1, 90))


def test_a_level_nobody_gave_is_still_a_step() -> None:
    assert scale_of(["1", "5", "2"]) == ("1", "2", "3", "4", "5")
    assert scale_of(["10", "9"]) == ("9", "10")
    assert scale_of(["3.67", "2"]) == ("2", "3.67")
    assert scale_of(["Reject", "Accept"]) == ("Accept", "Reject")
    assert scale_of(["0", "1000000"]) == ("0", "1000000")
    first, second = ["1", "1", "5", "5"], ["1", "5", "5", "1"]
    found = agreement(first, second, resamples=10)
    full = cohen_kappa_score(first, second, labels=list("12345"), weights="quadratic")
    assert found.weighted_kappa.value == pytest.approx(full)


@pytest.mark.parametrize("labels", [([], []), (["Accept"] * 5, ["Accept"] * 5)])
def test_what_is_not_defined_is_none_and_not_a_number(labels: tuple[list[str], list[str]]) -> None:
    found = agreement(*labels)
    assert found.kappa.value is None
    assert found.kappa.low is None
    assert found.as_json()["kappa"] == {"value": None, "low": None, "high": None}


def test_resamples_without_variation_are_left_out() -> None:
    found = agreement(["a", "a", "a", "b"], ["a", "a", "a", "b"])
    assert found.kappa.value == 1.0
    assert found.kappa.low == 1.0
    assert found.share.low < 0.6, "four rows prove little, as the share's interval says"
    assert np.isnan(kappa(np.array([4, 0, 0, 0]), 2))


NEWCOMBE = {
    (81, 263): ((0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148): ((0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20): ((0, 0.1611), (0, 0.1684)),
    (1, 29): ((0.0061, 0.1718), (0.0009, 0.1776)),
}
"""Shares with the score and the exact interval, from table I of Newcombe 1998."""


@pytest.mark.parametrize("counted", NEWCOMBE)
def test_intervals_of_shares_are_the_textbooks(counted: tuple[int, int]) -> None:
    score, exact = share(*counted), exact_share(*counted)
    assert (score.low, score.high) == pytest.approx(NEWCOMBE[counted][0], abs=5e-5)
    assert (exact.low, exact.high) == pytest.approx(NEWCOMBE[counted][1], abs=5e-5)
    assert share(0, 0).value is exact_share(0, 0).value is None


@pytest.mark.parametrize("level", [0.9, 0.95, 0.995])
def test_intervals_of_shares_are_scipys(level: float) -> None:
    for hits, n in ((0, 7), (7, 7), (3, 7), (180, 200)):
        for method, ours in (("wilson", share), ("exact", exact_share)):
            theirs = binomtest(hits, n).proportion_ci(level, method=method)
            found = ours(hits, n, level=level)
            assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_a_share_of_all_rows_keeps_an_interval_by_the_number_of_groups() -> None:
    all_hit = grouped_share([True] * 40, [i // 10 for i in range(40)])
    assert (all_hit.low, all_hit.high) == (share(4, 4).low, share(4, 4).high)
    some = grouped_share([i % 3 > 0 for i in range(40)], [i // 10 for i in range(40)])
    assert 0 < some.low < some.value < some.high < 1
    assert grouped_share([True, False], ["a", "b"]) == share(1, 2)


def test_a_bootstrap_of_nothing_is_undefined() -> None:
    assert bootstrap([], 3, lambda c: c[..., 0]).value is None
    assert RESAMPLES >= 1000
