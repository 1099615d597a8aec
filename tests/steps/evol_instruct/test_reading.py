"""Evolved instructions as models wrap them up, and answers in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.steps.evol_instruct.prompts import SHIPPED, load_prompts
from bezoar_data.steps.evol_instruct.reading import is_answer, read_evolved

FILE = load_prompts(SHIPPED)
B = "Why does bread rise, and why does cake?"


def read(said: str) -> str:
    return read_evolved(said, FILE.output_labels, FILE.headings)


@pytest.mark.parametrize(
    "said",
    [
        f"  {B}\n",
        f"#Rewritten Prompt#: {B}",
        f"#Rewritten Prompt#:\n\n#Created Prompt#\n{B}",
        f"**#Rewritten Prompt#:**\n{B}",
        f"### Rewritten Prompt:\n{B}",
        f"Rewritten prompt: {B}",
        f"**Rewritten Prompt**: {B}",
        f"#Given Prompt#:\nWhy does bread rise?\n\n#Rewritten Prompt#:\n{B}",
        f'"{B}"',
        f"“{B}”",
        f"**{B}**",
        f"```\n{B}\n```",
        f'```json\n{{"instruction": "{B}"}}\n```',
        f'{{"rewritten_prompt": "{B}"}}',
        f'{{"newPrompt": "{B}", "reason": "deeper"}}',
        f"Here is the rewritten prompt:\n\n{B}",
        f'Sure! Here\'s a more complex version:\n\n"{B}"',
        f"Certainly. Here is a new prompt: {B}",
    ],
)
def test_what_is_wrapped_round_an_evolved_instruction_goes(said: str):
    assert read(said) == B


@pytest.mark.parametrize(
    "said",
    [
        'Explain "up" and "down".',
        "```python\nprint(1)\n```",
        'Mend this:\n```json\n{"a": 1,}\n```',
        '{"a": 1} is JSON. Why?',
        '{"instruction": "A", "prompt": "B"}',
        "Rewritten prompts are what?",
        "Here is a list of words: sea, sky. Sort it.",
        "Here is a new law: no bread. Explain it.",
        "**Why** is it so, and **how**?",
        "See the #Rewritten Prompt#: what is it?",
        "",
    ],
)
def test_what_belongs_to_it_stays(said: str):
    assert read(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "Bread rises because yeast gives off gas.",
        "I'm sorry, but I can't help with that.",
        "As an AI language model, I do not bake.",
        "Sorry, I cannot change this.",
        "Sure, the tides are made by the moon.",
        "Sounds like a mix of science and social commentary.",
        "To make tea, you boil the water first. Then the leaves are steeped for three minutes.",
        'The answer to your question is "yes"',
        "The hexagon has six sides.\n\nIt is found in the honeycomb.",
    ],
)
def test_a_statement_is_an_answer(text: str):
    assert is_answer(text, FILE.verbs)


@pytest.mark.parametrize(
    "text",
    [
        "Why does bread rise?",
        "Bread rises. Explain why it does so in one paragraph.",
        "In the text below, a man bakes. Name what he bakes.\n\nA man baked bread in the town.",
        "You are a baker who explains bread to a child of five.",
        "I want to know how bread rises and what yeast has to do with it.",
        "Please bread the fish, in the manner of the old town.",
        'A girl says "sorry" to her mother. Write what comes next.',
        "Sort: pear, plum.",
        "A poem about bread",
        "B",
    ],
)
def test_a_request_is_none(text: str):
    assert not is_answer(text, FILE.verbs)


def test_of_real_instructions_hardly_any_is_taken_for_an_answer_and_of_real_answers_many(real_data: Path):
    asked, answered = [], []
    for line in (real_data / "self_instruct_seed_tasks.jsonl").read_text().splitlines():
        task = json.loads(line)
        asked.append(task["instruction"])
        answered.append(task["instances"][0]["output"])
    for line in (real_data / "dolly" / "dolly_sample.jsonl").read_text().splitlines():
        row = json.loads(line)
        asked.append(row["instruction"])
        answered.append(row["response"])
    prompts = (real_data / "ifeval" / "input_data.jsonl").read_text().splitlines()
    asked += [json.loads(line)["prompt"] for line in prompts]
    flagged = sum(is_answer(text, FILE.verbs) for text in asked)
    assert flagged / len(asked) <= 0.01
    sentences = [text for text in answered if len(text.split()) >= 8]
    assert sum(is_answer(text, FILE.verbs) for text in sentences) / len(sentences) >= 0.5
