"""Answers as models of many makers write them, each with the instructions in it; and near-misses, which are not read.

The texts are ours; their shapes are those of real answers.
"""

from __future__ import annotations

import pytest

from bezoar_data.steps.lamini.parse import Shown, read_candidates
from bezoar_data.steps.lamini.prompts import load_prompts

EXAMPLES = ("What is a fjord?", "Write a haiku about frost.")
PROMPT = load_prompts(None).ask_for_instructions(EXAMPLES, ["Rivers", "Chess"], 20)
SHOWN = Shown(EXAMPLES, PROMPT)
TWO = ["Name a river.", "Why is it wet?"]
THREE = [*TWO, "Sort these: b, a."]


def read(answer: str, *, cut: bool = False) -> tuple[list[str], list[str]]:
    """The good instructions, and the reasons against the others."""
    found = read_candidates(answer, SHOWN, 60, cut=cut).candidates
    return [c.text for c in found if not c.reason], [c.reason for c in found if c.reason]


CLEAN = {
    "tags": "<example>Name a river.</example>\n<example>Why is it wet?</example>",
    "tags with an id": '<example id="1">Name a river.</example>\n<example id="2">Why is it wet?</example>',
    "numbered tags": "<example 1>Name a river.</example 1>\n<example_2>Why is it wet?</example_2>",
    "tags in a fence": "```xml\n<example>Name a river.</example>\n<example>Why is it wet?</example>\n```",
    "tags in a list of tags": "<examples>\n<example>Name a river.</example>\n"
    "<example>Why is it wet?</example>\n</examples>",
    "tags in a numbered list": "1. <example>Name a river.</example>\n2. <example>Why is it wet?</example>",
    "tags with a name inside": "<example><instruction>Name a river.</instruction></example>"
    "<example><request>Why is it wet?</request></example>",
    "tags doubled": "<example><example>Name a river.</example></example>\n<example>Why is it wet?</example>",
    "tags escaped": "&lt;example&gt;Name a river.&lt;/example&gt;\n&lt;example&gt;Why is it wet?&lt;/example&gt;",
    "tags never closed": "<example>Name a river.\n<example>Why is it wet?",
    "tags closed by opening ones": "<example>Name a river.<example>\n<example>Why is it wet?<example>",
    "tags of another name": "<instruction>Name a river.</instruction>\n<instruction>Why is it wet?</instruction>",
    "a list between one pair of tags": "<example>\n1. Name a river.\n2. Why is it wet?\n</example>",
    "echoed examples first": "<example>What is a fjord?</example>\n<example>Name a river.</example>"
    "\n<example>Why is it wet?</example>",
    "numbers": "1. Name a river.\n2. Why is it wet?",
    "numbers with brackets": "1) Name a river.\n2) Why is it wet?",
    "numbers in brackets": "(1) Name a river.\n\n(2) Why is it wet?",
    "bold numbers": "**1.** Name a river.\n**2.** Why is it wet?",
    "numbers that go on from the examples": "4. Name a river.\n5. Why is it wet?",
    "bold instructions": "1. **Name a river.**\n2. **Why is it wet?**",
    "quoted instructions": '1. "Name a river."\n2. "Why is it wet?"',
    "numbers under a preamble": "Sure! Here are 20 new requests:\n\n1. Name a river.\n2. Why is it wet?",
    "numbers under a nicety": "Certainly!\n\n1. Name a river.\n2. Why is it wet?",
    "numbers under a heading": "## New requests\n\n1. Name a river.\n2. Why is it wet?",
    "numbers and a closing remark": "1. Name a river.\n2. Why is it wet?\n\nI hope these help! Let me know.",
    "numbers in a fence": "```\n1. Name a river.\n2. Why is it wet?\n```",
    "numbers with labels": "1. Instruction: Name a river.\n2. Instruction: Why is it wet?",
    "numbers with labelled answers": "1. Name a river.\n   Answer: The Po.\n2. Why is it wet?\n   Answer: Rain.",
    "wrapped lines": "1. Name a\n   river.\n2. Why is\nit wet?",
    "a JSON list": '["Name a river.", "Why is it wet?"]',
    "a JSON list in a fence": '```json\n["Name a river.",\n "Why is it wet?"]\n```',
    "a JSON list under a preamble": 'Here are the new instructions:\n```json\n["Name a river.", "Why is it wet?"]\n```'
    "\nEnjoy!",
    "JSON objects": '[{"instruction": "Name a river."}, {"instruction": "Why is it wet?"}]',
    "JSON objects with answers": '[{"task": "Name a river.", "output": "The Po."}, {"Question": "Why is it wet?"}]',
    "a JSON object of a list": '{"instructions": ["Name a river.", "Why is it wet?"]}',
    "a JSON object of objects": '{"count": 2, "examples": [{"id": 1, "prompt": "Name a river."},'
    ' {"prompt": "Why is it wet?"}]}',
    "JSON by number": '{"1": "Name a river.", "2": "Why is it wet?"}',
    "JSON by numbered names": '{"request_1": "Name a river.", "request_2": "Why is it wet?"}',
    "JSON lines": '{"instruction": "Name a river."}\n{"instruction": "Why is it wet?"}',
    "JSON with a trailing comma": '["Name a river.", "Why is it wet?",]',
    "JSON with tags in it": '["<example>Name a river.</example>", "<example>Why is it wet?</example>"]',
    "bold labels": "**Instruction:** Name a river.\n\n**Instruction:** Why is it wet?",
    "bold labels, the colon outside": "**Instruction 1**: Name a river.\n**Instruction 2**: Why is it wet?",
    "labels with answers": "Instruction: Name a river.\nResponse: The Po.\n\n"
    "Instruction: Why is it wet?\nResponse: Rain.",
    "Q": "Q: Name a river.\nQ: Why is it wet?",
    "Q and A": "Q: Name a river.\nA: The Po.\n\nQ: Why is it wet?\nA: Because of the rain.",
    "Q1 and Q2": "Q1. Name a river.\nQ2. Why is it wet?",
    "headings": "### Instruction\nName a river.\n\n### Instruction\nWhy is it wet?",
    "numbered headings": "### Task 1:\nName a river.\n\n### Task 2:\nWhy is it wet?",
    "headings with answers": "### Instruction:\nName a river.\n\n### Response:\nThe Po.\n\n"
    "### Instruction:\nWhy is it wet?\n\n### Response:\nRain.",
    "labels within labels": "Example 1:\nInstruction: Name a river.\n\nExample 2:\nInstruction: Why is it wet?",
    "labels in a list": "1. **Request:** Name a river.\n2. **Request:** Why is it wet?",
    "after thinking": "<think>1. No.\n2. Not that.</think>\n1. Name a river.\n2. Why is it wet?",
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_clean_answers_are_read_whole(name: str):
    good, reasons = read(CLEAN[name])
    assert good == TWO
    assert set(reasons) <= {"copied_example"}


def test_bullets_are_read_from_three_on_and_a_title_loses_its_stars():
    assert read("Here are some new tasks:\n- Name a river.\n- Why is it wet?\n- Sort these: b, a.") == (THREE, [])
    assert read("- Name a river.\n- Why is it wet?") == ([], [])
    assert read("1. **Rivers**: Name one.\n2. **Rain:** Why is it wet?")[0] == [
        "Rivers: Name one.",
        "Rain: Why is it wet?",
    ]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (
            "<example>Put these steps in order:\n1. Pour\n2. Boil\n3. Drink</example>",
            ["Put these steps in order:\n1. Pour\n2. Boil\n3. Drink"],
        ),
        (
            "1. Put these steps in order:\n   1. Pour\n   2. Boil\n2. Name a river.",
            ["Put these steps in order:\n   1. Pour\n   2. Boil", "Name a river."],
        ),
        (
            "1. What does this print?\n```\n1. x = 1\n2. print(x)\n```\n2. Name a river.",
            ["What does this print?\n```\n1. x = 1\n2. print(x)\n```", "Name a river."],
        ),
        (
            "1. Which one is a river?\n   a) The Po\n   b) The Alps\n2. Name a lake.",
            ["Which one is a river?\n   a) The Po\n   b) The Alps", "Name a lake."],
        ),
        (
            "Q: Which is a river?\nA) The Po\nB) The Alps\nQ: Name a lake.",
            ["Which is a river?\nA) The Po\nB) The Alps", "Name a lake."],
        ),
        (
            "1. Summarise this text:\n\nThe Po rises in the Alps.\n2. Name a lake.",
            ["Summarise this text:\n\nThe Po rises in the Alps.", "Name a lake."],
        ),
        ('[{"instruction": "Sum up.", "input": "The Po rises."}]', ["Sum up.\n\nThe Po rises."]),
        ("<example>Sort [3, 1, 2] and print it.</example>", ["Sort [3, 1, 2] and print it."]),
        ('<example>Mend this JSON:\n{"a": 1,}</example>', ['Mend this JSON:\n{"a": 1,}']),
        ("<example>Question everything: why?</example>", ["Question everything: why?"]),
        ("<example>Is the <b> tag old? Give an example.</example>", ["Is the <b> tag old? Give an example."]),
        ("1. 3.5 litres are how many pints?\n2. Name a lake.", ["3.5 litres are how many pints?", "Name a lake."]),
    ],
)
def test_what_belongs_to_an_instruction_stays_in_it(answer: str, wanted: list[str]):
    assert read(answer) == (wanted, [])


