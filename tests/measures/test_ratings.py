"""Errors of ratings against scikit-learn's and numpy's own, and pairs ranked by hand."""

from __future__ import annotations

import random

import pytest

from bezoar_data.measures.ratings import attribute_errors, ranked_pairs, ranking


def test_figures_of_an_attribute_are_those_of_the_libraries():
    import numpy as np
    from sklearn.metrics import cohen_kappa_score, mean_absolute_error, mean_squared_error

    drawn = random.Random(3)
    rated = [drawn.choice([0, 1, 2, 3, 4, None]) for _ in range(200)]
    scores = [(2 if r is None else r) + drawn.gauss(0, 1.2) for r in rated]
    found = attribute_errors(scores, rated, (0, 4))
    there = [(s, r) for s, r in zip(scores, rated, strict=True) if r is not None]
    said, labels = (list(side) for side in zip(*there, strict=True))
    whole = [int(min(4, max(0, round(s)))) for s in said]
    assert found["rows"] == len(there) < 200
    assert found["mse"] == pytest.approx(mean_squared_error(labels, said), abs=1e-4)
    assert found["mae"] == pytest.approx(mean_absolute_error(labels, said), abs=1e-4)
    assert found["pearson"] == pytest.approx(np.corrcoef(said, labels)[0, 1], abs=1e-4)
    wanted = cohen_kappa_score(whole, labels, weights="quadratic", labels=range(5))
    assert found["kappa"] == pytest.approx(wanted, abs=1e-4)


def test_what_is_not_defined_is_none():
    assert attribute_errors([1.0], [None], (0, 4)) == {
        "rows": 0, "mse": None, "mae": None, "pearson": None, "kappa": None
    }  # fmt: skip
    alike = attribute_errors([3.9, 4.1], [4, 4], (0, 4))
    assert (alike["pearson"], alike["kappa"]) == (None, None)
    assert alike["mse"] == 0.01


def test_pairs_are_answers_to_one_prompt_that_are_rated_differently():
    scores, rated = [3.0, 1.0, 2.0, 5.0, 5.0], [4.0, 2.0, 4.0, 1.0, 0.0]
    hits, groups, ties = ranked_pairs(scores, rated, ["a", "a", "a", "b", "b"])
    assert hits == [True, True, False]  # equal scores rank nothing
    assert groups == ["a", "a", "b"]
    assert ties == 1
    said = ranking(hits, groups, ties)
    assert (said["pairs"], said["ties"], said["accuracy"]["value"]) == (3, 1, 0.6667)
