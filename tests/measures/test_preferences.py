"""Win rates: AlpacaEval's published figures, scipy's correlation, and a table worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_figures_are_those_that_alpaca_eval_publishes(real_data: Path) -> None:
    rows = [json.loads(line) for line in (real_data / "alpaca_eval" / "annotations.jsonl").read_text().splitlines()]
    published = json.loads((real_data / "alpaca_eval" / "published.json").read_text())
    assert len(published) == 6
    for one in published:
        mine = [row for row in rows if row["model"] == one["model"]]
        found = win_rate(
            [row["preference"] - 1 for row in mine],
            [Size(row["chars_baseline"]) for row in mine],
            [Size(row["chars_model"]) for row in mine],
        )
        assert found.items == one["n"]
        assert found.error is not None
        assert 100 * found.rate.value == pytest.approx(float(one["win_rate"]), abs=0.01)
        assert 100 * found.error == pytest.approx(float(one["standard_error"]), abs=0.01)
        assert int(found.characters[1]) == int(one["avg_length"])
