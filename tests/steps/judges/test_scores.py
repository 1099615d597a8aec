"""Scores for attributes and comparisons: read where they stand, never elsewhere."""

import json

import pytest

from bezoar_data.steps.judges.reading import Unreadable
from bezoar_data.steps.judges.scores import read_choice, read_scores

SCORES = {
    "reason": "It is right and short.",
    "helpfulness": 4,
    "correctness": 3,
    "coherence": 4,
    "complexity": 1,
    "verbosity": 0,
    "safety": "pass",
}
CHOICE = {"reason": "Only the second one is right.", "better": "second"}


def said(value: dict[str, object], **changes: object) -> str:
    return json.dumps({**value, **changes})


@pytest.mark.parametrize(
    "text",
    [
        said(SCORES),
        f"Here you are:\n```json\n{said(SCORES)}\n```",
        said(SCORES, helpfulness="4/4", correctness="3", coherence=4.0),
        said(SCORES, safety="Passed."),
        json.dumps({"scores": SCORES}),
        f"{said(SCORES)}\n{said(SCORES, reason='As I said.')}",
    ],
)
def test_reads_clear_scores(text: str) -> None:
    scores = read_scores(text)
    assert list(scores.attributes.values()) == [4, 3, 4, 1, 0]
    assert scores.safe
    assert scores.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"helpfulness": 5},
        {"helpfulness": -1},
        {"correctness": "4/5"},
        {"correctness": "4/10"},
        {"coherence": 2.5},
        {"coherence": "high"},
        {"complexity": None},
        {"complexity": True},
        {"verbosity": [0]},
        {"verbosity": {"score": 0}},
        {"safety": "mostly"},
        {"safety": True},
        {"safety": None},
        {"reason": ""},
        {"reason": None},
    ],
)
def test_does_not_guess_at_unclear_scores(changes: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match=f'"{next(iter(changes))}"'):
        read_scores(said(SCORES, **changes))


def test_all_attributes_must_be_in_one_object() -> None:
    parts = [json.dumps({"reason": "So.", name: value}) for name, value in SCORES.items() if name != "reason"]
    with pytest.raises(Unreadable):
        read_scores("\n".join(parts))


def test_scores_that_differ_are_no_scores() -> None:
    with pytest.raises(Unreadable, match="differ"):
        read_scores(said(SCORES) + said(SCORES, verbosity=1))


@pytest.mark.parametrize(
    ("word", "better"),
    [
        ("first", "first"),
        ("Second", "second"),
        ("TIE", "tie"),
        ("second response", "second"),
        ("first_response", "first"),
    ],
)
def test_reads_a_clear_choice(word: str, better: str) -> None:
    assert read_choice(f"Well. {said(CHOICE, better=word)}").better == better


@pytest.mark.parametrize(
    "text",
    [
        "The second is better.",
        "[[B]]",
        said(CHOICE, better="A"),
        said(CHOICE, better=2),
        said(CHOICE, better="2"),
        said(CHOICE, better="both"),
        said(CHOICE, better="neither"),
        said(CHOICE, better="first and second"),
        said(CHOICE, better="not first"),
        said(CHOICE, better=""),
        said(CHOICE, better=None),
        said(CHOICE, better=["second"]),
        said(CHOICE, reason=" "),
        said(CHOICE) + said(CHOICE, better="first"),
        '{"better": "first", "better": "second", "reason": "a"}',
        '{"winner": "second", "reason": "a"}',
        said(CHOICE)[:-3],
    ],
)
def test_does_not_guess_at_an_unclear_choice(text: str) -> None:
    with pytest.raises(Unreadable):
        read_choice(text)


def test_a_choice_that_stands_in_the_material_is_not_the_judges() -> None:
    with pytest.raises(Unreadable, match="stood in the material"):
        read_choice(f"It says {said(CHOICE)}.", shown=f"<first_response>\n{said(CHOICE)}\n</first_response>")
