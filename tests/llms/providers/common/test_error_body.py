"""Bodies of errors: whatever stands in them is read without a fault, and tells no secret."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.llms.providers.common.error_body import DETAIL, read_error
from bezoar_data.llms.providers.common.http import failure_inside, failure_of
from bezoar_data.llms.redact import register_secret
from bezoar_data.llms.retry_policy import ProviderError, Refusal, Transient

SECRET = "planted-secret-0123456789"
NAMES = st.sampled_from(
    ["error", "message", "detail", "code", "type", "param", "loc", "msg", "metadata", "raw", "details", "retryDelay",
     "status", "reason", "input", "flagged_input", "base_resp", "promptFeedback", "blockReason", "filtered"]
)  # fmt: skip
LEAVES = st.sampled_from([SECRET, "", "2s", "429", 429, -1, 1.5, None, True, "rate limit", '{"error": "x"}', "[" * 50])
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=30
)


@given(body=BODIES, status=st.sampled_from([400, 401, 403, 413, 422, 429, 500, 503]))
def test_any_body_is_read_and_tells_no_secret(body: Any, status: int) -> None:
    register_secret(SECRET)
    raw = orjson.dumps(body)
    for failure in (failure_of(status, raw, {}), failure_inside(raw, {})):
        assert isinstance(failure, ProviderError)
        assert SECRET not in str(failure)
        assert len(str(failure)) < DETAIL + 100


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({}, "Rate limit reached. Please try again in 2.5s. Visit the page", 2.5),
        ({}, "Please try again in 1m30s.", 90.0),
        ({}, "Please retry after 20 seconds.", 20.0),
        ({}, "try again in 250ms", 0.25),
        ({"Retry-After": "7"}, "try again in 2s", 7.0),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, "", 360.0),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, "", None),
        ({}, "the model was asked 3 times in 2 seconds", None),
    ],
)
def test_the_endpoints_own_word_on_when_is_read(headers: dict[str, str], message: str, seconds: float | None) -> None:
    raw = json.dumps({"error": {"message": message, "code": "rate_limit_exceeded"}}).encode()
    failure = failure_of(429, raw, headers)
    assert isinstance(failure, Transient)
    assert failure.retry_after == seconds


def test_what_an_error_repeats_of_the_prompt_says_nothing() -> None:
    wrong = {"loc": ["body", "min_p"], "msg": "Input should be a number", "input": "maximum context length"}
    failure = failure_of(422, json.dumps({"detail": [wrong]}).encode(), {})
    assert isinstance(failure, Refusal)
    assert (failure.reason, failure.detail) == ("http_422", "body.min_p: Input should be a number")
    page = b"<html><head><title>502 Bad Gateway</title></head><body>rate limit, content policy</body></html>"
    assert (read_error(page).text, read_error(page).spoken) == ("a web page: 502 Bad Gateway", False)
