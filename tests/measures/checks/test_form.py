"""The rules of form: what breaks off, marks, scripts, loops; and how seldom they find fault with what people wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.measures.checks.ending import breaks_off, missing
from bezoar_data.measures.checks.loops import loops
from bezoar_data.measures.checks.marks import template_marks
from bezoar_data.measures.checks.script import other_script
from bezoar_data.measures.checks.verdict import judge


@pytest.mark.parametrize(
    "text",
    [
        "The ferry carries cars on each crossing and the",
        "First we find the number of crossings, which is ten. Then we multiply it by the number of",
        "She sells 12 rolls an hour. In four hours she sells",
        "There are two kinds of rock here: granite and",
        "So the answer is",
        "The children went to school by bus every morning last year wi",
        "```python\nprint(1)",
        "It has three parts (the head, the body",
        "One, two, three,",
        "The photosynthesis of plants needs light. Without light there is no photosyn",
    ],
)
def test_what_breaks_off(text: str):
    found = breaks_off(text)
    assert found is not None
    assert found.code == "cut"


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "Paris",
        "The capital of France is Paris",
        "The total is 4 * 12 = 48",
        "x^2 + 3x + 2 = 0",
        "- Milk\n- Eggs\n- Flour",
        "1. Wash the apples\n2. Cut them",
        "Here is the code:\n\n```python\nprint(1)\n```",
        "def double(x):\n    return 2 * x",
        "SELECT name FROM towns WHERE size > 3",
        "How Sourdough Rises on Wild Yeast",
        "The interval is [0, 1)",
        "Dear Anna,\n\nThank you for the book. I liked it.\n\nYours,\nBen Smith",
        "roses, tulips, lilies",
        "It is done :(",
        "The rate is 5 %",
        "ink, moss, harbour, chimneys",
        "",
    ],
)
def test_what_ends_as_it_likes(text: str):
    assert breaks_off(text) is None


def test_a_begun_word_of_the_task_gives_a_cut_away():
    task = "Which mountain is the highest one of the Pyrenees?"
    assert breaks_off("It is in the Pyren") is None
    found = breaks_off("It is in the Pyren", task)
    assert found is not None
    assert "“Pyren” for “pyrenees”" in found.sentence


def test_nothing_said_is_missing_and_signs_count_where_signs_were_asked_about():
    assert missing(" \n ", "?") is not None
    assert missing("...", "Why?") is not None
    assert missing("好", "Why?") is None
    assert missing(")", "( ( )") is None


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("<|im_start|>assistant\nHello", "", True),
        ("Hello\n### Response: again", "", True),
        ("Fine.\nHuman: And now?", "", True),
        ("Dear {{name}}, hello", "", True),
        ("Dear {{name}}, hello", "Fill {{name}} in later", False),
        ("The human: a person. vector<s>", "", False),
        ("## Response times\nAre short.", "", False),
    ],
)
def test_template_marks(text: str, asked: str, found: bool):
    assert (template_marks(text, asked) is not None) == found


@pytest.mark.parametrize(
    ("text", "asked", "script"),
    [
        ("Это ответ на вопрос.", "Why is it so?", "Cyrillic"),
        ("答案是四十二。", "How many are there?", "Han"),
        ("答案是四十二。", "这是多少？", None),
        ("Das Maß der Straße ist größer.", "How large?", None),
        ("Bonjour, mes amis.", "Say hello.", None),
        ("Доброе утро", "Translate into Russian: good morning", None),
        ("The letter π stands for it.", "What is it called?", None),
        ("42", "How many?", None),
    ],
)
def test_another_script(text: str, asked: str, script: str | None):
    found = other_script(text, asked)
    assert (found is not None) == (script is not None)
    assert found is None or script is None or script in found.detail


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("No, no, no, no, no, no, no, no, no, no.", True),
        ("He went home. He went home. He went home.", True),
        ("10 - 2 = 8\n3 * 2 = 6 3 * 2 = 6 3 * 2 = 6", True),
        ("The tank is full. The tank is half full. The tank is empty.", False),
        ("Row, row, row your boat, gently down the stream.", False),
        ("0 0 0 0 0 0 0 0 0 0 0 1", False),
        ("```\nx = 1\nx = 1\nx = 1\n```", False),
    ],
)
def test_loops(text: str, found: bool):
    assert (loops(text) is not None) == found


def test_answers_that_people_wrote_are_seldom_found_fault_with(real_data: Path):
    lines = (real_data / "dolly" / "dolly_sample.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert sum(judge(row["response"], row["instruction"]).status == "Reject" for row in rows) <= 10
    for name in ("aqua", "ecqa", "qasc", "strategyqa"):
        text = (real_data / "flan_cot" / f"{name}_train.tsv").read_text(encoding="utf-8")
        lines = text.split("\n")[:300]
        found = 0
        for line in lines:
            question, answer, reasoning = (part.replace("\\n", "\n") for part in line.split("\t"))
            found += judge(f"{reasoning}\nThe answer is {answer}.", question, answer).status == "Reject"
        assert found <= 3, name


@pytest.mark.parametrize(
    "text",
    [
        "Both words are in the task. The one that fits is: request",
        "You would feel hurt, and that settles it. The tone is rude",
        "First they are sorted. Then they are written down:\n\nink, moss, harbour, chimneys",
    ],
)
def test_a_result_at_the_end_needs_no_full_stop(text: str):
    assert breaks_off(text) is None
