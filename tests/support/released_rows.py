"""Rows of the shape in which OpenBezoar's authors released their data: the columns and their types, not the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def _verdicts(i: int, judges: Sequence[str]) -> dict[str, Any]:
    """Ratings are text there, written in more than one way; a judge that gave none left the place empty."""
    found: dict[str, Any] = {}
    for k, judge in enumerate(judges):
        accepts = (i + k) % 3 != 0
        silent = judge != "gpt4" and i == 4
        found[f"{judge}_status"] = None if silent else "Accept" if accepts else "Reject"
        found[f"{judge}_rating"] = None if silent else ("4" if accepts else "2/5")
        found[f"{judge}_reason"] = None if silent else f"Remark {i} by {judge}: {'fits' if accepts else 'misses it'}."
    return found


def lamini(i: int) -> dict[str, Any]:
    return {
        "instruction": f"Name {i + 2} things that float.\n",
        "source": "with topics" if i % 2 else "without topics",
        "response": f"Number {i}: corks, logs, ducks.",
        **_verdicts(i, ("llama2", "gpt4", "falcon")),
    }


def evol_instruct(i: int) -> dict[str, Any]:
    deep = i % 2 == 0
    return {
        "instruction": f"Plan a walk of {i + 1} miles.\n\nThe path is wet.",
        "response": f"  Start early, rest after mile {i}.",
        "category": "open_qa" if i % 3 else "brainstorming",
        "evolution_strategy": "in-depth-evolving" if deep else "in-breadth-evolving",
        "in-depth-evolving_operation": "deepening" if deep or i == 3 else None,
        "epoch": i % 2 + 1,
        **_verdicts(i, ("gpt4",)),
    }


def orca(i: int) -> dict[str, Any]:
    return {
        "original_index": 1000 + 7 * i,
        "inputs": f"Q: is {i} even?\nOPTIONS:\n- yes\n- no",
        "targets": "no" if i % 2 else "yes",
        "task_source": "Flan2021" if i % 2 else "CoT",
        "task_name": "parity:1.0.0",
        "template_type": "zs_opt",
        "system_message": "" if i % 3 else "Think in steps.",
        "explained_targets": f"{i} divided by two leaves {i % 2}.",
        "dataset_source": "flan2021" if i % 2 else "cot",
        **_verdicts(i, ("falcon", "gpt4")),
    }


RELEASED = {"lamini": lamini, "evol-instruct": evol_instruct, "orca": orca}
