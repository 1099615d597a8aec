"""One inner form: every common spelling is read into it whole, or told why not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.runs.conversations.spellings import ROLES
from bezoar_data.runs.conversations.turns import Unread, as_text, read_tools, read_turns

ARGUMENTS = '{"c":"Ghent"}'
CALL = {"type": "function", "function": {"name": "w", "arguments": ARGUMENTS}}
ASKED = {"role": "user", "content": "q"}


def said(content: str = "a", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


@pytest.mark.parametrize(
    ("spelled", "role"),
    [
        *((word, "user") for word in ("user", "Human", "USER", "prompter", " human ")),
        *((word, "assistant") for word in ("assistant", "gpt", "GPT", "chatgpt", "BOT", "Model", "AI", "bard")),
        *((word, "system") for word in ("system", "System", "developer")),
        *((word, "tool") for word in ("tool", "function", "observation", "ipython", "tool_response")),
    ],
)
def test_usual_spellings_of_roles_whatever_their_case(spelled: str, role: str):
    for turn in ({"role": spelled, "content": "x"}, {"from": spelled, "value": "x"}):
        assert read_turns([turn], "user") == [{"role": role, "content": "x"}]


def test_other_roles_are_mapped_or_dropped_with_a_hint_that_names_the_setting():
    turns = [{"role": "Customer", "content": "q"}, {"role": "agent", "content": "a"}]
    unread = read_turns(turns, "user")
    assert isinstance(unread, Unread)
    assert unread.reason == "roles"
    assert "roles: {Customer: " in unread.detail
    assert read_turns(turns, "user", roles={"customer": "user", "Agent": "assistant"}) == [ASKED, said()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # parts of text; keys that Parquet added; both spellings side by side
        ([{"role": "user", "content": [{"type": "text", "text": "q"}]}], [ASKED]),
        ([{"role": "user", "content": [{"type": "text", "text": "q", "image": None}], "name": None}], [ASKED]),
        ([{"role": "user", "content": ["a ", {"type": "input_text", "text": "b"}]}], [{**ASKED, "content": "a b"}]),
        ([{"role": None, "content": None, "from": "human", "value": "q"}], [ASKED]),
        # calls: OpenAI's, its first ones, ShareGPT's and LLaMA-Factory's, arguments as text or not, lists as JSON text
        ([said("", tool_calls=[CALL])], [said("", tool_calls=[CALL])]),
        ([{"role": "assistant", "content": None, "tool_calls": [CALL]}], [said("", tool_calls=[CALL])]),
        ([said("", tool_calls=json.dumps([CALL]))], [said("", tool_calls=[CALL])]),
        ([said("Wait.", tool_calls=[{"function": {"name": "w", "arguments": {"é": 1}}, "id": 1}])],
         [said("Wait.", tool_calls=[{"id": "1", **CALL, "function": {"name": "w", "arguments": '{"é": 1}'}}])]),
        ([said("", function_call={"name": "w", "arguments": ARGUMENTS})], [said("", tool_calls=[CALL])]),
        ([{"from": "function_call", "value": '{"name": "w", "arguments": {}}'}, {"from": "observation", "value": "12"}],
         [said("", tool_calls=[{"type": "function", "function": {"name": "w", "arguments": "{}"}}]),
          {"role": "tool", "content": "12"}]),
        ([{"role": "tool", "content": "", "tool_call_id": "c1", "name": "w"}],
         [{"role": "tool", "content": "", "tool_call_id": "c1", "name": "w"}]),
        # thoughts, weights, and keys nobody knows
        ([said(reasoning="why")], [said(reasoning_content="why")]),
        ([said([{"type": "thinking", "thinking": "why"}, {"type": "text", "text": "a"}])],
         [said(reasoning_content="why")]),
        ([said(weight=0.0), said(train=True), said(mask=True), said(loss=0.31)],
         [said(weight=0), said(weight=1), said(weight=0), said(loss=0.31)]),
        ([said(timestamp=3, tags={"x": None, "y": 1}, tool_calls=[], reasoning_content="")],
         [said(timestamp=3, tags={"y": 1})]),
        # texts, one turn alone, Alpaca's history, nothing
        ("q", [ASKED]),
        ({"from": "gpt", "value": "a"}, [said()]),
        ([["q", "a"], ["q", "b"]], [ASKED, said(), ASKED, said("b")]),
        *((nothing, []) for nothing in (None, "", " \u200b", [])),
    ],
)  # fmt: skip
def test_every_spelling_is_read_into_one_form(given: Any, expected: Any):
    assert read_turns(given, "user") == expected


@pytest.mark.parametrize(
    ("given", "reason", "detail"),
    [
        ([{"role": None, "content": "q"}], "roles", "turn 1 of 1 has no role"),
        ([ASKED, {"content": "a"}], "roles", "turn 2 of 2 has no role"),
        ([{"role": 1, "content": "q"}], "roles", "a number as its role"),
        ([ASKED, said(" \u2060")], "empty", r"turn 2 of 2 \(assistant\) says nothing"),
        ([{"role": "user", "content": None, "tool_calls": [CALL]}], "empty", "says nothing"),
        (
            [{"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image_url"}]}],
            "not_text",
            "image_url",
        ),
        ([{"role": "user", "content": {"text": "q"}}], "not_text", "a mapping, not text"),
        ([{"role": "user", "content": 5}], "not_text", "a number, not text"),
        (5, "not_text", "int"),
        (True, "not_text", "bool"),
        (["q", "a"], "not_turns", "turn 1 of 2 is a text"),
        ([None], "not_turns", "turn 1 of 1 is null"),
        ({"a": "b"}, "not_turns", "without a role"),
        ([said("", tool_calls=[{"function": {"arguments": "{}"}}])], "tool_calls", "no name"),
        ([said(tool_calls="later")], "tool_calls", "not a list"),
        ([{"from": "function_call", "value": "w(Ghent)"}], "tool_calls", "turn 1 of 1"),
        ([said(weight=0.5)], "weight", "0.5"),
        ([said(weight=1, train=False)], "weight", "says two things"),
        ([said(name={"first": "Bo"})], "not_text", "`name` is a mapping"),
        ([said("a\ud83e")], "not_unicode", ""),
        ([{**ASKED, "x": json.loads("[" * 900 + "]" * 900)}], "not_turns", "too deep"),
        ([{**ASKED, "x": json.loads("[" * 300 + "]" * 300)}], "not_turns", "too deep"),
        ([said("", tool_calls=[{"function": {"name": "w", "arguments": "\ud83e"}}])], "not_unicode", ""),
    ],
)
def test_what_cannot_be_read_whole_is_told_with_its_reason(given: Any, reason: str, detail: str):
    unread = read_turns(given, "user")
    assert isinstance(unread, Unread)
    assert unread.reason == reason
    assert re.search(detail, unread.detail)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "role",
    "from",
    "content",
    "value",
    "tool_calls",
    "function_call",
    "name",
    "weight",
    "train",
    "mask",
    "thinking",
)
FUNCTIONS = st.fixed_dictionaries({"name": st.text(max_size=3)}, optional={"arguments": VALUES, "strict": VALUES})
CALLS = st.lists(st.fixed_dictionaries({"function": FUNCTIONS}, optional={"id": SCALARS, "type": SCALARS}), max_size=2)
WORDS = st.sampled_from([*ROLES, "Human", "gpt", "function_call", "narrator"])
PARTS = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["text", "image", "thinking"]), "text": SCALARS}), max_size=2
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": WORDS, "content": st.text(max_size=6) | PARTS},
        optional={"tool_calls": CALLS, "weight": st.sampled_from([0, 1, 1.0, True]), "name": SCALARS, "x": VALUES},
    ),
    max_size=4,
)  # fmt: skip
LOOSE = st.lists(
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), VALUES | WORDS | CALLS, max_size=5), max_size=3
)


@given(VALUES | TURNS | LOOSE, st.sampled_from(ROLES))
def test_any_value_is_turns_or_unread_and_what_was_read_is_read_again_as_it_is(value: Any, role: str):
    turns = read_turns(value, role)
    if isinstance(turns, Unread):
        assert turns.reason.isidentifier()
        return
    assert all(turn["role"] in ROLES and isinstance(turn["content"], str) for turn in turns)
    assert read_turns(turns, role) == turns
    assert read_turns(json.loads(json.dumps(turns)), role) == turns
    assert isinstance(as_text(turns), str)
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        assert len(turns) == len(value), "no turn is cut out"


@pytest.mark.parametrize("empty", [None, "", "[]", []])
def test_tools_in_openais_form_as_list_or_as_text(empty: Any):
    bare = {"name": "w", "parameters": {"z": 1, "a": 2}}
    tools = [{"type": "function", "function": bare}]
    for spelled in ([bare], json.dumps([bare]), tools, json.dumps(tools), bare):
        found = read_tools(spelled)
        assert json.dumps(found) == json.dumps(tools), "the order of keys is what a model sees"
    assert read_tools(empty) is None
    assert isinstance(read_tools("a hammer"), Unread)


def test_people_and_judges_see_all_of_a_turn():
    turns = [
        ASKED,
        said("Wait.", tool_calls=[CALL], reasoning_content="why"),
        {"role": "tool", "name": "w", "content": "12"},
    ]
    shown = '[user]\nq\n\n[assistant]\n<think>\nwhy\n</think>\nWait.\nw({"c":"Ghent"})\n\n[tool: w]\n12'
    assert as_text(turns) == shown
