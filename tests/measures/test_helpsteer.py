"""Each rule of HelpSteer2's protocol on answers worked by hand."""

from __future__ import annotations

from random import Random

import pytest
from sklearn.metrics import cohen_kappa_score

from bezoar_data.measures.helpsteer import (
    PREFERENCES,
    closest,
    hand_out,
    kappa_between,
    label,
    settle,
    settle_preference,
    still_to_ask,
)
from bezoar_data.measures.helpsteer_scales import LEVELS


def rated(helpfulness: int, correctness: int = 4, coherence: int = 4, complexity: int = 2, verbosity: int = 2):
    return {
        "helpfulness": helpfulness, "correctness": correctness, "coherence": coherence, "complexity": complexity,
        "verbosity": verbosity,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("helpfulness", "more"),
    [
        ([], 3),
        ([4], 2),
        ([4, 0], 1),  # three come first, however far two are apart
        ([4, 3, 4], 0),
        ([4, 2, 3], 0),  # a spread of 2 is none of more than 2
        ([4, 1, 4], 2),
        ([0, 4, 2], 2),
        ([4, 1, 4, 4], 1),  # a fourth does not bring them together
        ([4, 1, 4, 4, 0], 0),  # five are all that are asked
        ([4, 4, 4, 4, 4, 0], 0),
    ],
)
def test_a_fourth_and_fifth_are_asked_where_helpfulness_spreads_by_more_than_2(helpfulness: list[int], more: int):
    assert still_to_ask(helpfulness) == more


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([[4], [1], [4]], (0, 1, 2)),
        ([[4], [0], [3], [4], [1]], (0, 2, 3)),  # 4 3 4 spread by 1; any with 0 or 1 by more
        ([[0], [4], [1], [0], [4]], (0, 2, 3)),
        ([[0], [1], [2], [3], [4]], (0, 1, 2)),  # three threes spread by 2: the earliest
        ([[4], [0], [0], [4]], (0, 1, 2)),  # each three spreads by 4
        ([[2, 0], [2, 4], [2, 4], [2, 3]], (1, 2, 3)),  # equal in the first: the other scale decides
        ([[2, 0], [2, 0], [3, 0], [2, 4]], (0, 1, 3)),  # the first scale goes before all others
        ([[4], [0], [0], [4], [0], [4]], (1, 2, 4)),  # a sixth does not count
        ([[3], [4]], (0, 1)),
    ],
)
def test_the_three_that_agree_most_are_kept(given: list[list[int]], kept: tuple[int, ...]):
    assert closest(given) == kept


@pytest.mark.parametrize(
    ("levels", "mean"), [([4, 4, 3], 4), ([4, 3, 3], 3), ([0, 1, 0], 0), ([-3, -2, -2], -2), ([-1, 0, 0], 0)]
)
def test_a_label_is_the_mean_as_a_whole_number(levels: list[int], mean: int):
    assert label(levels) == mean


def test_ratings_of_a_response_settle():
    # Helpfulness 4 0 3 4 1: the first, third and fourth person agree. Correctness of these: 4 2 4, so 3.33.
    given = [rated(4), rated(0, 0), rated(3, 2, verbosity=3), rated(4, verbosity=3), rated(1)]
    found = settle(given)
    assert found is not None
    assert (found.kept, found.spread, found.agreed) == ((0, 2, 3), 1, True)
    assert found.labels == rated(4, 3, verbosity=3)
    assert settle(given[:2]) is None
    # Of the first three alone, with 4 0 3, nobody is left out, and they are too far apart.
    early = settle(given[:3])
    assert early is not None
    assert (early.kept, early.spread, early.agreed) == ((0, 1, 2), 4, False)
    two_apart = settle([rated(4), rated(2), rated(3)])
    assert two_apart is not None
    assert two_apart.agreed


@pytest.mark.parametrize(
    ("given", "kept", "strength"),
    [
        ([-3, -2, -3], (0, 1, 2), -3),
        ([2, -3, 1, 3], (0, 2, 3), 2),
        ([-3, 3, 0], (0, 1, 2), None),  # too far apart
        ([-3, 3, 0, 1, 1], (2, 3, 4), 1),
        ([2, 2], (0, 1), None),
        ([], (), None),
    ],
)
def test_preferences_of_the_three_closest(given: list[int], kept: tuple[int, ...], strength: int | None):
    assert settle_preference(given) == (kept, strength)


def test_quadratic_kappa_of_pairs_without_order_is_the_one_worked_by_hand():
    # Two responses, 0 with 1 and 1 with 1. Both ways round: (0,1) (1,0) (1,1) (1,1). Disagreement seen: 2 of 4; by
    # chance, with each level's share 1/4 and 3/4: 2 * 3/16 = 3/8. Kappa: 1 - (1/2) / (3/8) = -1/3.
    pairs, found = kappa_between([[0, 1], [1, 1]], ["a", "b"], LEVELS)
    assert pairs == 2
    assert found.value == pytest.approx(-1 / 3)
    # Levels 0 and 2, twice equal and once apart by 2: seen 4 * 2/6, by chance 4 * 2 * 1/2 * 1/2; 1 - (4/3) / 2 = 1/3.
    pairs, found = kappa_between([[0, 0], [2, 2], [0, 2]], "abc", LEVELS)
    assert (pairs, found.value) == (3, pytest.approx(1 / 3))
    assert kappa_between([[3]], ["a"], LEVELS)[1].value is None


@pytest.mark.parametrize("scale", [LEVELS, PREFERENCES])
def test_quadratic_kappa_is_that_of_scikit_learn(scale: range):
    draw = Random(19)
    given = [[min(scale[-1], draw.choice(scale[:-1]) + draw.choice((0, 1))) for _ in range(3)] for _ in range(40)]
    pairs, found = kappa_between(given, range(40), scale)
    both = [(a, b) for one in given for i, a in enumerate(one) for j, b in enumerate(one) if i != j]
    wanted = cohen_kappa_score([a for a, _ in both], [b for _, b in both], weights="quadratic", labels=list(scale))
    assert (pairs, found.value) == (120, pytest.approx(wanted))
    assert found.low is not None
    assert found.high is not None
    assert found.low < wanted < found.high


def test_each_row_goes_to_as_many_as_it_wants_who_have_not_seen_it():
    wanting = {"far": 2, "seen": 2, "done": 0}
    seen = {"far": ["anna", "ben", "carla"], "seen": ["anna", "ben", "dora"]}
    assert hand_out(wanting, seen, ["dora", "emil", "frank"]) == {
        "dora": ["far"], "emil": ["far", "seen"], "frank": ["seen"],
    }  # fmt: skip
    assert hand_out(wanting, seen, ["anna"]) == {"anna": []}