@pytest.mark.parametrize(
    "answer",
    [
        "A fjord is a drowned valley. It is found in Norway, and I could name many more of them.",
        "To make tea, follow these steps:\n1. Boil water.\n2. Pour it.\n3. Wait.",
        "A haiku has three lines.\n\nThe rules of it are old:\n1. Five syllables.\n2. Seven.\n3. Five.",
        "Here are the instructions for making tea:\n1. Boil water.\n2. Pour it.",
        "1. Boil water.\n2. Pour it.\n1. Drink.\n2. Wash up.",
        "1. Boil water.\n3. Pour it.",
        "Question: What is a fjord?\nAnswer: A drowned valley.",
        "Name a river.\nWhy is it wet?",
        "```python\nfor i in range(3):\n    print(i)\n```",
        "I'm sorry, but I can't help with that.",
        "I would write them in this way.\n\n- With care.\n- With love.\n- With tea.",
        "1998. A year.",
        "",
    ],
)
def test_prose_steps_and_answers_are_not_read_and_it_is_told_why(answer: str):
    reading = read_candidates(answer, SHOWN, 60)
    assert reading.candidates == []
    assert reading.why


@pytest.mark.parametrize(
    "answer",
    [
        "1. Name a river.\nThe Po is one.\n2. Why is it wet?\nIt rains there.",
        "1. Name a river.\n   The Po is one.\n2. Why is it wet?\n   It rains there.",
        "1. Name a river.\n\nThe Po is one.\n\n2. Why is it wet?\n\nIt rains there.",
        "1. Name a river.\n   - The Po\n   - The Rhine\n2. Why is it wet?\n   - Rain\n   - Snow",
        "### Question 1\nName a river.\n\nThe Po is one.\n\n### Question 2\nWhy is it wet?\n\nIt rains there.",
        "Q: Name a river.\nThe Po is one.\nQ: Why is it wet?\nIt rains there.",
    ],
)
def test_lines_that_may_be_an_answer_leave_an_entry_unclear(answer: str):
    assert read(answer) == ([], ["unclear", "unclear"])


