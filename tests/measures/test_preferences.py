"""Win rates: scipy's correlation, and a table worked by hand. AlpacaEval's figures: `tests/evaluation`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from bezoar_data.measures.intervals import UNDEFINED
from bezoar_data.measures.preferences import Size, rank_correlation, size_of, win_rate


def test_by_hand() -> None:
    first = ["a b", "a b c", "a a a", "a"]
    second = ["a b c d", "a", "b c", "a"]
    found = win_rate([1.0, 0.0, 0.5, 0.5], first, second)
    assert (found.wins, found.ties, found.losses, found.items, found.groups) == (1, 2, 1, 4, 4)
    assert found.rate.value == 0.5
    assert found.error == pytest.approx((0.5 / 3) ** 0.5 / 2)
    assert found.characters == ((3 + 5 + 5 + 1) / 4, (7 + 1 + 3 + 1) / 4)
    assert found.unique == ((2 + 3 + 1 + 1) / 4, (4 + 1 + 2 + 1) / 4)
    # Scores by rank: 4, 1, 2.5, 2.5; the second is longer by 4, -4, -2, 0: ranks 4, 1, 2, 3.
    assert found.with_length.value == pytest.approx(spearmanr([4, 1, 2.5, 2.5], [4, 1, 2, 3]).statistic)
    assert size_of("A b a!") == Size(6, 2)


def test_the_correlation_is_that_of_scipy_and_its_interval_covers_groups() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 2)
    common = rng.normal(size=40)[groups]
    a, b = common + rng.normal(size=80), common + rng.normal(size=80)
    found = rank_correlation(a.round(1).tolist(), b.round(1).tolist(), groups.tolist())
    assert found.value == pytest.approx(spearmanr(a.round(1), b.round(1)).statistic, abs=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == UNDEFINED


def test_answers_without_texts_have_no_words() -> None:
    found = win_rate([1.0, 0.0], [Size(3), Size(4)], [Size(5), Size(1)])
    assert found.unique is None
    assert found.with_unique == UNDEFINED
    with pytest.raises(ValueError, match="1 preferences, 0 and 0"):
        win_rate([1.0], [], [])
