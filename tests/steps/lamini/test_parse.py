"""Reading instructions out of a teacher's answer, in all the ways teachers get it wrong."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.steps.lamini.parse import ParsedInstruction, Shown, clean, comparable, read_candidates


def read(answer: str, shown: tuple[str, ...] = ("What is a fjord?",)) -> list[tuple[str, str]]:
    return [(c.text, c.reason) for c in read_candidates(answer, Shown(shown), most_words=12).candidates]


def test_instructions_between_tags_are_read_in_order_and_prose_around_them_is_passed_over():
    answer = "Sure, here they are:\n<example>Name a river.</example>\nand\n<example>Why is it wet?</example>\nEnjoy!"
    assert read(answer) == [("Name a river.", ""), ("Why is it wet?", "")]


def test_an_answer_of_prose_has_no_candidates():
    assert read("Name a river. Why is it wet?") == []
    assert read("") == []


def test_a_tag_that_is_never_closed_does_not_swallow_the_next_and_what_is_no_single_line_is_told():
    assert read("<example>One river.\n\nOr two\n<example>Two rivers.</example><example>Cut off in the mid") == [
        ("One river.\n\nOr two", "unclosed"),
        ("Two rivers.", ""),
        ("Cut off in the mid", "unclosed"),
    ]


def test_a_tag_that_was_never_opened_is_told_with_its_text():
    answer = "<example>Name a river.</example>\nName a lake.</example></example>"
    assert read(answer) == [("Name a river.", ""), ("Name a lake.", "unopened")]


def test_empty_ones_and_ones_without_a_word_are_told():
    assert [
        f for _, f in read("<example></example><example> \n </example><example>…!</example><example>7</example>")
    ] == ["empty"] * 4


def test_what_was_shown_or_said_before_is_told_whatever_its_case_and_punctuation():
    answer = "<example>what is a FJORD</example><example>Sing!</example><example>sing…</example>"
    assert read(answer) == [("what is a FJORD", "copied_example"), ("Sing!", ""), ("sing…", "duplicate")]


def test_signs_that_mean_something_are_no_punctuation():
    asked = ("Write hello in C++.", "Write hello in C#.", "What is 3 + 2?", "What is 3 * 2?")
    assert [f for _, f in read("".join(f"<example>{text}</example>" for text in asked))] == [""] * 4
    assert read("<example>Sing</example> ** </example>") == [("Sing", "")]


def test_a_faulty_one_does_not_make_a_later_good_one_a_duplicate():
    answer = "Sing a song</example>\n<example>Sing a song.</example>"
    assert read(answer) == [("Sing a song", "unopened"), ("Sing a song.", "")]


def test_one_that_is_too_long_or_holds_its_answer_is_told():
    answer = f"<example>{'word ' * 13}</example><example>Is this an answer?\nResponse: The Po.</example>"
    assert [f for _, f in read(answer)] == ["too_long", "holds_answer"]


def test_a_question_that_ends_in_a_label_for_the_answer_is_no_answer():
    assert read("<example>Complete this.\nAnswer:</example>")[0][1] == ""


@pytest.mark.parametrize(
    "said",
    [
        "1. Name a river.",
        "(2) Name a river.",
        "- Name a river.",
        "Example 3: Name a river.",
        "Instruction: Name a river.",
        "4) Task 4: Name a river.",
        '"Name a river."',
        "“Name a river.”",
    ],
)
def test_numbers_labels_and_quotation_marks_around_an_instruction_go(said: str):
    assert clean(said) == "Name a river."


@pytest.mark.parametrize(
    "said",
    ['"Up" and "down": which is shorter?', "3.5 litres are how many pints?", "Questions about rivers: name two."],
)
def test_what_belongs_to_an_instruction_stays(said: str):
    assert clean(said) == said


@pytest.mark.parametrize(
    "tag",
    [
        "<EXAMPLE>{}</EXAMPLE>",
        "< example >{}</ example >",
        "<example 1>{}</example 1>",
        "<example_2>{}</example>",
    ],
)
def test_tags_are_known_in_all_their_spellings(tag: str):
    assert read(tag.format("Name a river.")) == [("Name a river.", "")]


def test_examples_inside_a_thinking_block_are_not_meant():
    assert read("<think><example>No.</example></think><example>Yes, this.</example>") == [("Yes, this.", "")]
    assert read("<think><example>Still thinking</example>") == []


@given(
    st.lists(st.sampled_from(["<example>", "</example>", "Name a river.", "7", " ", "sing", "<think>"]), max_size=30)
)
def test_no_text_between_tags_is_lost_and_no_good_one_comes_twice(parts: list[str]):
    found = read_candidates("".join(parts), Shown([]), most_words=50).candidates
    good = [comparable(c.text) for c in found if not c.reason]
    assert len(good) == len(set(good))
    assert all(isinstance(c, ParsedInstruction) for c in found)
    if "<think>" not in parts:
        speaks = {"Name a river.", "7", "sing"}
        assert len(found) >= sum(a == "<example>" and b in speaks for a, b in pairwise(parts))
