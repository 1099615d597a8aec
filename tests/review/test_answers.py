"""How several answers to one row become one, and what they say of a judge. No server is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.config.files.pipeline import ReviewGate
from bezoar_data.engine.judge_stats import Judge
from bezoar_data.engine.review.answers import ReviewMerger
from bezoar_data.runs.dataset import publishable
from bezoar_data.runs.gate import unmet
from bezoar_data.runs.judged import ComparisonCounts, HumanReview, LockedJudging, PeopleAgreement, PeopleMeasures
from bezoar_data.runs.record import parse
from bezoar_data.runs.reviewed import by_row, read_answers, write_answers
from bezoar_data.runs.row import Lineage, Row, content_hash


def given(row: Row, annotator: str, verdict: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": row.id, "content_hash": content_hash(row.columns), "dataset": "d", "record": f"r{row.id}",
        "response": f"{row.id}{annotator}", "annotator": annotator, "status": "submitted", "verdict": verdict,
        "preference": None, "column": "answer", "licence": None, "ratings": None, "corrected_response": None,
        "protocol": None, "prompt": None,
        "comment": None, "other": None, "inserted_at": "2026-01-01", "updated_at": "2026-01-01",
        "weight": 1.0, "even": True, "edited": False, "removed": False, **more,
    }  # fmt: skip


def judged(i: int, status: str) -> Row:
    columns = {"inputs": f"question {i}", "judge_status": status, "judge_rating": "4" if status == "Accept" else "2"}
    return Row(columns, Lineage(id=f"row{i}", order=(i,), seed_ids=(f"seed{i}",), source="flan"))


def said_of(review: ReviewMerger, row: Row) -> dict[str, Any]:
    return review.columns(publishable(row.lineage, row.columns), row.lineage)


JUDGE = Judge("judge", "judge-accept", "accept")


def test_most_decide_and_an_even_split_leaves_the_judges_verdict():
    divided, two_of_three = judged(1, "Accept"), judged(2, "Accept")
    answers = [given(divided, "anna", "accept"), given(divided, "ben", "reject")]
    answers += [
        given(two_of_three, name, verdict) for name, verdict in zip("abc", ("reject",) * 2 + ("accept",), strict=True)
    ]
    review = ReviewMerger(answers, [JUDGE])
    said = said_of(review, divided)
    assert (said["review_status"], said["review_people"], said["final_status"]) == (None, 2, "Accept")
    assert said_of(review, two_of_three)["final_status"] == "Reject"
    assert said_of(review, judged(3, "Reject"))["final_status"] == "Reject"
    summary = review.summary()
    assert summary is not None
    assert summary.divided == 1


def test_drafts_discarded_answers_edited_records_and_changed_rows_do_not_count():
    row = judged(1, "Accept")
    answers = [
        given(row, "anna", "reject", status="draft"),
        given(row, "ben", "reject", status="discarded"),
        given(row, "carl", "reject", edited=True),
        given(row, "dora", "reject", content_hash="of another text"),
    ]
    review = ReviewMerger(answers, [JUDGE])
    assert said_of(review, row)["review_people"] == 0
    assert review.summary() is None


def test_one_person_counts_once_by_what_they_said_last():
    row = judged(1, "Accept")
    again = {"dataset": "pushed anew", "response": "later", "updated_at": "2026-01-02"}
    answers = [given(row, "anna", "reject", **again), given(row, "anna", "accept")]
    said = by_row(answers)[row.id, content_hash(row.columns)]
    assert (said.people, said.status) == (1, "Reject")
    answers.append(given(row, "anna", None, preference="b", response="of a pair"))
    said = by_row(answers)[row.id, content_hash(row.columns)]
    assert (said.people, said.status, said.preference) == (1, "Reject", "b")


def test_the_latest_correction_stands():
    row = judged(1, "Accept")
    answers = [
        given(row, "anna", "accept", corrected_response="late", updated_at="2026-01-03"),
        given(row, "ben", "accept", corrected_response="early", updated_at="2026-01-02"),
        given(row, "carl", "accept", corrected_response="  ", updated_at="2026-01-04"),
    ]
    found = by_row(answers)[row.id, content_hash(row.columns)]
    assert (found.response, found.corrects) == ("late", "answer")


def test_kappa_is_the_one_worked_by_hand():
    # Judge and people: 3 both accept, 1 accepted only by the judge, 1 only by people, 3 both reject.
    rows = [judged(i, "Accept" if i < 4 else "Reject") for i in range(8)]
    verdicts = ["accept"] * 3 + ["reject", "accept"] + ["reject"] * 3
    answers = [given(row, "anna", v, even=i % 2 == 0) for i, (row, v) in enumerate(zip(rows, verdicts, strict=True))]
    review = ReviewMerger(answers, [JUDGE])
    for row in rows:
        said_of(review, row)
    (found,) = review.agreement()
    assert found.columns == ("judge_status", "review_status")
    assert (found.rows, found.agreement.value, found.kappa.value) == (8, 0.75, 0.5)
    assert found.table == ((3, 1), (1, 3))
    assert found.even is not None
    assert found.even.rows == 4
    (cut,) = review.calibration()
    assert (cut.rating, cut.good_if) == ("judge_rating", 'review_status == "Accept"')


def test_kappas_are_those_of_scikit_learn():
    draw = Random(19)
    rows = [judged(i, draw.choice(("Accept", "Accept", "Reject"))) for i in range(60)]
    answers = [
        given(row, name, draw.choice(("accept", "reject")), even=i % 3 == 0)
        for i, row in enumerate(rows)
        for name in ("anna", "ben")
    ]
    review = ReviewMerger(answers, [JUDGE])
    said = {row.id: said_of(review, row)["review_status"] for row in rows}
    decided = [(row.columns["judge_status"], said[row.id], i) for i, row in enumerate(rows) if said[row.id]]
    assert 20 < len(decided) < 60
    (found,) = review.agreement()
    assert found.even is not None
    for told, pairs in ((found, decided), (found.even, [one for one in decided if one[2] % 3 == 0])):
        wanted = cohen_kappa_score([judge for judge, _, _ in pairs], [people for _, people, _ in pairs])
        assert (told.rows, told.kappa.value) == (len(pairs), pytest.approx(wanted, abs=1e-4))
    assert [what for what, _ in found.by_draw] == ["drawn evenly", "all reviewed, unsure ones drawn more often"]
    (cut,) = review.calibration()
    assert cut.rows == found.even.rows
    summary = review.summary()
    assert summary is not None
    assert summary.between_people is not None
    by_name = [[a["verdict"] for a in answers if a["annotator"] == name] for name in ("anna", "ben")]
    assert summary.between_people.kappa.value == pytest.approx(cohen_kappa_score(*by_name), abs=1e-4)


def test_the_gate_asks_for_rows_and_for_agreement():
    asking = replace(SAMPLE.pipeline, review=ReviewGate(rows=8, kappa=0.6))
    reviewed = HumanReview(
        answers_sha256="0",
        rows=9, even=9, people=1, answers=9, discarded=0, drafts=0, status={}, preference={}, divided=0, corrected=0,
        licences={},
        between_people=None,
    )  # fmt: skip

    def measured(column: str, kappa: float, even: float | None = None) -> PeopleAgreement:
        all_of, drawn = (
            {"rows": rows, "agreement": one, "kappa": one}
            for rows, one in ((9, {**_ONE, "value": kappa}), (5, {**_ONE, "value": even}))
        )
        columns = [column, "review_" + column.rpartition("_")[2]]
        more = {"even": drawn} if even is not None else {}
        return parse(PeopleAgreement, {"columns": columns, "where": None, **all_of, **more})

    def says(*agreement: PeopleAgreement, pairs: bool = False, **changes: Any) -> list[str]:
        comparisons = (parse(ComparisonCounts, PAIRS),) if pairs else ()
        judging = LockedJudging(comparisons=comparisons, people=PeopleMeasures(agreement=agreement))
        return list(unmet(replace(SAMPLE, **{"pipeline": asking, "review": reviewed, "judging": judging, **changes})))

    assert [message.split(";")[1] for message in says(review=None)] == [" there are 0", " it is not known"]
    assert says(measured("judge_status", 0.5)) == [
        "the pipeline asks for a kappa of 0.6 between the judge and people; it is 0.50"
    ]
    assert says(measured("judge_status", 0.7)) == []
    # What holds for the dataset are the figures of the rows that were drawn evenly.
    assert says(measured("judge_status", 0.7, even=0.5)) == says(measured("judge_status", 0.5))
    assert says(measured("judge_status", 0.5, even=0.6)) == []
    assert says(pipeline=SAMPLE.pipeline, review=None) == []
    (message,) = says(measured("judge_status", 0.7), pairs=True)
    assert message.endswith("the judge pairs and people; it is not known")
    assert says(measured("judge_status", 0.7), measured("pairs_preference", 0.6), pairs=True) == []


_ONE = {"value": 0.5, "low": 0.1, "high": 0.9}
PAIRS = {
    "name": "pairs", "step": "judge-compare", "unjudged": {}, "a": 1, "b": 1, "tie": 0, "inconsistent": 0, "rows": 2,
    "consistent": _ONE, "leaned_to_first": 0, "leaned_to_second": 0, "towards_first": _ONE, "biased": False,
}  # fmt: skip


def test_answers_are_written_once_and_the_same(tmp_path: Path):
    file = tmp_path / "review.parquet"
    answers = [given(judged(i, "Accept"), "anna", "accept") for i in (2, 1)]
    assert write_answers(file, answers)
    content = file.read_bytes()
    assert not write_answers(file, answers[::-1])
    assert file.read_bytes() == content
    assert [a["id"] for a in read_answers(file)] == ["row1", "row2"]
