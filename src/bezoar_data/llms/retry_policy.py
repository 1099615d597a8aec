"""What becomes of an LLM call that fails: how the failure is classified, what it counts against, and every constant.

A failure is one of three errors. `Refusal`: the same request would be refused again, so its row is dropped.
`Unauthorised`: no request will be answered with this key, so the run ends. `Transient`: the same request may be
answered later; `CAUSES` says what each cause counts against.

A request that keeps failing while others are answered is given up after some tries, and only its row is dropped. When
different requests fail and none is answered, it is the endpoint: nothing is given up, its circuit breaker opens, one
request at a time probes whether it is back, and after `max_outage` the run ends, to be resumed. An endpoint that never
said anything ends the run within seconds: then its address is wrong.

What an error's own codes and words say goes before its status (`error_signs`). A refusal tells of its row, or of how
the endpoint is asked: while an endpoint has never answered what is asked in this way, a refusal is not journalled, and
the first few in the same words end the run (`endpoint.first_answer`).

What a user sets (`timeout`, `total_timeout`, `max_outage`) stands in the models file, every other number in
`RetryPolicy`. Requests sent one by one (`endpoint`) and in batches (`batch`) follow the same policy.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from bezoar_data.llms.error_signs import CAUSES as SAID
from bezoar_data.llms.error_signs import REASONS, cause_of, never_fits
from bezoar_data.llms.refusals import RefusalReason

Cause = Literal[
    "rate_limited", "unavailable", "server_error", "timeout", "conflict", "connection", "cut", "garbage", "unfinished"
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a transient failure means."""

    is_try: bool = True
    """It counts against its request (as a try) and against the endpoint (as a request that failed)."""
    reached: bool = True
    """The endpoint was there: something came back."""
    overload: bool = False
    """The endpoint has too much to do: fewer requests at once from now on."""
    may_have_cost: bool = False
    """The model may have worked: under a budget, a failure without a bill counts at its worst case."""
    alone: bool = False
    """With no other request to compare with, it may still be the request's own fault."""


CAUSES: Mapping[Cause, Rule] = {
    "rate_limited": Rule(is_try=False, overload=True),  # HTTP 429
    "unavailable": Rule(overload=True),  # HTTP 503, 529: someone is there, but closed
    "server_error": Rule(alone=True),  # any other HTTP 5xx
    "timeout": Rule(reached=False, overload=True, may_have_cost=True, alone=True),  # HTTP 408, 504, 524, or ours
    "conflict": Rule(),  # HTTP 409, 425
    "connection": Rule(reached=False),  # nobody is there
    "cut": Rule(reached=False, may_have_cost=True, alone=True),  # the connection broke before the answer was whole
    "garbage": Rule(may_have_cost=True, alone=True),  # an answer that cannot be used
    "unfinished": Rule(may_have_cost=True, alone=True),  # part of an answer: its finish reason says that it failed
}

_TRANSIENT: Mapping[int, Cause] = {408: "timeout", 409: "conflict", 425: "conflict", 429: "rate_limited",
                                   503: "unavailable", 504: "timeout", 524: "timeout", 529: "unavailable"}  # fmt: skip
WRONG_ADDRESS = (404, 405)
"""From an endpoint that never answered anything, these tell of its address or its model, not of the request."""


class ProviderError(Exception):
    """A request that brought no answer. Its text may be shown and journalled: it holds no secret."""


class Refusal(ProviderError):
    """Deterministic: the endpoint would refuse the same request again. `reason` is the cause that its words tell
    (`error_signs.REASONS`), else its status; `fields` are the parts of the request that it names."""

    def __init__(
        self, status: int, detail: str, reason: RefusalReason | None = None, fields: Collection[str] = ()
    ) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status
        self.detail = detail
        self.reason = reason or f"http_{status}"
        self.fields = fields
        self.sent: object = None
        """How the request was made that was refused, where its provider can make it in several ways."""


class Unauthorised(ProviderError):
    """The endpoint does not take this key (HTTP 401, 403), or the account behind it has no credit left (402).

    `page`: a web page said so, perhaps a firewall's that found something in this one request.
    """

    def __init__(self, detail: str, *, page: bool = False, no_credit: bool = False) -> None:
        super().__init__(detail)
        self.page = page
        self.no_credit = no_credit


