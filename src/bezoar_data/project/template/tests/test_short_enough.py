"""Run with `pytest`, in the folder of the project."""

from __future__ import annotations

from distilabel.pipeline import Pipeline
from my_steps.short_enough import ShortEnough

from bezoar_data.runs.row import Lineage, Row


def reason(text: str, words: int) -> tuple[str, str] | None:
    """Why the step drops a row with this answer; None if it keeps it."""
    with Pipeline(name="test"):
        step = ShortEnough(name="short-enough", column="response", words=words)
    return step.reason(Row({"response": text}, Lineage(id="a", order=(0,), seed_ids=("a",))), text)


def test_a_long_answer_is_dropped_with_its_length() -> None:
    assert reason("one two three", words=2) == ("too_long", "3 words")


def test_a_short_answer_is_kept() -> None:
    assert reason("one two", words=2) is None
