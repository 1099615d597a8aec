"""Slow answers must not hold up the others: 1,000 rows of which 2 % take 5 s, 50 in flight."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import prompts
from contenders import Contender, Setting
from session import Result, Run, Session, interleaved

ROWS = 1_000
CONCURRENCY = 50
LATENCY = 0.05
SLOW_SHARE = 0.02
SLOW_LATENCY = 5.0


def stragglers(session: Session) -> Result:
    rows = session.rows(ROWS, least=100)
    slow = prompts.slow_rows(rows, SLOW_SHARE)
    bound = list_schedule([SLOW_LATENCY if i in slow else LATENCY for i in range(rows)], CONCURRENCY)
    settings = {
        "ours": Setting(CONCURRENCY),
        "raw-aiohttp": Setting(CONCURRENCY),
        # One generator batch of all rows spares distilabel waiting for its source between the batches of its task.
        "distilabel": Setting(CONCURRENCY),
        "curator": Setting(CONCURRENCY, backend="openai"),
        "data-designer": Setting(CONCURRENCY, 1000),
    }

    def once(contender: Contender, setting: Setting) -> Run:
        return session.fresh(
            contender,
            setting,
            rows,
            timeout=300,
            latency=LATENCY,
            slow_share=SLOW_SHARE,
            slow_latency=SLOW_LATENCY,
        )

    return {
        "rows": rows,
        "concurrency": CONCURRENCY,
        "latency": LATENCY,
        "slow": len(slow),
        "slow_latency": SLOW_LATENCY,
        "bound": round(bound, 4),
        "repeats": session.repeats,
        "contenders": interleaved(session, settings, once),
        "missing": session.missing,
    }


def list_schedule(times: Sequence[float], slots: int) -> float:
    """When the last job ends if each, in order, starts in the slot that is free first, and nothing else takes time."""
    free = [0.0] * min(slots, max(1, len(times)))
    for seconds in times:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)
