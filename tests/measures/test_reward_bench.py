"""RewardBench 2's rule: against a transcription of its script on drawn scores, and cases by hand."""

from __future__ import annotations

import random

import pytest

from bezoar_data.measures.reward_bench import Scored, best_of, reward_bench, ties_score


def by_the_script(items: list[Scored]) -> float:
    """The arithmetic of RewardBench's `process_single_model` (rewardbench/utils.py), on arrays as there."""
    import numpy as np

    stats: dict[str, dict[int, tuple[bool, float | None, float]]] = {"ref": {}, "tied": {}}
    for item in items:
        form, number = item.id.split(":")
        right, wrong = np.array(item.scores[: item.correct]), np.array(item.scores[item.correct :])
        apart = right.max() - right.min() if len(right) > 1 else None
        stats[form][int(number)] = (right.min() - wrong.max() > 0, apart, right.min() - wrong.max())
    both = sorted(set(stats["ref"]) & set(stats["tied"]))
    apart = np.array([stats["tied"][n][1] for n in both], dtype=float)
    tied, ref = (np.array([stats[form][n][2] for n in both]) for form in ("tied", "ref"))
    accuracy = [np.mean([one[0] for one in stats[form].values()]) for form in ("tied", "ref")]
    with np.errstate(divide="ignore", invalid="ignore"):
        bonus = np.nan_to_num(np.tanh(np.minimum(ref, tied) / apart - 1), nan=0.0)
    margins = 0.2 * np.mean(tied > apart) + 0.2 * np.mean(np.minimum(ref, tied) > apart)
    return float(0.3 * accuracy[0] + 0.3 * accuracy[1] + margins + 0.01 * np.mean(bonus))


@pytest.mark.parametrize("seed", range(20))
def test_ties_come_to_what_the_script_gives(seed: int):
    drawn = random.Random(seed)
    items = []
    for n in range(drawn.randint(2, 12)):
        right = drawn.randint(2, 6)
        # Few levels, so that right answers are often equal among themselves or to a wrong one.
        scores = [drawn.choice([1, 1, 2]) + 0.0 for _ in range(right)] + [drawn.choice([0, 0, 1]) for _ in range(4)]
        items += [Scored(f"tied:{n}", "Ties", scores, right)]
        items += [Scored(f"ref:{n}", "Ties", [drawn.choice([1, 2])] + [drawn.random() for _ in range(3)])]
    items.append(Scored("ref:99", "Ties", [1.0, 0.0]))  # without its twin
    assert ties_score(items) == pytest.approx(by_the_script(items), abs=1e-12)


def test_the_best_of_four_is_shared_among_equals():
    assert best_of(Scored("1", "Math", [3, 1, 2, 0])) == 1
    assert best_of(Scored("2", "Math", [3, 3, 2, 3])) == pytest.approx(1 / 3)
    assert best_of(Scored("3", "Math", [2, 3, 1, 1])) == 0


def test_each_subset_has_its_score():
    items = [Scored("1", "Math", [3, 1, 2, 0]), Scored("2", "Math", [0, 1, 2, 0]), Scored("3", "Safety", [1, 0, 0, 0])]
    assert reward_bench(items) == {"Math": 0.5, "Safety": 1.0}
    assert "Ties" not in reward_bench([*items, Scored("ref:1", "Ties", [1.0, 0.0])])
