"""Lengths of texts and conversations, counted from Arrow tables."""

from __future__ import annotations

import statistics

import pyarrow as pa
import pytest

from bezoar_data.runs.lengths import LengthCounts


def table(**columns: list[object]) -> pa.Table:
    return pa.table(columns)


def test_lengths_are_those_of_the_texts_that_are_not_empty_whatever_their_order() -> None:
    texts = ["a" * n for n in (7, 3, 3, 12, 40)]
    values = [*texts, "", None, "äöü"]
    one, other = LengthCounts(()), LengthCounts(())
    one.see(table(text=values))
    for value in reversed(values):
        other.see(pa.table({"text": pa.array([value], pa.string())}))
    assert one.result() == other.result()
    found = one.result()["text"].characters
    lengths = [len(value) for value in values if value]
    assert (found.count, found.least, found.most) == (6, 3, 40)
    assert (found.median, found.p95) == (statistics.median_low(lengths), 40)
    assert found.mean == pytest.approx(statistics.mean(lengths), abs=0.05)


def test_conversations_have_turns_and_messages_lengths() -> None:
    short = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    rows = [short, [*short, {"role": "user", "content": None}], [], None]
    counts = LengthCounts(("id",))
    counts.see(table(messages=rows, id=["x"] * 4, number=[1, 2, 3, 4], tags=[["a"], ["b"], [], None]))
    (name,) = counts.result()
    found = counts.result()["messages"]
    assert name == "messages"
    assert found.turns is not None
    assert (found.turns.count, found.turns.least, found.turns.most) == (2, 2, 3)
    assert (found.characters.count, found.characters.least, found.characters.most) == (4, 2, 5)
