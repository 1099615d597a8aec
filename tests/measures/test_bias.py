"""Biases of a judge: found where they were put in, and not where they were not."""

import random

import pytest

from bezoar_data.measures.bias import length_effect, repeated, swapped


def compared(seed: int, n: int, position: float) -> tuple[list[str], list[str]]:
    """A judge that sees the better answer most of the time, and with probability `position` takes the first."""
    draw = random.Random(seed)
    ab, ba = [], []
    for _ in range(n):
        better = draw.choice("ab")
        worse = "b" if better == "a" else "a"

        def say(first: str, better: str = better, worse: str = worse) -> str:
            if draw.random() < position:
                return first
            return better if draw.random() < 0.85 else draw.choice((worse, "tie"))

        ab.append(say("a"))
        ba.append(say("b"))
    return ab, ba


def test_a_judge_that_favours_the_first_place_is_exposed() -> None:
    found = swapped(*compared(1, 400, position=0.3))
    assert found.towards_first.low > 0.6
    assert found.as_json()["biased"]
    assert found.consistent.high < 0.8


def test_a_judge_that_favours_the_second_place_is_exposed() -> None:
    ab, ba = compared(2, 400, position=0.3)
    found = swapped(ba, ab)
    assert found.towards_first.high < 0.4
    assert found.as_json()["biased"]


def test_a_noisy_judge_without_a_favourite_place_is_not_blamed() -> None:
    blamed = sum(swapped(*compared(seed, 200, position=0.0)).as_json()["biased"] for seed in range(40))
    assert blamed <= 4


def test_swapped_counts_each_kind_of_row() -> None:
    ab = ["a", "b", "tie", "a", "b", "a", "tie"]
    ba = ["a", "b", "tie", "b", "a", "tie", "b"]
    found = swapped(ab, ba)
    assert found.consistent.value == pytest.approx(3 / 7)
    assert (found.first, found.second) == (3, 1), "a first, tie after; tie first, b after: both lean to the first place"
    assert sum(n for _, n in found.table) == 7


def rated(seed: int, n: int, per_word: float) -> tuple[list[float], list[int]]:
    """Errors of a judge against people: noise, and `per_word` more for each word beyond the hundredth."""
    draw = random.Random(seed)
    lengths = [draw.randint(10, 190) for _ in range(n)]
    return [float(round(draw.gauss(0, 0.7) + per_word * (length - 100))) for length in lengths], lengths


def test_a_judge_that_favours_long_answers_is_exposed() -> None:
    found = length_effect(*rated(1, 400, per_word=0.01))
    assert found is not None
    assert found.effect.low > 0.5
    assert found.short < 0 < found.long
    assert found.as_json()["biased"]


def test_a_noisy_judge_is_not_blamed_for_length() -> None:
    blamed = sum(length_effect(*rated(seed, 200, per_word=0.0)).as_json()["biased"] for seed in range(40))
    assert blamed <= 5


@pytest.mark.parametrize("lengths", [[], [5, 5], [5] * 30])
def test_without_different_lengths_there_is_no_effect(lengths: list[int]) -> None:
    assert length_effect([0.0] * len(lengths), lengths) is None


def test_a_judges_agreement_with_itself() -> None:
    found = repeated([["A", "A", "A"], ["A", "A", "R"], ["R", "A", "A"], ["R"], []])
    assert found.rows == 3
    assert found.agreement.value == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
    assert found.unanimous.value == pytest.approx(1 / 3)
    assert repeated([["A"]]).rows == 0
