"""What people's ratings by HelpSteer2's protocol come to for rows and lock, on answers worked by hand."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from bezoar_data.runs.rated import helpfulness_of, protocol_review, rated_columns, rated_rows
from bezoar_data.runs.reviewed import RATED_COLUMNS, by_row
from support.ratings import levels, rating

PEOPLE = ("anna", "ben", "carla", "dora", "emil", "frank")
ONE, TWO, OTHER = ({"id": name, "content_hash": f"hash of {name}"} for name in ("one", "two", "other"))
Answers = list[dict[str, Any]]


def rated(row: dict[str, str], *helpfulness: int, prompt: str = "p", **more: Any) -> Answers:
    return [
        rating(row, person, levels(level), prompt, **more) for person, level in zip(PEOPLE, helpfulness, strict=False)
    ]


def columns(*answers: Answers) -> dict[str, tuple[Any, Any]]:
    """By row, why it was dropped and the label of its helpfulness."""
    found = rated_rows(by_row(list(chain(*answers))))
    said = {row: one.columns for (row, _), one in found.items()}
    return {row: (one["review_dropped"], one["review_helpfulness"]) for row, one in said.items()}


def test_three_who_agree_give_a_label_and_two_give_none():
    assert columns(rated(ONE, 4, 3, 4)) == {"one": (None, 4)}
    assert columns(rated(ONE, 4, 3)) == {"one": (None, None)}
    assert columns(rated(ONE, 4, 2, 3)) == {"one": (None, 3)}, "a spread of 2 is not too far"


def test_three_too_far_apart_drop_the_row_until_two_more_agree_with_one_of_them():
    assert columns(rated(ONE, 4, 1, 4)) == {"one": ("spread", None)}
    assert columns(rated(ONE, 4, 1, 4, 3, 1)) == {"one": (None, 4)}
    assert columns(rated(ONE, 4, 0, 4, 0, 1)) == {"one": (None, 0)}, "0 0 1, the closest three"
    assert columns(rated(ONE, 0, 4, 0, 4, 2, 4)) == {"one": (None, 1)}, "0 0 2; a sixth is not heard, else 4 4 4"
    assert columns(rated(ONE, 0, 4, 4, 1)) == {"one": ("spread", None)}


def test_a_prompt_is_dropped_with_both_responses_where_people_are_far_apart_on_one():
    found = columns(rated(ONE, 4, 4, 4), rated(TWO, 4, 1, 4), rated(OTHER, 2, 2, 2, prompt="another"))
    assert found == {"one": ("spread", None), "two": ("spread", None), "other": (None, 2)}


def test_a_row_that_has_changed_since_drops_its_prompt_no_more():
    before, now = {**TWO, "content_hash": "before"}, TWO
    again = {"inserted_at": "2026-02", "updated_at": "2026-02"}
    answers = (rated(ONE, 4, 4, 4), rated(before, 4, 1, 4), rated(now, 3, 3, 3, **again))
    found = rated_rows(by_row(list(chain(*answers))))
    assert {key: one.columns["review_helpfulness"] for key, one in found.items()} == {
        ("one", "hash of one"): 4, ("two", "hash of two"): 3, ("two", "before"): 3,
    }  # fmt: skip


def test_who_mends_an_answer_later_keeps_the_place_among_the_first_five():
    answers = rated(ONE, 4, 4, 4, 0, 0, 0)
    answers[0] = {**answers[0], "updated_at": "2027"}
    (one,) = rated_rows(by_row(answers)).values()
    assert one.levels("", "helpfulness") == [4, 4, 4, 0, 0, 0]
    assert one.columns["review_helpfulness"] == 4


def test_a_fourth_and_fifth_are_wanted_where_three_are_far_apart():
    def wanted(*helpfulness: int) -> tuple[int, bool]:
        (one,) = rated_rows(by_row(rated(ONE, *helpfulness))).values()
        return one.still_to_ask, one.far_apart

    assert wanted(4, 0) == (1, False)
    assert wanted(4, 3, 4) == (0, False)
    assert wanted(4, 1, 4) == (2, True)
    assert wanted(4, 1, 4, 4) == (1, True)
    assert wanted(4, 1, 4, 4, 1) == (0, False)


def test_two_responses_are_rated_and_compared():
    said = [(4, 1, -3), (3, 2, -2), (4, 1, -2)]
    answers = [
        rating(ONE, person, {**levels(a, "a_"), **levels(b, "b_", verbosity=4), "preference": strength})
        for person, (a, b, strength) in zip(PEOPLE, said, strict=False)
    ]
    rows = by_row(answers)
    (one,) = rated_rows(rows).values()
    found = one.columns
    assert (found["review_a_helpfulness"], found["review_b_helpfulness"], found["review_strength"]) == (4, 1, -2)
    assert (found["review_a_verbosity"], found["review_b_verbosity"]) == (2, 4)
    assert [said.preference for said in rows.values()] == ["a"]
    assert helpfulness_of(answers) == {"anna": "4 and 1", "ben": "3 and 2", "carla": "4 and 1"}
    assert set(rated_columns([one])) == {name for name in RATED_COLUMNS if "_a_" in name or "_b_" in name} | {
        "review_dropped", "review_strength",
    }  # fmt: skip
    # One response that people are far apart on drops the pair, its preference too.
    answers[1] = rating(ONE, "ben", {**levels(3, "a_"), **levels(4, "b_"), "preference": -2})
    (far,) = rated_rows(by_row(answers)).values()
    assert far.far_apart
    assert (far.columns["review_dropped"], far.columns["review_strength"]) == ("spread", None)


def test_a_row_rated_alone_and_in_a_pair_has_both():
    alone = rated(ONE, 4, 4, 3)
    pair = [
        rating(ONE, person, {**levels(2, "a_"), **levels(1, "b_"), "preference": -1}, dataset="pairs")
        for person in PEOPLE[:3]
    ]
    (one,) = rated_rows(by_row([*alone, *pair])).values()
    assert list(one.columns) == list(RATED_COLUMNS)
    found = [one.columns[f"review_{name}"] for name in ("helpfulness", "a_helpfulness", "b_helpfulness", "strength")]
    assert found == [4, 2, 1, -1]


def test_answers_without_the_protocol_or_with_levels_missing_rate_nothing():
    plain = rating(ONE, "anna", levels(4), protocol=None)
    assert rated_rows(by_row([plain])) == {}
    partial = levels(4)
    del partial["coherence"]
    (one,) = rated_rows(by_row([*rated(ONE, 4, 4), rating(ONE, "carla", partial)])).values()
    assert one.levels("", "helpfulness") == [4, 4]


def test_the_lock_counts_and_kappa_rises_with_what_is_kept():
    answers = [
        *rated(ONE, 4, 4, 4),  # 3 pairs, all equal
        *rated(TWO, 0, 4, 0, 0, 4, prompt="second"),  # 10 pairs, of which 0 0 0 stay: 3
        *rated(OTHER, 4, 0, 2, prompt="third"),  # 3 pairs, dropped
    ]
    found = protocol_review([one for _, one in sorted(rated_rows(by_row(answers)).items())])
    assert found is not None
    counts = (found.responses, found.settled, found.labelled, found.more_asked, found.prompts, found.dropped)
    assert counts == (3, 3, 2, 1, 3, 1)
    helpfulness = found.scales[0]
    assert [one.scale for one in found.scales] == [
        "helpfulness", "correctness", "coherence", "complexity", "verbosity",
    ]  # fmt: skip
    assert (helpfulness.before.pairs, helpfulness.after.pairs) == (16, 6)
    # Before, both ways round, 32 levels. TWO: each of 5 answers stands in 4 pairs: 0 twelve times, 4 eight times;
    # ONE: 4 six times; OTHER: 0, 2, 4 twice each. So 0: 14, 2: 2, 4: 16 of 32. Seen: TWO 3 * 2 = 6 pairs apart by 4,
    # OTHER one by 4, two by 2:
    # (7 * 16 + 2 * 4) / 16 = 7.5. By chance: 2 * (14 * 16 * 16 + 14 * 2 * 4 + 2 * 16 * 4) / 32 / 32 = 7.46875.
    assert helpfulness.before.kappa.value == pytest.approx(1 - 7.5 / 7.46875, abs=1e-4)
    assert helpfulness.after.kappa.value == 1.0
    assert found.scales[1].before.kappa.value is None, "all gave one level: chance alone explains it"
    assert protocol_review([]) is None
