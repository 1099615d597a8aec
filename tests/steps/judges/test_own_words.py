"""Reasons of a judge's own against those that repeat the rubric: SmolLM2's real ones, and what good judges write."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from bezoar_data.measures.checks.verdict import judge as by_rules
from bezoar_data.runs.values import texts_in
from bezoar_data.steps.judges.own_words import OwnWords
from bezoar_data.steps.judges.reading import Parroted
from bezoar_data.steps.judges.rubric import AnyRubric, AttributeRubric, ComparisonRubric, Rubric, load_rubric, shipped

KINDS: tuple[type[AnyRubric], ...] = (Rubric, AttributeRubric, ComparisonRubric)
RUBRICS = {name: load_rubric(name, kind) for kind in KINDS for name in shipped(kind)}
GUARDS = {name: OwnWords(texts_in(rubric.model_dump())) for name, rubric in RUBRICS.items()}
BROKEN = "That verdict cannot be used: a JSON object in it is broken or breaks off."

HONEST = """\
The sum is right.
Right and clear.
The final answer is wrong: it should be {n}.
The answer matches the reference.
It gives {n}, but the reference is {m}.
The steps are sound, and the result agrees with the reference.
The response is correct, but it does not explain how it got there.
The response is correct and complete.
It answers the question and shows each step.
The response breaks off in the middle of a sentence.
The response ends in the middle of a word.
It refuses without giving a reason.
The reasoning holds until the last line, where {n} is taken for {m}.
It is off topic: the question was about {city}, and the response is about {other}.
The translation keeps the meaning, though "{city}" should not have been translated.
All three options are discussed, and (B) is chosen for a good reason.
It lists {n} items where {m} were asked for.
The poem does not rhyme, which was the one thing asked for.
The summary leaves out the main point, that {city} lost its harbour.
The code would fail on an empty list, and no test for that is given.
The response repeats the question and then the same sentence three times.
It is helpful and accurate, with a slightly long introduction.
The first response is correct; the second gives {n}, which is wrong.
The second response is better because it names {city}.
The first response is more complete, the second more concise; both are right.
Both responses are equally good.
Both are wrong: neither finds {n}.
The first invents a source, so the second is the better one.
The instruction makes sense and the answer to it is right.
The instruction asks for a text that is not given, yet the answer pretends to have read it.
The question is clear, and {city} is the right answer.
The tools are named, but no purpose is given for two of them.
Each line has five words, as demanded, and the rhyme is kept.
Two of the four conditions are met; the deadline and the budget are ignored.
The melting point is off by {n} degrees, and the rest is fine.
It uses everyday words and is easy to follow, but the date {n} is wrong.
The tone fits, the facts are right, and nothing is left open.
Only an expert would notice that {n} should be {m}.
It is rather long for what was asked, and the second half is not needed.
The explanation of refraction is wrong, although the conclusion happens to be true.
The response is in {other}'s language instead of English.
The label "Rewritten" is left in the instruction, so a person would not write it.
The rating is 4 because the unit is missing after {n}.
It cannot be used: the table it speaks of is missing.
The verdict is easy: {n} is plainly not prime."""
VALUES = (
    {"n": "48", "m": "52", "city": "Genoa", "other": "Lisbon"},
    {"n": "7", "m": "three", "city": "the Adriatic Sea", "other": "iron"},
    {"n": "1912", "m": "1921", "city": "Winterthur", "other": "mercury"},
)


def own(rubric: str, reason: str, **more: Any) -> bool:
    try:
        GUARDS[rubric].check(reason, **more)
    except Parroted:
        return False
    return True


def _changed(reason: str, two: tuple[int, int], other: str | None) -> str:
    words = [word if i not in two else other for i, word in enumerate(reason.split())]
    return " ".join(word for word in words if word is not None)


@pytest.mark.parametrize("rubric", RUBRICS)
def test_an_example_with_any_two_words_missing_or_changed_is_no_reason_of_ones_own(rubric: str) -> None:
    shown: Any = RUBRICS[rubric]
    for example in shown.examples:
        for two in combinations(range(len(example.reason.split())), 2):
            for other in (None, "pencil"):
                said = _changed(example.reason, two, other)
                assert not own(rubric, said), said
        assert not own(rubric, f"Yes. {example.reason} So I accept it.")


@pytest.mark.parametrize(
    ("rubric", "said"),
    [
        ("answer-quality", "Right, complete and clear; small things could be better."),
        ("answer-quality", "Is it clear, in the right language, and free of leftovers such as role names?"),
        ("answer-quality", "why, in one to three sentences."),
        ("evolved-instructions", "A demand that matters is not met, or what is said about it is wrong."),
        ("helpsteer2", "Entirely right, and nothing asked for is missing."),
        (
            "better-answer",
            "Which response stands first says nothing about it, nor does its length: words are no merit.",
        ),
    ],
)
def test_a_definition_of_the_rubric_is_no_reason_either(rubric: str, said: str) -> None:
    guard = OwnWords([*texts_in(RUBRICS[rubric].model_dump()), "why, in one to three sentences"])
    with pytest.raises(Parroted):
        guard.check(said)


@pytest.mark.parametrize("rubric", RUBRICS)
def test_reasons_of_good_judges_and_of_rules_are_their_own(rubric: str) -> None:
    for line in HONEST.splitlines():
        for values in VALUES:
            said = line.format(**values)
            assert own(rubric, said), said
            assert own(
                rubric, said, correction='That verdict cannot be used: "rating" must be a whole number from 1 to 5.'
            )
    for response, reference in (
        ("It is 48.", "48"),
        ("It is 4.", "48"),
        ("", ""),
        ("Well, I think", ""),
        ("No idea", "yes"),
    ):
        reason = by_rules(response, "How many rolls are there?", reference).reason
        assert own(rubric, reason, correction=BROKEN), reason


@pytest.mark.parametrize(
    "said",
    [
        "The JSON object is broken, and the response cannot be used by the user.",
        "The JSON is broken, so the sentence cannot be used for judgment.",
        "The JSON object is broken, and the document does not allow it.",
        "The question is clear and the answer is correct, but what is it? The JSON object is broken or broken off.",
        "The answer is not provided, and the JSON object is broken or broke.",
    ],
)
def test_what_a_small_model_made_of_our_correction_is_no_reason(said: str) -> None:
    material = "<instruction>\nWhich of these is a fish?\n</instruction>"
    assert not own("short-answers", said, correction=BROKEN, material=material)
    assert own("short-answers", said), "only a correction that was given can be repeated"


def test_a_response_that_is_json_may_be_said_to_be_json() -> None:
    material = "<instruction>\nGive it as a JSON object.\n</instruction>\n\n<response>\n{broken\n</response>"
    assert own("short-answers", "The JSON object is broken: a brace is missing.", correction=BROKEN, material=material)
