"""Which rows of a dataset are accepted: people first, then the card's view, then the one judge."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place
from bezoar_data.config.where import Where
from bezoar_data.runs.accepted import accepted_rows
from bezoar_data.runs.reviewed import corrected

PLACE = Place("README.md", 3)
VERDICTS = ("Accept", "Reject", None)


def table(**columns: list[Any]) -> pa.Table:
    return pa.table(columns)


def judged(name: str, statuses: tuple[str | None, ...] = VERDICTS) -> dict[str, list[Any]]:
    return {f"{name}_status": list(statuses), f"{name}_rating": [5, 1, None], f"{name}_reason": ["a", "b", None]}


def verdicts(rows: pa.Table, where: str | None = None) -> list[bool | None] | None:
    """Of each row, whether it is accepted (None: undecided); None where all are. Arrow and Python agree."""
    own = Where.parse(where) if where else None
    found = accepted_rows(rows.schema, own, None, PLACE, "")
    if found is None:
        return None
    said = [found.value(row) for row in rows.to_pylist()]
    chosen = rows.append_column("n", pa.array(range(len(rows)))).filter(found.arrow(rows.schema))["n"].to_pylist()
    assert chosen == [i for i, one in enumerate(said) if one]
    return said


def test_the_one_judge_decides_and_without_one_all_rows_are_accepted():
    assert verdicts(table(**judged("judge"))) == [True, False, None]
    assert verdicts(table(http_status=["ok"], text=["a"])) is None, "a status alone is no judge's"


def test_the_views_where_goes_before_the_judge():
    assert verdicts(table(**judged("judge")), "judge_rating < 3") == [False, True, None]
    two = table(**judged("a"), **judged("b", ("Reject", "Accept", None)))
    assert verdicts(two, 'a_status == "Accept" or b_status == "Accept"') == [True, True, None]


def test_people_go_before_all_and_where_they_did_not_decide_the_rest_holds():
    people = {"review_status": ["Reject", "Accept", None], "final_status": ["Reject", "Accept", None]}
    assert verdicts(table(**judged("judge"), **people)) == [False, True, None]
    assert verdicts(table(**judged("judge"), **people), "judge_rating > 0") == [False, True, None]
    assert verdicts(table(text=["a", "b", "c"], **people)) == [False, True, True], "no judge: what nobody rejected"
    nobody = {"review_status": pa.nulls(3, pa.string()), "final_status": ["Accept", "Reject", None]}
    assert verdicts(table(**judged("judge"), **nobody), "judge_rating < 3") == [False, True, None]


def test_rows_that_peoples_protocol_dropped_leave_with_nobodys_verdict():
    people = {"review_status": pa.nulls(3, pa.string()), "final_status": ["Accept", "Accept", None]}
    dropped = {"review_dropped": ["spread", None, None]}
    statuses = judged("judge", ("Accept", "Accept", None))
    assert verdicts(table(**statuses, **people, **dropped)) == [False, True, None]
    assert verdicts(table(text=["a", "b", "c"], **people, **dropped)) == [False, True, True]
    accepted = {"review_status": ["Accept", "Accept", None], "final_status": ["Accept", "Accept", None]}
    assert verdicts(table(text=["a", "b", "c"], **accepted, **dropped)) == [False, True, True]


def test_several_judges_and_no_where_are_named_with_the_line_to_write():
    rows = table(**judged("gpt4"), **judged("falcon"), **judged("llama2"))
    with pytest.raises(InputError) as error:
        accepted_rows(rows.schema, None, None, PLACE, "or say --all")
    (problem,) = error.value.problems
    assert problem.place == PLACE
    assert "gpt4, falcon and llama2" in problem.message
    assert 'where: gpt4_status == "Accept"; or say --all' in problem.hint


def test_a_where_that_does_not_fit_the_columns_is_told_at_its_place():
    with pytest.raises(InputError, match="text is compared with a number"):
        accepted_rows(table(judge_rating=["4"]).schema, Where.parse("judge_rating >= 3", PLACE), None, PLACE, "")


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("old", "new"),
        (None, "new"),
        ([{"role": "assistant", "content": "old"}], [{"role": "assistant", "content": "new"}]),
        (
            [{"from": "human", "value": "q"}, {"from": "gpt", "value": "old"}],
            [{"from": "human", "value": "q"}, {"from": "gpt", "value": "new"}],
        ),
        (
            [{"role": "assistant", "content": "old", "reasoning_content": "hm"}],
            [{"role": "assistant", "content": "new", "reasoning_content": None}],
        ),
        ([{"role": "user", "content": "q"}], [{"role": "user", "content": "q"}]),
        ([], []),
    ],
)
def test_a_corrected_response_takes_the_place_of_the_one_it_corrects(value: Any, after: Any):
    row = {"response": value, "review_response": "new", "review_corrects": "response"}
    assert corrected(row)["response"] == after
    assert corrected({**row, "review_response": None}) == {**row, "review_response": None}