class Transient(ProviderError):
    """The same request may be answered later. `retry_after` is the endpoint's own word on when, in seconds.

    `billed` is what the failed request is known to have cost, in (prompt, completion) tokens; None means unknown.
    `too_large`: it is one that waiting will hardly help.
    """

    def __init__(
        self,
        cause: Cause,
        detail: str = "",
        retry_after: float | None = None,
        billed: tuple[int, int] | None = None,
        too_large: bool = False,
    ) -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.rule = CAUSES[cause]
        self.detail = detail
        self.retry_after = retry_after
        self.billed = billed
        self.too_large = too_large


def failure_of_status(
    status: int,
    detail: str,
    *,
    codes: Collection[str] = (),
    fields: Collection[str] = (),
    retry_after: float | None = None,
    spoken: bool = True,
) -> Refusal | Unauthorised | Transient:
    """What an HTTP status of 400 or more means. `codes` are the error codes in the body, in lower case; `fields` the
    parts of the request it names. Not `spoken`: the text is no API's own (a portal's page), nothing is read from it."""
    cause = cause_of(codes, detail if spoken else "")
    told, means = f"HTTP {status}: {detail}", SAID[cause].means if cause else None
    if status == 402 or cause == "no_credit":
        return Unauthorised(f"no credit left (HTTP {status}): {detail}", no_credit=True)
    if status == 401 or (cause == "bad_key" and status < 500 and status not in _TRANSIENT):
        return Unauthorised(f"authentication failed (HTTP {status}): {detail}")
    if means == "wait" or status == 429:
        return Transient("rate_limited", told, retry_after, too_large=never_fits(detail))
    if status in _TRANSIENT or (status >= 500 and means != "row"):
        return Transient(_TRANSIENT.get(status, "server_error"), told, retry_after)
    if status == 403 and means != "row":
        return Unauthorised(f"authentication failed (HTTP {status}): {detail}", page=not spoken)
    return Refusal(status, detail, next((reason for reason in REASONS if reason == cause), None), fields)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Every constant of what follows a failure. Times are seconds."""

    tries: int = 6
    """Failures of one request before it may be given up."""
    first_wait: float = 0.5
    """Back-off after the first failure; doubles with each, half of it at random."""
    longest_wait: float = 30.0
    others_answered: int = 3
    """So many answers to others since its first failure show that it is the request, not the endpoint."""
    alone: float = 60.0
    """How long a failing request is tried when no other tells whether it or the endpoint is bad."""
    few: int = 4
    """At most so many requests are given up like that in a row."""
    tries_with_fallback: int = 3
    """Failures of a request that another model can answer instead."""

    at_start: float = 5.0
    """How long an endpoint is tried that never said anything, or nothing that can be used."""
    unreached: int = 3
    """At least so many requests did not reach it before it counts as not there."""
    longest_wait_at_start: float = 1.0
    failing: int = 8
    """So many different requests failing with no answer in between open the circuit breaker."""
    silent: float = 15.0
    """How long requests fail before people are told why, where they are too few to open the circuit breaker."""
    probe: float = 5.0
    """Longest wait between two probes of an endpoint that is away."""
    rate_limited: int = 8
    """So many "too many requests" in a row speak of the endpoint: a spent quota, not too many requests at once."""
    not_found: int = 3
    """So many "not found" before the first answer mean that the address or the model's name is wrong."""
    alike: int = 3
    """So many refusals in the same words, and no answer, mean that the endpoint wants to be asked otherwise."""
    quiet: float = 0.5
    """So long a refusal before the first answer waits for one when no other request is on its way."""
    too_large: int = 3
    """So often a request is tried that the endpoint calls larger than its rate limit allows at all."""
    shrink: float = 0.65
    """What an overload leaves of the concurrency, once a second or round trip."""
    growth: float = 1 / 32
    """Share of the full concurrency that a round trip that goes well gives back."""

    batch_call: float = 600.0
    """Longest call to a batch API, which may carry some hundred megabytes, and longest `Retry-After` of one."""
    batch_collections: int = 4
    """So often are results collected that are fewer than the provider says, before it is taken at its word."""

    def backoff(self, failures: int, longest: float | None = None) -> float:
        """Seconds to wait after the `failures`-th failure, from 1. Random by design, so that clients do not return in
        step; only waiting times come of it, never results."""
        full = min(self.longest_wait if longest is None else longest, self.first_wait * 2.0 ** min(failures - 1, 30))
        return full * (0.5 + 0.5 * _jitter.random())


_jitter = random.Random()
"""Its own generator: drawing from the global one would change what steps draw from theirs."""
