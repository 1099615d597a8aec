"""The embedded teacher: what it computes is right, what it cannot know it says, and the same request repeats."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.config.files.models import Model
from bezoar_data.llms.offline.judge import judge
from bezoar_data.llms.offline.judged import Judged
from bezoar_data.llms.offline.numbers import evaluate, spell
from bezoar_data.llms.offline.prompt import read_options, read_prompt
from bezoar_data.llms.offline.teacher import SKILLS, solve, write_answer
from bezoar_data.llms.offline.text import Pick, count_tokens, cut_tokens, sentences, stem
from bezoar_data.llms.providers.base import Request, provider_class

ENTAILMENT = (
    "Premise: A woman in a green coat is feeding three ducks by the pond.\n\nHypothesis: {}\n\n"
    "Does the premise entail the hypothesis?\nOPTIONS:\n- yes\n- it is not possible to tell\n- no"
)


def ask(text: str, system: str = "", **how: int) -> str:
    return write_answer([{"role": "system", "content": system}, {"role": "user", "content": text}], **how)


def skill_of(text: str) -> str:
    return solve(read_prompt("", text), Pick(text))[0]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 17 + 25?", "42"),
        ("Calculate 3 * (4 + 5) - 6 / 2.", "24"),
        ("What is 2^10?", "1024"),
        ("What is 7 divided by 4?", "1.75"),
        ("What is 1 / 3?", "1/3 (about 0.33)"),
        ("What is 20% of 350?", "70"),
        ("Solve for y: 4y - 7 = 21", "7"),
        ("Lena has 15 marbles. She gives 6 to her brother. How many marbles does she have left?", "9 marbles"),
        ("There are 8 rows of chairs with 12 chairs in each row. How many chairs are there in total?", "96 chairs"),
        ("36 pencils are shared equally among 9 children. How many pencils does each child get?", "4 pencils"),
        ("A crate holds 12 bottles. How many bottles are in 5 crates?", "60 bottles"),
        ("A bus covers 150 km in 3 hours. What is its average speed?", "50 km per hour"),
        ("Anna buys 4 apples and 9 pears. How many pieces of fruit does she have in total?", "13 pieces"),
    ],
)
def test_arithmetic_is_computed(question: str, answer: str) -> None:
    assert re.search(rf"(?:answer|result) is {re.escape(answer)}", ask(question)), ask(question)


@pytest.mark.parametrize(
    "question",
    [
        "Otto is 4 years older than Ida. Together they are 30. How old is Ida?",
        "A tank is filled by one pipe in 6 hours and by another in 3 hours. How long do both take?",
        "A library lends 148 books and twice as many on Saturday. 97 come back. How many are still out?",
        "In 1997 the town had 12000 people and in 2005 it had 15000 people. How many towns are there?",
    ],
)
def test_a_word_problem_with_several_readings_is_not_computed(question: str) -> None:
    assert skill_of(question) != "arithmetic"


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(1, 99), st.sampled_from("+-*"))
def test_expressions_agree_with_python(a: int, b: int, c: int, sign: str) -> None:
    text = f"({a}) {sign} ({b}) * {c}"
    assert evaluate(text) == eval(text)  # noqa: S307 - a sum that the test wrote itself


@pytest.mark.parametrize("text", ["", "()", "1 +", "1 / 0", "2 ^ 999999", "3 4", "((1)"])
def test_what_is_no_sum_has_no_value(text: str) -> None:
    assert evaluate(text) is None


def test_numbers_are_spelled_exactly() -> None:
    half, third = evaluate("1/2"), evaluate("1/3")
    assert half is not None
    assert spell(half) == "0.5"
    assert third is not None
    assert spell(third) == "1/3 (about 0.33)"


@pytest.mark.parametrize(
    ("prompt", "labels"),
    [
        ("Which?\nOptions:\n(A) one\n(B) two\n(C) three", ["(A)", "(B)", "(C)"]),
        ("Which?\nOptions:\n- (A) one\n- (B) two", ["(A)", "(B)"]),
        ("Which?\nA) one\nB) two\nC) three", ["(A)", "(B)", "(C)"]),
        ("Which of these is it? (A) one (B) two (C) three", ["(A)", "(B)", "(C)"]),
        ("Which?\nOPTIONS:\n- one\n- two", ["", ""]),
    ],
)
def test_options_are_read_in_every_spelling(prompt: str, labels: list[str]) -> None:
    options, rest = read_options(prompt)
    assert [o.label for o in options] == labels
    assert [o.text for o in options] == ["one", "two", "three"][: len(labels)]
    assert "two" not in rest


def test_numbered_steps_are_no_options() -> None:
    assert read_options("Do this:\n1) wash\n2) cut\nThen tell me what a) means.")[0] == ()


def test_a_choice_names_one_of_the_options_and_owns_up_to_guessing() -> None:
    text = ask("What do bakers use most?\nOptions:\n- flour\n- gravel\n- ink\n- tar")
    assert re.search(r"answer[^.]*“(?:flour|gravel|ink|tar)”|guess is “(?:flour|gravel|ink|tar)”", text)
    assert "guess" in text


def test_a_choice_backed_by_the_passage_is_found() -> None:
    prompt = (
        "Passage: The museum opens at ten. On Mondays it stays closed so that the rooms can be cleaned.\n"
        "Question: Why is the museum closed on Mondays?\nOptions:\n"
        "(A) It has no money\n(B) The rooms are cleaned\n(C) Nobody comes"
    )
    assert "(B) The rooms are cleaned." in ask(prompt)


@pytest.mark.parametrize(
    ("hypothesis", "verdict"),
    [
        ("A woman is feeding ducks.", "“yes”"),
        ("A woman is not feeding three ducks.", "“no”"),
        ("A woman is feeding her children.", "“it is not possible to tell”"),
    ],
)
def test_entailment_follows_the_words(hypothesis: str, verdict: str) -> None:
    assert f"answer is {verdict}" in ask(ENTAILMENT.format(hypothesis))


@pytest.mark.parametrize(
    ("review", "label"),
    [
        ("The staff were friendly and the soup was delicious.", "positive"),
        ("The zip broke on the first day and nobody answered my complaint about this useless bag.", "negative"),
        ("The room was not clean and the bed was not comfortable.", "negative"),
    ],
)
def test_sentiment_counts_praise_and_blame(review: str, label: str) -> None:
    assert f"“{label}”" in ask(
        f"Review: {review}\nIs this review positive or negative?\nOPTIONS:\n- positive\n- negative"
    )


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("Sort the following list alphabetically: pear, apple, fig", "apple, fig, pear"),
        ("Sort these numbers in ascending order: [3, 20, 100, -4]", "[-4, 3, 20, 100]"),
        ("Reverse the list: [3, 9, 4, 1]", "[1, 4, 9, 3]"),
        ('How many words are in "the cat sat on the mat"?', "is 6"),
        ('Spell the word "stressed" backwards.', "desserts"),
        ("Definition: Count how often the letter 'e' occurs in the word.\n\nInput: cheese\nOutput:", "3"),
        (
            "Definition: Sort the words from the shortest to the longest.\n\nInput: harbour, ink, moss\n\nOutput:",
            "ink, moss, harbour",
        ),
    ],
)
def test_work_on_letters_and_lists_is_exact(prompt: str, result: str) -> None:
    assert result in ask(prompt)


def test_a_question_on_a_passage_is_answered_from_the_passage() -> None:
    text = ask("Passage: Ida sold the boat in June. Her brother kept the oars.\nQuestion: Who kept the oars?\nAnswer:")
    assert "her brother kept the oars" in text.lower()


def test_a_summary_uses_sentences_of_the_text() -> None:
    body = "The mill burned down in March. The mill had stood for ninety years. Nobody was hurt. It will be rebuilt."
    text = ask(f"Summarize this text in one sentence:\n\n{body}")
    assert any(s in text for s in sentences(body))


def test_what_needs_knowledge_is_said_to_need_it() -> None:
    for question in ("Who painted the ceiling of the old town hall in Brenn?", "Would a penguin outrun a tortoise?"):
        text = ask(question)
        assert re.search(r"source|reference|looked up|look up", text), text


@pytest.mark.parametrize(
    ("system", "sign"),
    [
        ("Work step by step and justify each step.", r"(?m)^Step 2: "),
        ("Explain as you would to a child of five.", r"puzzle|game|blocks|small words"),
        (
            "Where there are options to choose from, begin with the right one, then why each of the others is wrong.",
            r"\A[^\n]*(?:“|\()",
        ),
    ],
)
def test_the_system_message_sets_the_manner(system: str, sign: str) -> None:
    assert re.search(sign, ask("What falls from clouds?\nOptions:\n(A) rain\n(B) bread\n(C) wool", system))


def test_the_same_request_repeats_whatever_else_happens() -> None:
    question = "Why do some rivers freeze in winter?"
    first = ask(question, seed=3)
    random.seed(99)
    ask("Something else entirely?")
    assert ask(question, seed=3) == first


ANSWER_ALL = """
import hashlib, json, sys
from bezoar_data.llms.offline.judge import Judged, Pick, judge
from bezoar_data.llms.offline.teacher import write_answer
found = hashlib.sha256()
for prompt in json.load(sys.stdin):
    answer = write_answer([{"role": "user", "content": prompt}])
    found.update(repr((answer, judge(Judged(prompt, answer), Pick(prompt)))).encode())
