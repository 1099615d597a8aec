"""What is in the journal's key and what is not: one test for each line of the design's table."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.config.files.models import Limits, Model, Price, Sampling
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.journal.request_key import KeyMaker, model_part

MODEL = Model(
    provider="openai",
    model="some-model",
    base_url="http://localhost:8000/v1",
    sampling=Sampling(temperature=0.7, seed=3, max_tokens=512),
)
ASK = Ask(messages=[{"role": "system", "content": "Explain."}, {"role": "user", "content": "Why is the sky blue?"}])


def key(model: Model = MODEL, ask: Ask = ASK, sample: int = 0) -> str:
    return KeyMaker(model).key(ask, sample)


def changed(**changes: Any) -> Model:
    return MODEL.model_copy(update=changes)


def test_the_key_is_the_sha256_of_canonical_json() -> None:
    value = {"ask": {"attempt": 0, "messages": ASK.messages}, "model": model_part(MODEL), "sample": 2}
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert key(sample=2) == hashlib.sha256(text.encode()).hexdigest()


def test_keys_of_old_answers_never_change() -> None:
    """Whoever changes this makes every user pay for every answer again."""
    assert key() == "1a3f30e71081e7b5112fbc140b548bb16a26d7ec73b4f8a60b589cd16816ca67"


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": "anthropic"},
        {"model": "other-model"},
        {"revision": "abc123"},
        {"sampling": Sampling(temperature=0.8, seed=3, max_tokens=512)},
        {"sampling": Sampling(temperature=0.7, seed=4, max_tokens=512)},
        {"sampling": Sampling(temperature=0.7, seed=3, max_tokens=512, top_p=0.9)},
        {"sampling": Sampling(temperature=0.7, seed=3, max_tokens=512, stop=("\n",))},
        {"extra_body": {"min_p": 0.05}},
        {"extra_body": {"tools": [{"type": "function", "function": {"name": "f"}}]}},
        {"extra_body": {"options": {"mirostat": 2}}},
    ],
    ids=str,
)
def test_what_changes_an_answer_changes_the_key(changes: dict[str, Any]) -> None:
    assert key(changed(**changes)) != key()


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "http://other:9/v1"},
        {"limits": Limits(concurrency=1, timeout=1, total_timeout=2, requests_per_minute=3)},
        {"price": Price(input=1, output=2, read=date(2026, 1, 31))},
        {"extra_headers": {"X-Team": "a"}},
        {"api_key_env": "OTHER_API_KEY"},
        {"sampling": Sampling(temperature=0.7, seed=3, max_tokens=9)},
        {"sampling": Sampling(temperature=0.7, seed=3)},
        {"extra_body": {"max_completion_tokens": 9}},
        {"extra_body": {"options": {"num_predict": 9}}},
        {"extra_body": {"stream": True, "user": "me"}},
        {"fallbacks": (Model(provider="openai", model="other"),)},
    ],
    ids=str,
)
def test_what_only_changes_how_it_is_fetched_does_not_change_the_key(changes: dict[str, Any]) -> None:
    assert key(changed(**changes)) == key()


@pytest.mark.parametrize(
    "ask",
    [
        Ask(ASK.messages, attempt=1),
        Ask(ASK.messages, schema={"type": "object"}),
        Ask([{"role": "user", "content": "Why is the sky blue?"}]),
        Ask([ASK.messages[0], {"role": "user", "content": "Why is the sky blue? "}]),
        Ask([ASK.messages[0], {"role": "assistant", "content": "Why is the sky blue?"}]),
        Ask(list(reversed(ASK.messages))),
    ],
    ids=["attempt", "schema", "message left out", "template", "role", "order"],
)
def test_another_question_has_another_key(ask: Ask) -> None:
    assert key(ask=ask) != key()


def test_each_sample_has_its_own_key_whatever_n_was_asked() -> None:
    three = KeyMaker(MODEL).keys(Ask(ASK.messages, n=3))
    assert len(set(three)) == 3
    assert three == [key(sample=i) for i in range(3)]
    assert KeyMaker(MODEL).keys(Ask(ASK.messages, n=2)) == three[:2]
    assert KeyMaker(MODEL).key(ASK, 1) == three[1]


def test_the_order_in_which_values_are_written_is_no_difference() -> None:
    one = Ask([{"role": "user", "content": "x"}], schema={"type": "object", "title": "t"})
    two = Ask([{"content": "x", "role": "user"}], schema={"title": "t", "type": "object"})
    assert key(ask=one) == key(ask=two)
    assert key(changed(extra_body={"a": 1, "b": 2})) == key(changed(extra_body={"b": 2, "a": 1}))


def test_a_seed_of_nothing_but_a_lone_surrogate_has_a_key() -> None:
    assert len(key(ask=Ask([{"role": "user", "content": "\ud800"}]))) == 64


_TEXT = st.text(max_size=20)
_ASKS = st.builds(
    lambda contents, n: Ask([{"role": "user", "content": c} for c in contents], attempt=n),
    st.lists(_TEXT, min_size=1, max_size=3),
    st.integers(0, 3),
)


@settings(max_examples=200)
@given(_ASKS, _ASKS, st.integers(0, 3), st.integers(0, 3))
def test_keys_are_equal_exactly_when_the_questions_are(one: Ask, two: Ask, i: int, j: int) -> None:
    assert (key(ask=one, sample=i) == key(ask=two, sample=j)) == ((one, i) == (two, j))
