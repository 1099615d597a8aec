"""The phases of the shipped pipelines in shards, as a plan numbers them."""

from __future__ import annotations

import pytest

from bezoar_data.api import load_pipeline
from support.shipped import OFFLINE, PIPELINES


@pytest.mark.parametrize(
    ("pipeline", "phases"),
    [
        (
            "orca",
            {"load_flan": 0, "orca-system_message": 0, "orca-explain": 1, "near_duplicates": 1, "judge-accept": 2},
        ),
        ("evol-instruct", {"load_instructions": 0, "pool": 0, "evolve": 1, "near_duplicates": 1, "judge-accept": 2}),
        # LaMini asks about all rows at once, which is for whoever merges: phase 1 has no shards.
        (
            "lamini",
            {
                "load_instructions": 0,
                "lamini-generate": 1,
                "novelty": 1,
                "lamini-respond": 2,
                "near_duplicates": 2,
                "judge-accept": 3,
            },
        ),
    ],
)
def test_a_phase_begins_where_rows_that_all_shards_had_are_asked_about(pipeline: str, phases: dict[str, int]) -> None:
    report = load_pipeline(PIPELINES / f"{pipeline}.yaml", models=OFFLINE).plan()
    assert {step.id: step.phase for step in report.plan} == phases
    numbers = [line for line in str(report).splitlines() if line.startswith("  shards")]
    assert len(numbers) == 1
    assert f"{max(phases.values())} judge-accept" in numbers[0]
