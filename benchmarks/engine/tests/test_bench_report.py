"""Checks and arithmetic that decide whether a run counts and a promise is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import prompts
import pytest
import report
from scenarios.stragglers import list_schedule

ROWS = 5
Rows = list[tuple[Any, Any]]


def _right() -> Rows:
    return [(prompts.prompt(i), prompts.answer(prompts.prompt(i))) for i in range(ROWS)]


def test_right_rows_in_any_order_have_no_faults() -> None:
    assert prompts.faults(ROWS, iter(reversed(_right()))) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda rows: rows[:-1], ["1 rows missing"]),
        (lambda rows: [*rows, rows[0]], ["1 rows doubled"]),
        (lambda rows: [(rows[0][0], rows[1][1]), *rows[1:]], ["1 wrong answers"]),
        (lambda rows: [(rows[0][0], None), *rows[1:]], ["1 wrong answers"]),
        (lambda rows: [*rows, (prompts.prompt(ROWS), "x")], ["1 foreign rows"]),
        (lambda rows: [(rows[0][0] + "?", rows[0][1]), *rows[1:]], ["1 rows missing", "1 foreign rows"]),
    ],
)
def test_spoilt_rows_are_found(spoil: Callable[[Rows], Rows], told: list[str]) -> None:
    assert prompts.faults(ROWS, iter(spoil(_right()))) == told


def test_no_two_of_many_questions_or_answers_are_alike() -> None:
    questions = [prompts.prompt(i) for i in range(2_000)]
    assert len(set(questions)) == len({prompts.answer(q) for q in questions}) == 2_000
    assert [prompts.row_number(q) for q in questions] == list(range(2_000))


@pytest.mark.parametrize(
    ("times", "slots", "ends"),
    [([1, 1, 1, 1], 2, 2), ([5, 1, 1, 1], 2, 5), ([1, 1, 1, 5], 2, 6), ([3], 50, 3), ([], 50, 0)],
)
def test_list_scheduling_fills_the_slot_that_is_free_first(times: list[float], slots: int, ends: float) -> None:
    assert list_schedule(times, slots) == ends


def _throughput(ours: float, bound: float, peer: float, good: int = 5) -> dict[str, Any]:
    def contender(title: str, seconds: float) -> dict[str, Any]:
        return {
            "title": title,
            "version": "1",
            "setting": "256 in flight",
            "runs": 5,
            "good": good,
            "window": [seconds] * good,
            "whole": [seconds + 1] * good,
            "first": [1.0] * good,
            "most_in_flight": 256,
            "server_busy": 0.4,
            "extra_requests": 0,
            "orphans": 0,
            "hung": 0,
            "faults": [],
        }

    contenders = {"ours": ("us", ours), "raw-aiohttp": ("bound", bound), "curator": ("peer", peer)}
    result = {
        "rows": 5000,
        "concurrency": 256,
        "latency": 0.05,
        "repeats": 5,
        "sweep_rows": 10,
        "sweep": {},
        "missing": {"distilabel": "no index"},
        "contenders": {name: contender(*c) for name, c in contenders.items()},
    }
    return {"throughput": {"when": "now", "machine": "m", "commit": "c", "result": result}}


def _verdicts(results: dict[str, Any]) -> list[str]:
    return [line.rsplit("|", 2)[1].strip() for line in report.bars(results).splitlines() if line.startswith("| 5,000")]


def test_promises_are_kept_or_not_by_the_figures() -> None:
    assert _verdicts(_throughput(ours=2.5, bound=2.2, peer=12.5)) == ["yes", "yes", "yes"]
    assert _verdicts(_throughput(ours=4.0, bound=2.0, peer=12.5)) == ["NO", "NO", "NO"]


def test_a_contender_without_a_good_run_is_not_measured() -> None:
    assert _verdicts(_throughput(ours=2.5, bound=2.0, peer=12.5, good=0)) == ["not measured"] * 3


def test_the_page_says_what_could_not_be_run_and_what_was_not_measured() -> None:
    page = report.render(_throughput(ours=2.5, bound=2.0, peer=12.5))
    assert "distilabel could not be run here: no index" in page
    assert "## Not measured yet" in page
    assert "5.00x" in page
