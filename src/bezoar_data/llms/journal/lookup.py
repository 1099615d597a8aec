"""Which stored answer serves a question: the look-up policy of the journal, without file or clock.

The journal only appends, so one key may hold several answers: one cut at 100 tokens, then one that was allowed 1,000.
Both were paid, and both serve: who goes back to 100 gets the first one again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from bezoar_data.llms.journal.entry import REDACTED, Entry
from bezoar_data.llms.reading.answer import read_answer
from bezoar_data.llms.refusals import refusal_rule

CUT = "length"
"""The finish reason of an answer that did not end by itself."""


def as_read(entry: Entry) -> Entry | None:
    """A stored entry as an answer that comes in today is read: older ones may hold thinking in their text, marks round
    it, or another spelling of why they ended. None for part of an answer, whose endpoint gave up midway."""
    if entry.error is not None or entry.text is None:
        return entry
    found = read_answer(entry.text, entry.finish_reason, entry.extra)
    if found is None:
        return entry
    if found.ending == "failed":
        return None
    return replace(
        entry,
        text=found.text,
        finish_reason=found.finish_reason,
        extra=found.extra,
        error=found.error,
        detail=found.detail,
    )


def serves(entry: Entry, max_tokens: int | None, *, retry_failed: bool = False) -> bool:
    """Whether this stored entry answers its question when asked with `max_tokens` (None: without a limit).

    * An answer that ended by itself serves, unless it is longer than is now allowed.
    * A cut one serves when no more is asked for than it was allowed, with the same exception.
    * A refusal serves, unless it is to be retried, or another limit cures it: fewer tokens "maximum context exceeded",
      more tokens a model that thought for as long as it might.
    * What was redacted stays away for good: asking again would bring it back.
    """
    if entry.error is not None:
        if entry.error == REDACTED:
            return True
        return not retry_failed and not _cured(entry, max_tokens)
    used = entry.completion_tokens
    asked = _limit(max_tokens)
    allowed = _limit(entry.max_tokens)
    # Only where less is allowed than then: a provider that counts past its own limit must not be asked for ever.
    if asked < allowed and used is not None and used > asked:
        return False
    if entry.finish_reason != CUT:
        return True
    return not _allows_more(entry, max_tokens)


def choose(entries: Iterable[Entry], max_tokens: int | None, *, retry_failed: bool = False) -> Entry | None:
    """The entry that serves, from a key's entries in the order they were written.

    Redacted before all, answers before refusals, the first answer before later ones (what a finished row was made
    from stays what it was made from), the last refusal before earlier ones.
    """
    answer = refusal = None
    for stored in entries:
        entry = as_read(stored)
        if entry is None:
            continue
        if entry.error == REDACTED:
            return entry
        if serves(entry, max_tokens, retry_failed=retry_failed):
            if entry.error is not None:
                refusal = entry
            elif answer is None:
                answer = entry
    return answer or refusal


def fullest(entries: Iterable[Entry]) -> Entry | None:
    """The entry that says most, whatever was asked: redacted, else an answer that ended by itself, else the longest
    cut one, else the last refusal. The first among equals."""
    best: Entry | None = None
    best_rank: tuple[int, float] = (-1, 0.0)
    for entry in filter(None, map(as_read, entries)):
        if entry.error == REDACTED:
            rank = (3, 0.0)
        elif entry.error is not None:
            rank = (0, 0.0)
        else:
            rank = (1, _limit(entry.max_tokens)) if entry.finish_reason == CUT else (2, 0.0)
        if rank > best_rank or (rank == best_rank and rank[0] == 0):
            best, best_rank = entry, rank
    return best


def _cured(entry: Entry, max_tokens: int | None) -> bool:
    """Whether the limit asked for now may turn a refusal into an answer."""
    cured_by = refusal_rule(entry.error or "").cured_by
    if cured_by == "more_tokens":
        return _allows_more(entry, max_tokens)
    return cured_by == "fewer_tokens" and _limit(max_tokens) < _limit(entry.max_tokens)


def _allows_more(entry: Entry, max_tokens: int | None) -> bool:
    used = entry.completion_tokens
    if entry.max_tokens is None and max_tokens is not None and used is not None:
        # Cut although no limit was sent: the provider's own default, which naming a limit may raise.
        return max_tokens > used
    return _limit(max_tokens) > _limit(entry.max_tokens)


def _limit(max_tokens: int | None) -> float:
    return math.inf if max_tokens is None else max_tokens
