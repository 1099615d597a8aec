"""What an endpoint's error says: one table of causes, by the codes and the words that tell them.

Endpoints agree neither on statuses nor on codes. A flagged prompt comes as 400 or 403, a wrong key as 400 or 401, a
rate limit as 429 or 413, a prompt that is too long as 400, 413, 422 or 500. So the code comes first, then the words,
and the bare status (`retry_policy`) where neither is known. Words are those of OpenAI, Azure, Anthropic, Gemini,
Bedrock, Mistral, Groq, DeepSeek, OpenRouter, DashScope, vLLM, llama.cpp, Ollama, LM Studio, TGI and one-api; they are
looked for in the endpoint's own message only, never in what it repeats of a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from bezoar_data.llms.refusals import RefusalReason

ErrorCause = Literal[
    "bad_key",
    "no_credit",
    "content_filter",
    "rate_limited",
    "context_too_long",
    "unsupported_parameter",
]
"""Those that are refusals stand in `refusals` too, with what cures them."""


@dataclass(frozen=True, slots=True)
class Signs:
    """How a cause is told, and what it means: `run`: no request will be answered; `wait`: this one will be, later;
    `row`: this one never, because of what it says; `asking`: none that is asked in this way."""

    means: Literal["run", "wait", "row", "asking"]
    codes: frozenset[str]
    words: re.Pattern[str]


def _signs(means: Literal["run", "wait", "row", "asking"], codes: str, *words: str) -> Signs:
    return Signs(means, frozenset(codes.lower().split()), re.compile("|".join(words), re.IGNORECASE))


CAUSES: Mapping[ErrorCause, Signs] = {
    "bad_key": _signs(
        "run",
        "invalid_api_key api_key_invalid authentication_error unauthenticated api_key_service_blocked",
        r"api[ _-]?key (is )?(not (valid|found)|invalid|expired|incorrect|missing)",
        r"(invalid|incorrect|missing|expired|no) api[ _-]?key",
    ),
    "no_credit": _signs(
        "run",
        "insufficient_quota billing_hard_limit_reached billing_not_active billing_error insufficient_balance "
        "insufficient_user_quota arrearage payment_required",
        r"credit balance is too low|insufficient (account )?(balance|credits?|funds)",
    ),
    "content_filter": _signs(
        "row",
        "content_filter responsibleaipolicyviolation content_policy_violation data_inspection_failed "
        "datainspectionfailed moderation_blocked flagged_input prohibited_content guardrail_intervened 1301",
        r"content[ -](management|filter(ing)?|moderation|safety|usage)?s? ?polic",
        r"\b(input|prompt|content|request|output|response|message|text|it)s?\b[\w ]{0,24}\b(flagged|filtered)\b",
        r"content exists risk|inappropriate content|unsafe content|sensitive content|requires moderation",
        r"violat\w+ .{0,40}polic|blocked (by|due to|because of) .{0,40}(filter|safety|guardrail|polic|other)",
    ),
    "rate_limited": _signs(
        "wait",
        "rate_limit_exceeded rate_limit_error rate_limit_reached too_many_requests resource_exhausted",
        r"rate.?limit|too many requests|(tokens|requests) per (second|min|minute|hour|day)\b",
    ),
    "context_too_long": _signs(
        "row",
        "context_length_exceeded exceed_context_size_error context_window_exceeded string_above_max_length "
        "tokens_limit_reached request_too_large",
        r"(maximum|max|available|model'?s?|supported) (prompt |input |context |sequence )*(length|size|window)",
        r"context (length|window|size|limit)|context overflow|reduce (the|your) (length|message|prompt|input)",
        r"(prompt|input|request|message|conversation)s?( \([^)]*\))?( is| are| was)? too (long|large)",
        r"too many (input |prompt )?tokens|input token count|tokens` .{0,30}must be <=",
        r"exceeds? (the |this )?(maximum|max|limit|model|context|available)\b.{0,60}(tokens?|context|length)",
    ),
    "unsupported_parameter": _signs(
        "asking",
        "unsupported_parameter unsupported_value unknown_parameter extra_forbidden unrecognized_parameter",
        r"unsupported|not (currently )?supported|(does|do) ?(not|n't) support|unrecogni[sz]ed|unavailable now",
        r"(unknown|unexpected|invalid) (name|parameter|field|argument|keyword|property)",
        r"extra (inputs?|fields?) .{0,20}not (permitted|allowed)|extraneous key|not enabled for|must alternate",
        r"cannot both be|(may|can) only be (set|used)|only [\d.]+ is allowed|deprecated for|only one cand",
        r"(must|should) be (at most )?1\b",
    ),
}

REASONS: tuple[RefusalReason, ...] = ("content_filter", "context_too_long", "unsupported_parameter")
"""Causes with which a row is dropped."""

STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400, "invalid_argument": 400, "badrequesterror": 400, "bad_request": 400,
    "context_length_exceeded": 400, "content_filter": 400, "unsupported_parameter": 400, "unsupported_value": 400,
    "exceed_context_size_error": 400, "failed_precondition": 400,
    "invalid_api_key": 401, "authentication_error": 401, "unauthenticated": 401,
    "billing_error": 402, "insufficient_quota": 402, "insufficient_balance": 402,
    "permission_error": 403, "permission_denied": 403,
    "not_found_error": 404, "notfounderror": 404, "model_not_found": 404, "not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429, "rate_limit_exceeded": 429, "too_many_requests": 429, "resource_exhausted": 429,
    "api_error": 500, "server_error": 500, "internal_server_error": 500, "internal_error": 500, "internal": 500,
    "service_unavailable": 503, "unavailable": 503, "deadline_exceeded": 504, "timeout": 504, "timeout_error": 504,
    "overloaded_error": 529, "overloaded": 529,
}  # fmt: skip
"""Error codes in words, as the statuses they come with elsewhere."""

_TOO_LARGE = re.compile(r"limit:? (\d[\d,]*).{0,40}requested:? (\d[\d,]*)", re.IGNORECASE)


def cause_of(codes: Collection[str], words: str) -> ErrorCause | None:
    """What an error says, by its codes (in lower case), else by its words; None where neither is known."""
    for cause, signs in CAUSES.items():
        if not signs.codes.isdisjoint(codes):
            return cause
    return next((cause for cause, signs in CAUSES.items() if signs.words.search(words)), None)


def never_fits(words: str) -> bool:
    """Whether a rate limit's own figures say that this one request is larger than a whole minute's share."""
    found = _TOO_LARGE.search(words)
    return found is not None and int(found[2].replace(",", "")) > int(found[1].replace(",", ""))
