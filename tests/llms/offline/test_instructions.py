"""The offline teacher invents instructions when asked as the LaMini scheme asks, and can answer what it invented."""

from __future__ import annotations

import re

import pytest

from bezoar_data.llms.offline.prompt import read_prompt
from bezoar_data.llms.offline.teacher import solve, write_answer
from bezoar_data.llms.offline.text import Pick
from bezoar_data.steps.lamini.parse import Shown, read_candidates
from bezoar_data.steps.lamini.prompts import load_prompts

PROMPTS = load_prompts(None)
QUESTIONS = ("Why is the sea salty?", "Who built the first clock?", "What is a fjord?")
ORDERS = ("Write a poem.", "List five rivers.", "Plan a party for ten people.")


def invent(examples: tuple[str, ...], topics: tuple[str, ...] = (), count: int = 20, seed: int = 0) -> list[str]:
    request = PROMPTS.ask_for_instructions(examples, topics, count)
    answer = write_answer([{"role": "user", "content": request}], seed=seed)
    found = read_candidates(answer, Shown(examples), 100).candidates
    assert not [c for c in found if c.reason]
    return [c.text for c in found]


@pytest.mark.parametrize("count", [1, 7, 20])
def test_as_many_instructions_as_were_asked_for_each_once(count: int):
    found = invent(QUESTIONS, count=count)
    assert len(found) == len(set(found)) == count


def test_the_same_request_gives_the_same_and_another_gives_others():
    assert invent(ORDERS) == invent(ORDERS)
    assert len(set(invent(ORDERS)) & set(invent(ORDERS, seed=1))) < 5
    assert len(set(invent(ORDERS)) & set(invent((*ORDERS[:2], "Draw a map.")))) < 5


def test_topics_are_what_the_instructions_are_about():
    found = invent(ORDERS, ("Black holes", "Africa", "Street food"))
    counts = [sum(topic in text for text in found) for topic in ("black holes", "Africa", "street food")]
    assert sum(counts) == len(found) == 20
    assert min(counts) >= 6


def test_questions_beget_more_questions_than_orders_do():
    def asked(examples: tuple[str, ...]) -> int:
        return sum("?" in text for seed in range(5) for text in invent(examples, seed=seed))

    assert asked(QUESTIONS) > 1.5 * asked(ORDERS)


def test_what_it_invented_it_answers_briefly_and_on_the_subject():
    for text in invent(QUESTIONS, ("Origami",)) + invent(ORDERS, ("Origami",)):
        answer = write_answer(
            [{"role": "system", "content": PROMPTS.respond.system}, {"role": "user", "content": text}], seed=0
        )
        assert 2 < len(answer.split()) < 80, text
        assert "{" not in answer
        assert re.search("origami|one step|library", answer, re.IGNORECASE) or "Hi Sam" in answer or "drawer" in answer


def test_a_prompt_that_only_speaks_of_the_tags_is_left_to_the_other_skills():
    for text in ("What does <example>tag</example> mean?", "Put 20 <example> tags around these words: sun, moon."):
        assert solve(read_prompt("", text), Pick(0))[0] not in ("instructions", "invented")
