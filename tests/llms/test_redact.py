"""No key gets through, in no encoding it travels in; ordinary text passes unchanged."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.llms import redact as module
from bezoar_data.llms.redact import MARK, SHORTEST_SECRET, Redactor, redact, register_secret

SECRET = 'kK/7+plain"quoted\\back=%ü'


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_secrets", frozenset())
    monkeypatch.setattr(module, "_current", Redactor())


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET))[1:-1],
        json.dumps(SECRET).replace("/", "\\/")[1:-1],
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        html.escape(SECRET),
        "kK/7%2bplain%22quoted%5cback%3d%25%c3%bc",
    ],
)
def test_a_registered_secret_goes_in_each_encoding(form: str) -> None:
    register_secret(SECRET)
    cleaned = redact(f"error: key {form} is not valid")
    assert MARK in cleaned
    assert form not in cleaned
    assert cleaned.startswith("error: key ")
    assert cleaned.endswith("is not valid")


@pytest.mark.parametrize("user", ["", "me", "api", "user", "a-longer-name"])
def test_a_secret_goes_from_basic_authentication(user: str) -> None:
    secret = "0123456789abcdefghijklmnop"
    register_secret(secret)
    header = base64.b64encode(f"{user}:{secret}".encode()).decode()
    cleaned = redact(f"Authorization: Basic {header}")
    assert MARK in cleaned
    left = cleaned.split("Basic ")[1].replace(MARK, "").rstrip("=")
    assert len(left) < len(header) - len(secret)  # what remains is the user's name and a few bits


@settings(max_examples=100)
@given(st.text(min_size=SHORTEST_SECRET, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_no_secret_survives_between_any_texts(secret: str, before: str, after: str) -> None:
    cleaned = Redactor([secret])(before + secret + after)
    stripped = secret.strip()
    if len(stripped) >= SHORTEST_SECRET:
        assert all(stripped not in part for part in cleaned.split(MARK))


@pytest.mark.parametrize(
    "key",
    [
        "sk-" + "aB3" * 14,
        "sk-proj-" + "x_Y-9" * 10,
        "sk-ant-api03-" + "Zz0-" * 20,
        "sk-abcd************************wxyz",
        "hf_" + "AbCdEf" * 6,
        "gsk_" + "a1B2" * 12,
        "ghp_" + "a1B2" * 9,
        "ghu_" + "a1B2" * 9,
        "AIza" + "Sy0-_" * 7,
        "AKIA" + "ABCD0123" * 2,
        "xai-" + "a1b2" * 16,
    ],
)
def test_a_key_nobody_registered_goes_by_its_shape(key: str) -> None:
    body = '{"error": {"message": "Incorrect API key provided: %s"}}'
    assert redact(body % key) == body % MARK
    assert key not in redact(key)
    assert redact(f"Authorization: Bearer {key}") == f"Authorization: Bearer {MARK}"


def test_any_bearer_token_goes() -> None:
    assert redact("bearer abcDEF0123456789.xyz, then") == f"bearer {MARK}, then"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The bearer of bad news walked on.",
        "A risk-averse, task-oriented desk-based ask-me-anything session",
        "import sklearn; from sk-learn",
        "hf_model and AIza are short; sk-1 is a size",
        "the Bearer internationalization of it",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90",
    ],
)
def test_ordinary_text_passes_as_the_same_object(text: str) -> None:
    register_secret("a-registered-secret-0")
    assert redact(text) is text


@pytest.mark.parametrize("placeholder", ["", "EMPTY", "none", "x", "ollama", "  abc  "])
def test_a_placeholder_instead_of_a_key_damages_no_text(placeholder: str) -> None:
    register_secret(placeholder)
    assert redact(f"The list is {placeholder} here") == f"The list is {placeholder} here"


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    cleaned = Redactor(["secret-0001", "secret-0001-and-more"])("x secret-0001-and-more y")
    assert cleaned == f"x {MARK} y"


def test_what_a_registry_learns_holds_at_once_and_twice_is_once() -> None:
    assert redact("my-private-token") == "my-private-token"
    register_secret("my-private-token")
    register_secret("my-private-token")
    register_secret(None)
    assert redact("my-private-token") == MARK
