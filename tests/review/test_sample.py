"""Which rows are drawn, and with which weights; and what an annotator is shown of them. No server is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bezoar_data.review import questions as form
from bezoar_data.review.guidelines import guidelines
from bezoar_data.review.pull import _unswapped
from bezoar_data.review.sample import SampleRow, allocate, draw
from bezoar_data.review.task import ReviewTask

ROWS = [SampleRow(f"row{i}", ("common",) if i < 900 else ("rare",), uncertain=i >= 900) for i in range(1000)]
TASK = ReviewTask("run", "judge", "inputs", "answer", "", "", "", "", "", ("helpfulness",), True, 1)
PAIR = replace(TASK, response="one", other="two", attributes=())


def test_weights_estimate_totals_without_bias():
    # Over many draws the sum of weights is the number of rows, of each stratum and of all.
    sums = {"common": 0.0, "rare": 0.0}
    sizes = []
    for seed in range(200):
        drawn = draw(ROWS, 100, 0.5, seed)
        sizes.append(len(drawn))
        for one in drawn:
            sums[one.stratum[0]] += one.weight / 200
    assert sums["common"] == pytest.approx(900, rel=0.02)
    assert sums["rare"] == pytest.approx(100, rel=0.05)
    assert sum(sizes) / 200 == pytest.approx(100, abs=1)


def test_the_even_share_is_drawn_evenly_and_rare_rows_more_often():
    even = rare = total = 0
    for seed in range(100):
        drawn = draw(ROWS, 100, 0.5, seed)
        even += sum(one.even and one.stratum == ("rare",) for one in drawn)
        rare += sum(one.stratum == ("rare",) for one in drawn)
        total += len(drawn)
    assert even / 5000 == pytest.approx(0.1, abs=0.02)
    assert rare / total > 0.3


def test_a_sample_as_large_as_the_data_is_all_of_it():
    drawn = draw(ROWS, 5000, 0.5, 1)
    assert len(drawn) == 1000
    assert {one.weight for one in drawn} == {1.0}
    assert draw(ROWS, 50, 0.5, 3) == draw(ROWS, 50, 0.5, 3)


def test_a_small_stratum_gives_all_it_has_and_others_give_the_rest():
    assert allocate({("a",): 3, ("b",): 100}, {("a",): 1, ("b",): 1}, 20) == {("a",): 3, ("b",): 17}
    assert allocate({("a",): 30, ("b",): 30}, {("a",): 2, ("b",): 1}, 30) == {("a",): 20, ("b",): 10}


def test_the_judge_is_hidden_unless_it_is_to_be_shown():
    row = {"id": "a", "inputs": "Why?", "answer": "So.", "judge_status": "Accept", "judge_reason": "It is so."}
    assert form.values(TASK, row) == {"instruction": "Why?", "response": "So."}
    assert form.suggestion(TASK, row) is None
    shown = replace(TASK, blind=False)
    assert form.values(shown, row)["judge_reason"] == "It is so."
    assert form.suggestion(shown, row) == "accept"


def test_two_answers_stand_in_an_order_drawn_for_each_row_and_are_told_apart_again():
    shown = replace(PAIR, blind=False)
    first_places = 0
    for i in range(200):
        row = {"id": f"row{i}", "inputs": "?", "one": "answer a", "two": "answer b", "judge_preference": "b"}
        values = form.values(shown, {**row, "judge_preference_reason": "It is so."})
        assert values["judge_reason"] == "It is so."
        assert {values["first"], values["second"]} == {"answer a", "answer b"}
        place = form.suggestion(shown, row)
        assert place is not None
        assert values[place] == "answer b"
        assert _unswapped(row["id"], place) == "b"
        first_places += place == "first"
    assert 70 < first_places < 130
    assert _unswapped("row1", "tie") == "tie"


def test_guidelines_are_the_judges_rubric_and_what_the_form_asks():
    task = replace(TASK, rubric="answer-quality", attributes=("helpfulness", "verbosity"), contact="Carla")
    text = guidelines(replace(task, licence="CC-BY-4.0"))
    told = (
        "**What counts**",
        "**Helpfulness**: 0 not at all",
        "**Verbosity**: 0 as short",
        "under CC-BY-4.0",
        "Ask Carla.",
    )
    assert [words for words in told if words not in text] == []
    assert "scale" not in text  # the judge's has other levels than the form
    assert "may be used under" not in guidelines(replace(task, licence="unknown"))
    pair = guidelines(replace(PAIR, rubric=""), deciding=True)
    assert "**Equally good**" in pair
    assert "evenly divided" in pair
    assert "corrected response" not in pair
    assert len(guidelines(replace(task, contact="C" * 9_000))) <= 10_000
