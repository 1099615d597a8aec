"""Rows as the Orca scheme publishes them."""

from __future__ import annotations

from typing import Any


def orca_row(i: int, **changes: Any) -> dict[str, Any]:
    accepted = i % 3 != 2
    return {
        "original_index": i,
        "inputs": f"Question {i}: what is {i} + 2?",
        "targets": str(i + 2),
        "task_source": "CoT",
        "task_name": "sums",
        "template_type": "zs_noopt",
        "dataset_source": "flan",
        "system_message": "Explain each step." if i % 2 else "",
        "explained_targets": f"I start from {i} and count two further.\nThat gives {i + 2}.",
        "judge_status": "Accept" if accepted else "Reject",
        "judge_rating": 5 if accepted else 2,
        "judge_reason": "Correct and explained." if accepted else "The steps are missing.",
        **changes,
    }
