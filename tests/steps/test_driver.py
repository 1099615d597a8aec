"""One row through one step: what is asked, what stands in its lineage, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.ask import Ask, Refused
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, GlobalMakingStep, Kept, Made, RowStep
from bezoar_data.steps.driver import Outcome, RowRun, WaveRun
from support.drive import answer, row


class Talk(RowStep):
    """Asks `llm`, then `other`, and handles no refusal."""

    def run_row(self, row: Row):
        first = yield Ask(({"role": "user", "content": "A"},))
        second = yield Ask(({"role": "user", "content": "B"},), to="other")
        return Kept(
            row.with_columns(said=first.text + second.text), flag=Dropped("odd"), soft_failure=Dropped("unsure")
        )


class Plain(RowStep):
    """Ends at once, with what stands in the column `verdict`."""

    def run_row(self, row: Row):
        verdict = row["verdict"]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


class MakesOne(Plain):
    makes = True


class Pair(GlobalMakingStep):
    def run_all(self, rows: Sequence[Row]):
        (given,) = yield [Ask(({"role": "user", "content": "A"},))]
        return [Made(rows, (0,), {"said": given.text}, [given]), Made(rows, (1,), {}, dropped=Dropped("empty"))]


def end(step: RowStep, given: Row) -> Outcome:
    outcome = RowRun(step, given).next()
    assert isinstance(outcome, Outcome)
    return outcome


def test_answers_stand_in_the_lineage_under_the_model_that_gave_them():
    run = RowRun(Talk(name="talk"), row(text="x"))
    first = run.next()
    assert isinstance(first, Ask)
    second = run.next(answer("a"))
    assert isinstance(second, Ask)
    assert (first.to, second.to) == ("llm", "other")
    outcome = run.next(answer("b"))
    assert isinstance(outcome, Outcome)
    (kept,) = outcome.kept
    assert kept.columns == {"text": "x", "said": "ab"}
    assert kept.lineage.keys == {"talk": ("key",), "talk.other": ("key",)}
    assert [mark.reason for mark in (*outcome.flags, *outcome.soft_failures)] == ["odd", "unsure"]
    assert outcome.dropped == ()


def test_a_refusal_that_the_step_does_not_handle_drops_the_row_with_the_answers_it_got():
    run = RowRun(Talk(name="talk"), row(text="x"))
    run.next()
    run.next(answer("a"))
    outcome = run.next(Refused("http_400", "no"))
    assert isinstance(outcome, Outcome)
    (dropped,) = outcome.dropped
    assert dropped.lineage.drop is not None
    assert (dropped.lineage.drop.reason, dropped.lineage.drop.failed) == ("http_400", True)
    assert list(dropped.lineage.keys) == ["talk"]


def test_a_step_may_simply_return_its_verdict():
    assert end(Plain(name="p"), row(verdict=Kept({"a": 1}))).kept[0].columns == {"a": 1}
    assert end(Plain(name="p"), row(verdict=Dropped("short"))).dropped[0].lineage.drop.reason == "short"


@pytest.mark.parametrize("verdict", [None, "kept", Children([]), ValueError("no")])
def test_what_is_no_verdict_is_an_error_of_the_step_and_ends_its_row_alone(verdict: object):
    outcome = end(Plain(name="p"), row(verdict=verdict))
    assert [r.lineage.drop.reason for r in outcome.dropped] == ["step_error"]
    assert outcome.kept == ()


def test_what_ends_a_run_is_raised():
    with pytest.raises(BezoarError, match="stop"):
        RowRun(Plain(name="p"), row(verdict=BezoarError("stop"))).next()


def test_kept_and_dropped_children_stand_apart_and_can_be_read_in_their_order():
    children = [Child({"n": 0}), Child({"n": 1}, dropped=Dropped("bad")), Child({"n": 2}, parent=0)]
    outcome = end(MakesOne(name="m"), row(verdict=Children(children)))
    assert ([r["n"] for r in outcome.kept], [r["n"] for r in outcome.dropped]) == ([0, 2], [1])
    assert [r["n"] for r in outcome.rows] == [0, 1, 2]
    assert outcome.kept[1].lineage.parent_ids == (outcome.kept[0].id,)


def test_a_row_of_which_a_making_step_makes_nothing_is_one_candidate_dropped():
    given = row(verdict=Dropped("nothing"))
    outcome = end(MakesOne(name="m"), given)
    (candidate,) = outcome.rows
    assert candidate.lineage.parent_ids == (given.id,)
    assert len(outcome.made) == 1


def test_all_rows_run_through_waves_of_questions():
    run = WaveRun(Pair(name="pair"), [row(0), row(1)])
    (ask,) = run.next()
    assert ask.messages[0]["content"] == "A"
    outcome = run.next([answer("a")])
    assert isinstance(outcome, Outcome)
    assert [r.columns for r in outcome.rows] == [{"said": "a"}, {}]
    assert outcome.kept[0].lineage.parent_ids == ("row-0", "row-1")
    assert outcome.dropped[0].lineage.drop.reason == "empty"
