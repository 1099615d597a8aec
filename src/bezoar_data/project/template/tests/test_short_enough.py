"""Run with `pytest`, in the folder of the project."""

from __future__ import annotations

from distilabel.pipeline import Pipeline
from my_steps.short_enough import ShortEnough

from bezoar_data.runs.row import Lineage, Row
from bezoar_data.steps.base import Dropped, Kept, Verdict


def decide(text: str, words: int) -> Verdict:
    """What the step says of a row."""
    with Pipeline(name="test"):
        step = ShortEnough(name="short-enough", words=words)
    row = Row({"response": text}, Lineage(id="a", order=(0,), seed_ids=("a",)))
    return step.run_row(row)


def test_a_long_answer_is_dropped_with_its_length() -> None:
    assert decide("one two three", words=2) == Dropped("too_long", "3 words")


def test_a_short_answer_is_kept_as_it_is() -> None:
    assert decide("one two", words=2) == Kept({"response": "one two"})