def test_an_answer_under_its_label_is_cut_off_only_where_the_instruction_clearly_ends():
    assert read("<example>Name a river.\nAnswer: The Po.</example>") == (["Name a river."], [])
    several = "<example>Say if it is wet.\nText: sea\nAnswer: yes\nText: sand\nAnswer: no</example>"
    about = "<example>Is this answer right?\nAnswer: The Po is a lake.</example>"
    assert read(several + about) == ([], ["holds_answer", "holds_answer"])
    assert read("<example>Complete this.\nAnswer:</example>") == (["Complete this.\nAnswer:"], [])


@pytest.mark.parametrize(
    "text",
    [
        "the request",
        "The request.",
        "[Instruction]",
        "Instruction goes here",
        "Your question here",
        "insert new instruction here",
        "Example 3",
        "New request 1",
        "the request_description",
        "Rivers, Chess",
        "rivers",
        "Each is an order or a question, complete in itself. Whatever text or data it needs stands in it.",
        "Write no answers and no comments, only the requests.",
    ],
)
def test_the_prompts_own_words_are_no_instruction(text: str):
    assert read(f"<example>{text}</example><example>Name a river.</example>") == (["Name a river."], ["placeholder"])


@pytest.mark.parametrize(
    "text", ["Request a refund from a shop.", "Give an example.", "Task a robot with tea.", "What is a question tag?"]
)
def test_an_instruction_that_only_sounds_like_a_form_stays(text: str):
    assert read(f"<example>{text}</example>") == ([text], [])


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        ("1. Name a river.\n2. Why is it", ["Name a river."]),
        ("1. Name a river.\n2. Why is it wet?", ["Name a river."]),
        ('["Name a river.", "Why is it', ["Name a river."]),
        ('```json\n{"instructions": ["Name a river.", "Why is it', ["Name a river."]),
        ('[{"instruction": "Name a river."}, {"instruction": "Why', ["Name a river."]),
        ("<example>Name a river.</example>\n<example>Why is it", ["Name a river."]),
        ("<example>Name a river.\n<example>Why is it wet?", ["Name a river."]),
        ("Q: Name a river.\nQ: Why is it wet", ["Name a river."]),
    ],
)
def test_a_cut_answer_loses_its_last_entry(answer: str, good: list[str]):
    assert read(answer, cut=True) == (good, ["unclosed"])


def test_a_broken_json_list_loses_what_cannot_be_read_though_nobody_cut_it():
    assert read('["Name a river.", "Why is it') == (["Name a river."], ["unclosed"])
    assert read('[{"task": "Sing", "question": "Why?"}, {"topic": "Rain"}]') == ([], ["unclear", "unclear"])
    assert read("[" * 5000)[0] == []


def test_no_answer_of_a_real_small_model_gives_what_is_no_instruction():
    """SmolLM2-135M, asked for the tagged list."""
    said = (
        "I'm here to help with that!\n\nHere's an example of a question with a rule.\n\n"
        "- Each is an order or a question, complete in itself.\n- Write no answers and no comments, only the "
        "requests.\n"
        "- Write every one between its own tags, as you mentioned."
    )
    assert read(said)[0] == []
    assert (
        read("What a simple yet effective way to get creative.\n\n**Example 1**\n\nA new car is on the road.")[0] == []
    )
    assert read("A:\n<example>Why people are willing to pay a premium is not the price.") == ([], ["unclosed"])
