"""By what the rows of a page can be chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.reports.run_page.filters import filters_of
from bezoar_data.runs.row import Columns, Lineage

JUDGE = replace(SAMPLE.steps[0], id="judging", use="judge.accept", settings={"reference": "wanted"})
LOCK = replace(
    SAMPLE,
    steps=(JUDGE,),
    judges=(replace(SAMPLE.judges[0], step="judging", name="strict"),),
    columns=dict.fromkeys(["inputs", "explained_targets", "wanted", "strict_status"], "string"),
)


@pytest.mark.parametrize(
    ("status", "answer", "wanted", "value"),
    [
        ("Accept", "Two and two are 4.", "4", "Accept, gives its answer"),
        ("Accept", "Two and two are 5.", "4", "Accept, gives another"),
        ("Reject", "Two and two are 5.", "4", "Reject, gives another"),
        ("Accept", "I like sums.", "4", "Accept, gives none"),
        ("Accept", "Two and two are 5.", "A long text of its own, about sums. " * 20, None),
        ("Accept", "", "4", None),
        (None, "Two and two are 5.", "4", None),
    ],
)
def test_accepted_answers_that_disagree_with_the_reference_are_told_apart(
    status: str | None, answer: str, wanted: str, value: str | None
) -> None:
    (one,) = [one for one in filters_of(LOCK) if one.name == "strict and reference"]
    columns: Columns = {"inputs": "2 + 2?", "explained_targets": answer, "wanted": wanted, "strict_status": status}
    one.see(FoundRow(id="a", lineage=Lineage("a", (0,)), columns=columns))
    assert one.values[one.codes[0]] == value


def test_without_references_there_is_no_such_filter() -> None:
    lock = replace(LOCK, steps=(replace(JUDGE, settings={"reference": ""}),))
    assert not [one for one in filters_of(lock) if one.name.endswith("reference")]
