"""A row as training text: the prompt stands once, the answer is the assistant's last turn, or the row is left out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.runs.conversations.turns import Unread
from bezoar_data.runs.conversations.views import Example, kind_of, read_view
from bezoar_data.runs.values import as_json_text


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


SYSTEM = {"role": "system", "content": "Be brief"}
ASKED = user("Which fish?")
PERCH, NO = says("Perch"), says("No")
LONG = [SYSTEM, user("Hi"), says("Hello"), ASKED]
CALLED = says("", tool_calls=[{"type": "function", "function": {"name": "look", "arguments": "{}"}}])
FOUND = {"role": "tool", "content": "a perch"}


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "before"),
    [
        ("Which fish?", "Perch", "No", [ASKED]),
        ([ASKED], [PERCH], [NO], [ASKED]),
        # whole dialogues on both sides, with a prompt column or without, as text or turns, wherever it stands in them
        ("Which fish?", [ASKED, PERCH], [ASKED, NO], [ASKED]),
        (None, [ASKED, PERCH], [ASKED, NO], [ASKED]),
        ("Which fish?", [user("Which fish? "), PERCH], [user("Which fish? "), NO], [user("Which fish? ")]),
        ("Which fish?", [SYSTEM, ASKED, PERCH], [SYSTEM, ASKED, NO], [SYSTEM, ASKED]),
        ([SYSTEM, ASKED], [ASKED, PERCH], [ASKED, NO], [SYSTEM, ASKED]),
        ([SYSTEM], [ASKED, PERCH], [ASKED, NO], [SYSTEM, ASKED]),
        (LONG, [*LONG, PERCH], [*LONG, NO], LONG),
        ("Hi", [*LONG, PERCH], [*LONG, NO], LONG),
        ("Which fish?", [*LONG, PERCH], [*LONG, NO], LONG),
        # one side whole, the other an answer; sides that go on from the prompt for several turns they share
        ([ASKED], [ASKED, PERCH], [NO], [ASKED]),
        ([user("Hi")], [says("Hello"), ASKED, PERCH], [says("Hello"), ASKED, NO], LONG[1:]),
        ([ASKED], [CALLED, FOUND, PERCH], [CALLED, FOUND, NO], [ASKED, CALLED, FOUND]),
        # LLaMA-Factory's sides, one turn each; ShareGPT's dialogues
        ("Which fish?", {"from": "gpt", "value": "Perch"}, {"from": "gpt", "value": "No"}, [ASKED]),
        (None, [{"from": "human", "value": "Which fish?"}, {"from": "gpt", "value": "Perch"}], [ASKED, NO], [ASKED]),
        # as they stand in a column that holds texts in other rows
        (as_json_text([ASKED]), as_json_text([PERCH]), as_json_text([NO]), [ASKED]),
        ("Which fish?", [ASKED, says(as_json_text([{"type": "text", "text": "Perch"}]))], [ASKED, NO], [ASKED]),
    ],
)
def test_a_pair_has_its_prompt_once_and_the_last_turn_as_its_answer(
    prompt: Any, chosen: Any, rejected: Any, before: list[Any]
):
    found = read_view("preference", {"prompt": prompt, "chosen": chosen, "rejected": rejected, "margin": "1.5"})
    assert found == Example(before, [PERCH], [NO], 1.5)


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "reason"),
    [
        ("Which fish?", [ASKED, PERCH], [ASKED, says("")], "empty"),
        ("Which fish?", "Perch", "", "empty"),
        ("Which fish?", "Perch", None, "empty"),
        ("Which fish?", "Perch", [], "empty"),
        ("Which fish?", [ASKED, PERCH], "[]", "empty"),
        ("", "Perch", "No", "empty"),
        (None, [PERCH], [NO], "empty"),
        ("Which fish?", [ASKED, PERCH], [ASKED], "no_reply"),
        ("Which fish?", [ASKED, PERCH, user("Why?")], [ASKED, NO], "no_reply"),
        ("Which bird?", [ASKED, PERCH], [ASKED, NO], "prompts_differ"),
        ("Which fish?", [ASKED, PERCH], [user("Which bird?"), NO], "prompts_differ"),
        (None, [ASKED, PERCH], [user("Which bird?"), NO], "history"),
        (None, [*LONG, PERCH], [ASKED, NO], "history"),
        ("Which fish?", [ASKED, CALLED, FOUND, PERCH], [ASKED, NO], "history"),
        ("Which fish?", "Perch", "Perch", "identical"),
        ("Which fish?", [ASKED, says("Perch", weight=1)], [PERCH], "identical"),
        ("Which fish?", "Perch", 5, "not_text"),
        ("Which fish?", [{"role": None, "content": "Perch"}], "No", "roles"),
    ],
)
def test_a_pair_that_is_none_is_left_out_with_its_reason(prompt: Any, chosen: Any, rejected: Any, reason: str):
    found = read_view("preference", {"prompt": prompt, "chosen": chosen, "rejected": rejected})
    assert isinstance(found, Unread)
    assert found.reason == reason
    assert re.search("prompt|chosen|rejected|asked|sides|answers|response", found.detail)


@pytest.mark.parametrize("margin", ["large", True, "nan", [1]])
def test_a_margin_is_a_number(margin: Any):
    found = read_view("preference", {"prompt": "q", "chosen": "a", "rejected": "b", "margin": margin})
    assert isinstance(found, Unread)
    assert found.reason == "margin"


def test_a_context_follows_the_prompt_after_a_blank_line():
    parts = {"system": "Be brief", "prompt": "Who?", "context": "Ann came.", "response": "Ann"}
    found = read_view("sft", parts)
    assert isinstance(found, Example)
    assert [turn["content"] for turn in found.prompt] == ["Be brief", "Who?\n\nAnn came."]
    for nothing in (None, "", " \u200b"):
        found = read_view("sft", {**parts, "context": nothing})
        assert isinstance(found, Example)
        assert found.prompt[-1]["content"] == "Who?"
    assert read_view("sft", {**parts, "context": 3}) == Unread("not_text", "the context is not text")
    assert read_view("preference", {**parts, "chosen": "Ann", "rejected": "Bo"}) == Example(
        [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Who?\n\nAnn came."}],
        [{"role": "assistant", "content": "Ann"}],
        [{"role": "assistant", "content": "Bo"}],
    )


def test_questions_with_answers_and_conversations():
    tools = [{"type": "function", "function": {"name": "look"}}]
    parts = {"system": "Be brief", "prompt": "Which fish?", "response": "Perch", "tools": json.dumps(tools)}
    assert read_view("sft", parts) == Example([SYSTEM, ASKED], [PERCH], tools=tools)
    assert read_view("sft", {"system": "Be brief", "prompt": [SYSTEM, ASKED], "response": [SYSTEM, ASKED, PERCH]}) == (
        Example([SYSTEM, ASKED], [PERCH])
    )
    assert read_view("messages", {"messages": [*LONG, PERCH]}) == Example(LONG, [PERCH])
    assert read_view("messages", {"messages": json.dumps([ASKED, CALLED])}) == Example([ASKED], [CALLED])
    greeting = [says("Hello, I am Bo."), ASKED, PERCH]
    assert read_view("messages", {"messages": greeting}) == Example(greeting[:2], [PERCH])


@pytest.mark.parametrize(
    ("kind", "parts", "reason"),
    [
        ("messages", {"messages": LONG}, "no_reply"),
        ("messages", {"messages": [ASKED, CALLED, FOUND]}, "no_reply"),
        ("messages", {"messages": []}, "empty"),
        ("messages", {"messages": None}, "empty"),
        ("messages", {"messages": [PERCH]}, "empty"),
        ("messages", {"messages": [SYSTEM, PERCH]}, "empty"),
        ("messages", {"messages": "Which fish?"}, "no_reply"),
        ("messages", {"messages": [ASKED, PERCH], "tools": "a hammer"}, "tools"),
        ("sft", {"prompt": "Which fish?", "response": ""}, "empty"),
        ("sft", {"prompt": "Which fish?", "response": [ASKED]}, "no_reply"),
        ("sft", {"system": "Be long", "prompt": [SYSTEM, ASKED], "response": "Perch"}, "prompts_differ"),
    ],
)
def test_what_is_no_training_text_is_left_out_with_its_reason(kind: str, parts: dict[str, Any], reason: str):
    found = read_view(kind, parts)
    assert isinstance(found, Unread)
    assert found.reason == reason


TEXTS = st.text(min_size=1, max_size=5).filter(lambda text: text.isprintable() and not text.isspace())
HISTORIES = st.lists(st.tuples(TEXTS, TEXTS), max_size=2)


@given(HISTORIES, TEXTS, TEXTS, TEXTS, st.booleans(), st.booleans())
def test_however_a_pair_is_laid_out_it_is_the_same_pair(
    history: Any, asked: str, good: str, bad: str, system: bool, whole: bool
):
    before = [SYSTEM] * system + [t for q, a in history for t in (user(q), says(a))] + [user(asked)]
    sides = {"chosen": [says(good)], "rejected": [says(bad)]}
    implicit = {side: [*before, *said] for side, said in sides.items()}
    found = read_view("preference", {"prompt": before, **(implicit if whole else sides)})
    assert found == read_view("preference", implicit)
    if isinstance(found, Unread):
        assert found.reason == "identical"
        assert good == bad
    else:
        assert (found.messages, found.worse) == ([*before, says(good)], [*before, says(bad)])


def test_a_view_is_known_by_its_parts():
    views = {"sft": {"prompt": "p", "response": "r"}, "messages": {"messages": "m"}}
    views["preference"] = {"chosen": "c", "rejected": "r"}
    assert {kind: kind_of(view) for kind, view in views.items()} == {kind: kind for kind in views}


RATED = {"prompt": "q", "response": "a", "attributes.helpfulness": "h", "attributes.tone": "t"}


def test_a_rated_answer_has_its_ratings_beside_it():
    assert kind_of(RATED) == "rating"
    parts = {"prompt": "Which fish?", "response": "Perch", "attributes.helpfulness": 3, "attributes.tone": None}
    found = read_view("rating", parts)
    assert isinstance(found, Example)
    assert (found.prompt, found.answer, found.rejected) == ([ASKED], [PERCH], None)
    assert found.ratings == {"helpfulness": 3.0, "tone": None}
    found = read_view("rating", {**parts, "attributes.tone": " 2.5 ", "attributes.helpfulness": ""})
    assert isinstance(found, Example)
    assert found.ratings == {"helpfulness": None, "tone": 2.5}


@pytest.mark.parametrize("rating", ["good", True, float("nan"), float("inf"), [4]])
def test_a_rating_is_a_number(rating: Any):
    found = read_view("rating", {"prompt": "q", "response": "a", "attributes.tone": rating})
    assert isinstance(found, Unread)
    assert found.reason == "rating"
