"""How verdicts are read: FastChat's rule with all that it does, and the strict one."""

from __future__ import annotations

import pytest

from bezoar_data.evaluation.mt_bench.reading import both_orders, rating, winner


@pytest.mark.parametrize(
    ("text", "published", "strict"),
    [
        ("Good. Rating: [[5]]", 5, 5),
        ("Rating: [[7.5]]", 7.5, 7.5),
        ("Rating: [[10]]", 10, 10),
        ("Rating: [8]", 8, None),
        ("Rating: [[8/10]]", None, None),
        ("Rating: [[ 7 ]]", None, 7),
        ("As in [1], it is good. Rating: 9", 1, None),
        ("As in [1], it is good. Rating: [[9]]", 9, 9),
        ("The first turn is [[3]], the second [[6]]", 3, 6),
        ("Not [[5]], but [[none]]", 5, None),
        ("Rating: [[05]]", None, 5),
        ("Rating: [[0]]", 0, None),
        ("Rating: [[11]]", 11, None),
        ("Rating: [[100]]", 100, None),
        ("Rating: [[7.]]", 7, None),
        ("Rating: [[-1]]", None, None),
        ("Rating: [[\u0667]]", None, None),  # seven in Arabic digits
        ("Rating: [[seven]]", None, None),
        ("Rating: 7", None, None),
        ("", None, None),
    ],
)
def test_ratings(text: str, published: float | None, strict: float | None) -> None:
    assert rating(text, "published") == published
    assert rating(text, "strict") == strict


@pytest.mark.parametrize(
    ("text", "published", "strict"),
    [
        ("[[A]]", "a", "a"),
        ("So [[B]]", "b", "b"),
        ("[[C]] it is", "tie", "tie"),
        ("Not [[B]]; [[A]]", "a", "a"),
        ("Not [[A]]; [[B]]", "a", "b"),
        ("[[ B ]]", None, "b"),
        ("[B]", None, None),
        ("[[a]]", None, None),
        ("[[A]] or [[both]]", "a", None),
        ("A is better", None, None),
    ],
)
def test_winners(text: str, published: str | None, strict: str | None) -> None:
    assert winner(text, "published") == published
    assert winner(text, "strict") == strict


@pytest.mark.parametrize(
    ("shown_first", "shown_second", "verdict"),
    [
        ("a", "b", "a"),
        ("b", "a", "b"),
        ("tie", "tie", "tie"),
        ("a", "a", "tie"),  # whatever stands first
        ("b", "b", "tie"),
        ("a", "tie", "tie"),
        ("tie", "a", "tie"),
        (None, "b", None),
        ("a", None, None),
    ],
)
def test_one_wins_only_in_both_orders(shown_first: str, shown_second: str, verdict: str | None) -> None:
    assert both_orders(shown_first, shown_second) == verdict
