"""HelpSteer2's protocol as people see it, what their answers come to, and which rows are drawn. No server is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.measures.helpsteer_scales import SCALES
from bezoar_data.review.guidelines import guidelines
from bezoar_data.review.protocol import answered, known_protocol, refuse_other_wishes, scales
from bezoar_data.review.push import _drawn
from bezoar_data.review.task import ReviewTask
from support.ratings import levels

TASK = ReviewTask("run", "", "inputs", "answer", "", "", "", "", "", (), True, 3, protocol="helpsteer2")
PAIR = replace(TASK, response="one", other="two")


def test_people_read_what_each_level_of_five_scales_means():
    found = dict(scales())
    assert list(found) == list(SCALES)
    text = guidelines(TASK)
    for scale in found.values():
        assert scale.question in text
        assert [f"- **{level}**: {words}" in text for level, words in enumerate(scale.levels)] == [True] * 5
    assert "Accept" not in text
    assert "Write one only where" not in text, "nobody corrects"
    assert guidelines(TASK, deciding=True) == text, "a fourth rates as the others did"
    assert "drawn by lot" in guidelines(PAIR)
    assert max(len(guidelines(one)) for one in (TASK, PAIR)) < 10_000, "nothing was cut"


@pytest.mark.parametrize(
    ("option", "strength", "preferred"),
    [
        ("first_much", -3, "a"),
        ("first", -2, "a"),
        ("first_slightly", -1, "a"),
        ("tie", 0, "tie"),
        ("second_slightly", 1, "b"),
        ("second", 2, "b"),
        ("second_much", 3, "b"),
    ],
)
def test_a_preference_goes_from_minus_3_to_3_whichever_response_stood_first(option: str, strength: int, preferred: str):
    first, second = levels(4, "first_"), levels(1, "second_", verbosity=0)
    values = {**first, **second, "preference": option, "comment": "Fine."}
    ratings, said = answered(values, swapped=False)
    assert ratings == {**levels(4, "a_"), **levels(1, "b_", verbosity=0), "preference": strength}
    assert said == preferred
    ratings, said = answered(values, swapped=True)
    assert ratings == {**levels(4, "b_"), **levels(1, "a_", verbosity=0), "preference": -strength}
    assert said == {"a": "b", "b": "a", "tie": "tie"}[preferred]


def test_one_response_has_ratings_without_a_side_and_a_draft_may_have_none():
    assert answered({**levels(3), "comment": "?"}, swapped=False) == (levels(3), None)
    assert answered({"helpfulness": 3}, swapped=True) == ({"helpfulness": 3}, None)
    assert answered({}, swapped=True) == ({}, None)


def test_what_does_not_go_with_the_protocol_is_refused_at_once():
    with pytest.raises(InputError) as refused:
        refuse_other_wishes(("helpfulness",), 2, suggest=True)
    assert len(refused.value.problems) == 3
    refuse_other_wishes((), 4, suggest=False)
    refuse_other_wishes(None, None, suggest=False)
    assert known_protocol("helpsteer2") == "helpsteer2"
    with pytest.raises(InputError, match="no protocol 'helpsteer'"):
        known_protocol("helpsteer")


def test_prompts_are_drawn_each_with_all_its_responses():
    rows: dict[str, dict[str, Any]] = {
        f"{prompt}-{i}": {"id": f"{prompt}-{i}", "inputs": f"Prompt {prompt}?", "answer": f"Answer {i}."}
        for prompt in range(50)
        for i in range(2)
    }
    drawn = _drawn(TASK, rows, 10, 0.5, 42)
    names = [one.id for one in drawn]
    prompts = {name.partition("-")[0] for name in names}
    assert 5 <= len(prompts) <= 15
    assert sorted(names) == sorted(f"{prompt}-{i}" for prompt in prompts for i in range(2))
    assert all(names.index(f"{prompt}-1") == names.index(f"{prompt}-0") + 1 for prompt in prompts)
    assert len({one.weight for one in drawn}) == 1
    assert len(_drawn(replace(TASK, protocol=""), rows, 1000, 0.5, 42)) == len(_drawn(TASK, rows, 1000, 0.5, 42)) == 100
