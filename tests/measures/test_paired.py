"""Paired differences: against scipy and statsmodels, against simulation, and the smallest difference that shows."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ttest_rel
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from bezoar_data.measures.paired import (
    difference,
    holm,
    mcnemar,
    mcnemar_power,
    smallest_difference,
    smallest_mean_difference,
)

counts = st.integers(0, 400)


@given(counts, counts)
def test_mcnemar_is_that_of_statsmodels_and_its_mid_p_is_the_formula(b: int, c: int) -> None:
    if b + c:
        assert mcnemar(b, c, exact=True) == pytest.approx(statsmodels_mcnemar([[0, b], [c, 0]]).pvalue, abs=1e-9)
        mid = 2 * binom.cdf(min(b, c), b + c, 0.5) - binom.pmf(min(b, c), b + c, 0.5)
        assert mcnemar(b, c) == pytest.approx(min(mid, 1.0), abs=1e-9)
    else:
        assert mcnemar(b, c) == mcnemar(b, c, exact=True) == 1.0


@settings(max_examples=10)  # statsmodels takes a fifth of a second for each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_that_of_statsmodels(ps: list[float]) -> None:
    named = {str(i): p for i, p in enumerate(ps)}
    assert list(holm(named).values()) == pytest.approx(list(multipletests(ps, method="holm")[1]), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_tested_as_scipy_and_statsmodels_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=300)
    second = first + rng.normal(0.1, 0.5, size=300)
    plain, theirs = difference(first, second), ttest_rel(second, first)
    assert plain.p == pytest.approx(theirs.pvalue, abs=1e-9)
    assert plain.error == pytest.approx(np.std(second - first, ddof=1) / 300**0.5, abs=1e-9)
    groups = rng.integers(0, 40, 300)
    clustered = difference(first, second, list(groups))
    model = sm.OLS(second - first, np.ones(300))
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert clustered.groups == 40
    assert clustered.error == pytest.approx(fitted.bse[0], abs=1e-9)
    assert clustered.p == pytest.approx(fitted.pvalues[0], abs=1e-9)
    assert clustered.low < clustered.value < clustered.high


def test_right_or_wrong_by_hand() -> None:
    """Ten items: both right on four, none on two, the first alone on one, the second alone on three."""
    first = [1, 1, 1, 1, 0, 0, 1, 0, 0, 0]
    second = [1, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    found = difference(first, second)
    assert (found.only_first, found.only_second, found.value) == (1, 3, pytest.approx(0.2))
    assert found.p == pytest.approx(2 * (1 + 4) / 16 - 4 / 16)
    assert found.discordant == pytest.approx(0.4)
    # In two clusters the items are no longer single draws, and McNemar's test is not theirs.
    assert difference(first, second, [0] * 5 + [1] * 5).p != pytest.approx(found.p)


def test_the_same_answers_differ_in_nothing() -> None:
    found = difference([0, 1, 1], [0, 1, 1])
    assert (found.value, found.p, found.low, found.high) == (0.0, 1.0, 0.0, 0.0)
    one = difference([0.25], [0.75])
    assert (one.error, one.p) == (None, 1.0)
    with pytest.raises(ValueError, match="not pairs"):
        difference([], [])
    with pytest.raises(ValueError, match="not pairs"):
        difference([1], [1, 2])


def draws(items: int, gain: float, discordant: float, times: int, seed: int) -> np.ndarray:
    """How many items of each simulated pair of systems the first, and the second, alone has right."""
    shares = [(discordant - gain) / 2, (discordant + gain) / 2, 1 - discordant]
    return np.random.default_rng(seed).multinomial(items, shares, size=times)[:, :2]


@pytest.mark.parametrize("discordant", [0.2, 0.4])
def test_ties_alarm_as_often_as_announced(discordant: float) -> None:
    alarms = [mcnemar(b, c) <= 0.05 for b, c in draws(250, 0, discordant, 2000, 5)]
    assert abs(np.mean(alarms) - 0.05) < 0.016  # three standard errors of 2,000 draws


@pytest.mark.parametrize(("items", "discordant"), [(120, 0.3), (600, 0.2)])
def test_the_smallest_difference_is_found_four_times_in_five(items: int, discordant: float) -> None:
    gain = smallest_difference(items, discordant)
    assert gain is not None
    found = [mcnemar(b, c) <= 0.05 for b, c in draws(items, gain, discordant, 2000, 6)]
    assert abs(np.mean(found) - 0.8) < 0.03
    assert mcnemar_power(items, gain, discordant) == pytest.approx(0.8, abs=0.01)


def test_few_items_show_nothing() -> None:
    assert smallest_difference(20, 0.25) is None
    assert smallest_difference(0) is None
    assert smallest_mean_difference(0.01) == pytest.approx(0.01 * (1.959964 + 0.841621), abs=1e-6)