print(found.hexdigest())
"""


def test_another_process_gives_the_same_answers() -> None:
    """Sets have another order in each process: none of it may show."""
    text = "The old mill by the river burned down in March because a lamp fell over. It had stood for ninety years."
    forms = (
        "What happened to the mill {}?",
        "Which?\nOptions:\n- mill {}\n- river\n- lamp",
        "Summarize the text above. {}",
    )
    prompts = json.dumps([f"{text}\n\n{form.format(i)}" for i in range(40) for form in forms])
    digests = {
        subprocess.run(
            [sys.executable, "-c", ANSWER_ALL],
            input=prompts,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


def test_seed_attempt_and_sample_give_other_answers() -> None:
    question = "Why do some rivers freeze in winter?"
    answers = [ask(question, sample=k) for k in range(5)]
    assert len(set(answers)) == 5
    others = {ask(question, attempt=k) for k in range(6)}
    assert len(others) > 1
    assert len({ask(question, seed=k) for k in range(6)}) > 1


@settings(max_examples=150)
@given(st.text(max_size=400), st.text(max_size=60))
def test_any_text_gets_an_answer(text: str, system: str) -> None:
    assert ask(text, system).strip()


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            ["Options:", "(A)", "- yes", "Premise: x", "Q:", "\n", "12", "%", "of", "Definition:", "how many", "?", "="]
        ),
        max_size=14,
    )
)
def test_any_mixture_of_forms_gets_an_answer(pieces: list[str]) -> None:
    assert ask(" ".join(pieces)).strip()


def test_a_very_long_prompt_is_answered_from_its_beginning() -> None:
    prompt = "Summarize: " + "The river rises in spring and falls in autumn. " * 20_000
    assert "river" in ask(prompt)


@given(st.text(max_size=200), st.integers(1, 60))
def test_cutting_keeps_within_the_limit(text: str, most: int) -> None:
    kept, cut = cut_tokens(text, most)
    assert count_tokens(kept) <= most
    assert text.startswith(kept)
    assert cut == (kept != text)


def test_forms_of_a_word_share_a_stem() -> None:
    assert stem("molecules") == stem("molecular")
    assert stem("running") == stem("runs")
    assert stem("cat") != stem("dog")


def test_every_skill_is_used_by_some_prompt() -> None:
    prompts = [
        "What is 3 + 4?",
        "Reverse the list: [1, 2, 3]",
        ENTAILMENT.format("A woman is outside."),
        "Sentence 1: He ran.\nSentence 2: He walked.\nDo they mean the same?",
        "Review: Lovely.\nIs this review positive or negative?",
        "Translate into French: Good morning.",
        "Summarize: The old bridge was closed on Monday because of the flood. It reopens in May.",
        "Which?\nOptions:\n- sun\n- moon",
        "Write a question about this text: Bees can see ultraviolet light that people cannot.",
        "Keywords: boat, lake, evening\nWrite a sentence with these words.",
        "Rewrite the sentence in other words: We require additional chairs.",
        "Write a short poem about snow.",
        "Passage: The baker gets up at three every day.\nQuestion: When does the baker get up?",
        "Can a goat climb a tree?",
        "Why is the sea salty?",
    ]
    by_scheme = {"instructions", "invented", "evolve", "compare_prompts"}  # tested with the prompts of their schemes
    assert {skill_of(p) for p in prompts} == {skill.__name__ for skill in SKILLS} - by_scheme


async def test_the_provider_honours_samples_limits_and_stops() -> None:
    cls = provider_class("offline-teacher")
    messages = [{"role": "user", "content": "Give three tips for a calm morning."}]
    model = Model(provider="offline-teacher", model="offline")
    whole = await cls(model).complete(Request(model=model, messages=messages, samples=(0, 1, 2)))
    assert cls.demo
    assert not cls.needs_network
    assert len({c.text for c in whole}) == 3
    assert {c.finish_reason for c in whole} == {"stop"}
    assert [c.completion_tokens for c in whole] == [count_tokens(c.text) for c in whole]
    assert sum(c.prompt_tokens or 0 for c in whole) == count_tokens(messages[0]["content"])

    short = Model(provider="offline-teacher", model="offline", sampling={"max_tokens": 12})
    (cut,) = await cls(short).complete(Request(model=short, messages=messages))
    assert cut.finish_reason == "length"
    assert cut.completion_tokens == 12
    assert whole[0].text.startswith(cut.text)

    stopped = Model(provider="offline-teacher", model="offline", sampling={"stop": ["\n\n"]})
    (first,) = await cls(stopped).complete(Request(model=stopped, messages=messages))
    assert first.text == whole[0].text.split("\n\n")[0]
    assert first.finish_reason == "stop"


async def test_a_later_sample_alone_equals_itself_among_others() -> None:
    """The journal may hold some samples already: the rest must come out as if asked with them."""
    cls = provider_class("offline-teacher")
    model = Model(provider="offline-teacher", model="offline")
    messages = [{"role": "user", "content": "Why do cats purr?"}]
    together = await cls(model).complete(Request(model=model, messages=messages, samples=(0, 1, 2, 3)))
    (alone,) = await cls(model).complete(Request(model=model, messages=messages, samples=(3,)))
    assert alone.text == together[3].text


@pytest.mark.parametrize("piece", [" ", "\n", "(A) ", "Mr. ", "1 ", "a=", "Q:\n", '"', "how many ", "- a\n", "x", "."])
def test_floods_of_one_thing_take_little_time(piece: str) -> None:
    """A seed file may hold anything; one row must not stop a run. Patterns that backtrack would take minutes here."""
    text = "a (A) b (B) c" + piece * (40_000 // len(piece)) + "z"
    start = time.process_time()
    ask(text)
    judge(Judged(text, text), Pick("flood"))
    assert time.process_time() - start < 3
