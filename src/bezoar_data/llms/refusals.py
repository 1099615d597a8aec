"""Why a question gets no answer for good: every cause by its reason code, what it means, and what cures it.

The code is the reason of the dropped row and the `error` of the journal's entry. It comes from a response without a
usable answer (`reading`), or from an HTTP status with the endpoint's words (`retry_policy`). A status that says no
more than its number keeps it as its code: `http_400`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RefusalReason = Literal[
    "content_filter", "refused", "only_thinking", "context_too_long", "too_large", "unsupported_parameter",
    "invalid_request", "not_found", "no_usable_answer",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """What a refusal means."""

    means: str
    """In words for people."""
    remedy: str = ""
    """What to do about it."""
    cured_by: Literal["fewer_tokens", "more_tokens", ""] = ""
    """With which `max_tokens` the same question is worth asking again."""


REFUSALS: Mapping[RefusalReason, RefusalRule] = {
    "content_filter": RefusalRule("a filter stopped the question or its answer"),
    "refused": RefusalRule("the model refuses to answer"),
    "only_thinking": RefusalRule(
        "the model thought and gave no answer",
        "a larger sampling.max_tokens, or thinking turned off",
        cured_by="more_tokens",
    ),
    "context_too_long": RefusalRule(
        "question and answer do not fit into the model's context",
        "a smaller sampling.max_tokens, or a server with a larger context",
        cured_by="fewer_tokens",
    ),
    "too_large": RefusalRule("the request is larger than the endpoint takes"),
    "unsupported_parameter": RefusalRule("the endpoint does not take a value that was sent", "leave it out"),
    "invalid_request": RefusalRule("the endpoint does not take the request"),
    "not_found": RefusalRule("the endpoint knows no such model or address"),
    "no_usable_answer": RefusalRule("no try brought an answer that can be used", "--retry-failed tries again"),
}

_BY_STATUS = RefusalRule("the endpoint does not take the request", cured_by="fewer_tokens")
"""What is known of `http_400` and its like: it may be a context that is too long."""


def refusal_rule(reason: str) -> RefusalRule:
    """What is known of a reason code, those of older journals included."""
    return REFUSALS.get(reason, _BY_STATUS)  # type: ignore[call-overload,no-any-return]
