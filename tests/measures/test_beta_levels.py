"""A score as a distribution over levels: against scipy's own Beta distribution, and what it must keep."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from bezoar_data.measures.beta_levels import level_probabilities, log_probability_of


@pytest.mark.parametrize("score", [0.4, 1.0, 2.0, 2.6, 3.2, 3.7])
def test_levels_take_what_lies_nearest_and_keep_the_score(score: float):
    from scipy.stats import beta

    found = level_probabilities(score, (0, 4))
    edges = [0, 0.125, 0.375, 0.625, 0.875, 1]
    mass = beta(24 * score / 4, 24 * (1 - score / 4)).cdf(edges)
    assert found == pytest.approx([high - low for low, high in pairwise(mass)], abs=1e-9)
    assert sum(found) == pytest.approx(1)
    # Near the ends of the scale the outermost levels, which are half as wide, draw the mass to them.
    near = 0.05 if 1 <= score <= 3 else 0.2
    assert sum(level * p for level, p in enumerate(found)) == pytest.approx(score, abs=near)


def test_the_case_of_the_facts():
    assert level_probabilities(3.2, (0, 4))[3] == pytest.approx(0.79, abs=0.15)
    assert max(range(5), key=level_probabilities(3.2, (0, 4)).__getitem__) == 3


def test_scores_off_the_scale_are_its_ends_and_attributes_are_multiplied():
    assert level_probabilities(9.0, (0, 4))[4] == pytest.approx(1, abs=1e-3)
    assert level_probabilities(-3.0, (1, 5))[0] == pytest.approx(1, abs=1e-3)
    one, other = (level_probabilities(score, (0, 4)) for score in (3.5, 1.2))
    assert log_probability_of([4, 1], [3.5, 1.2], (0, 4)) == pytest.approx(math.log(one[4] * other[1]))
    assert math.isfinite(log_probability_of([0], [4.0], (0, 4)))
