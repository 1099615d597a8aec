"""The table of refusals: every cause in words, and what older journals know by its status."""

from __future__ import annotations

from typing import get_args

from bezoar_data.llms.refusals import REFUSALS, RefusalReason, refusal_rule


def test_every_reason_has_its_rule():
    assert set(REFUSALS) == set(get_args(RefusalReason))
    assert all(rule.means for rule in REFUSALS.values())


def test_a_status_alone_may_be_a_context_that_is_too_long():
    assert refusal_rule("http_400").cured_by == refusal_rule("context_too_long").cured_by == "fewer_tokens"
    assert refusal_rule("only_thinking").cured_by == "more_tokens"
