"""Effects over items and seeds: against statsmodels' two-way layout, scipy's paired test, and simulated ties."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bezoar_data.measures.over_seeds import SEED_SPREAD, Effect, effect, smallest_effect

EXACT = {"rel": 1e-9, "abs": 1e-12}


def scores(seeds: int, items: int, seed: int, spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong, by hard and easy items, better and worse trainings, and chance."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 1, items)
    sides = [
        hard + rng.normal(0, 0.5, items) + rng.normal(0, spread, (seeds, 1)) + rng.normal(0, 1, (seeds, items)) > 0
        for _ in range(2)
    ]
    return sides[0].astype(float), sides[1].astype(float)


@pytest.mark.parametrize(("seeds", "items"), [(2, 30), (3, 40), (5, 25)])
def test_the_error_is_that_of_a_two_way_layout(seeds: int, items: int) -> None:
    first, second = scores(seeds, items, seed=seeds)
    found = effect(first, second)
    table = pd.DataFrame(
        [(s, i, second[s, i] - first[s, i]) for s in range(seeds) for i in range(items)], columns=["s", "i", "d"]
    )
    squares = anova_lm(ols("d ~ C(s) + C(i)", table).fit())
    squares = squares["sum_sq"] / squares["df"]
    of_seeds, of_items, rest = squares["C(s)"], squares["C(i)"], squares["Residual"]
    variance = (max(of_seeds, rest) + max(of_items - rest, 0)) / (seeds * items)
    assert found.error == pytest.approx(math.sqrt(variance), **EXACT)
    freedom = min((seeds - 1) * (variance * seeds * items / of_seeds) ** 2, items - 1)
    assert found.freedom == pytest.approx(freedom, **EXACT)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.value) / found.error, freedom), **EXACT)
    half = found.error * stats.t.ppf(0.975, freedom)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), **EXACT)


def test_one_training_of_each_is_the_paired_test_over_items() -> None:
    first, second = scores(1, 50, seed=1)
    found = effect(first, second)
    theirs = stats.ttest_rel(second[0], first[0])
    assert (found.p, found.by_seeds) == (pytest.approx(theirs.pvalue, **EXACT), None)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()), **EXACT)


def test_items_of_a_group_are_one_draw() -> None:
    """Every item four times, in groups, says what it says once; and without groups it would say more."""
    first, second = scores(3, 20, seed=4)
    once = effect(first, second)
    again = [np.repeat(side, 4, axis=1) for side in (first, second)]
    grouped = effect(*again, groups=[i // 4 for i in range(80)])
    assert (grouped.items, grouped.groups) == (80, 20)
    same = ("value", "error", "by_seeds", "freedom", "p", "low", "high")
    assert [getattr(grouped, name) for name in same] == pytest.approx([getattr(once, name) for name in same], **EXACT)
    assert alone(effect(*again)) < alone(grouped)


def alone(found: Effect) -> float:
    assert found.error is not None
    return found.error


def test_equal_models_are_tied_and_a_difference_without_spread_is_certain() -> None:
    first, _ = scores(3, 20, seed=5)
    same = effect(first, first)
    assert (same.value, same.p, same.low, same.high) == (0, 1, 0, 0)
    assert effect(np.zeros((3, 20)), np.ones((3, 20))).p == 0
    with pytest.raises(ValueError, match="not pairs"):
        effect([[0.0]], [[0.0, 1.0]])


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_ties_raise_few_alarms_also_where_trainings_differ(spread: float) -> None:
    """1,000 ties with three seeds; `benchmarks/ablate` has more. Over items alone they would be many."""
    pairs = [scores(3, 60, seed, spread) for seed in range(1000)]
    assert sum(effect(*pair).p <= 0.05 for pair in pairs) <= 70
    if spread:
        over_items = [effect([a.mean(axis=0)], [b.mean(axis=0)]).p for a, b in pairs]
        assert sum(p <= 0.05 for p in over_items) > 100


def test_the_announced_difference_is_found_four_times_in_five() -> None:
    items, seeds, rng = 100, 5, np.random.default_rng(6)
    gain = smallest_effect(items, seeds)
    assert gain is not None

    def found() -> bool:
        again, chance = (rng.normal(0, math.sqrt(0.125), size) for size in (items, (seeds, items)))
        apart = gain + again + rng.normal(0, SEED_SPREAD, (seeds, 1)) + chance
        return effect(np.zeros((seeds, items)), apart).p <= 0.05

    assert 0.74 <= np.mean([found() for _ in range(600)]) <= 0.86


def test_more_seeds_items_and_fewer_comparisons_show_less() -> None:
    base = smallest_effect(100, 3)
    assert base is not None
    for other in (smallest_effect(100, 5), smallest_effect(200, 3)):
        assert other is not None
        assert other < base
    corrected = smallest_effect(100, 3, comparisons=5)
    assert corrected is not None
    assert corrected > base
    assert smallest_effect(1, 3) is None
