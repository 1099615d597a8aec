"""The steps that score attributes, compare two answers, judge several times, and put verdicts together."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from bezoar_data.llms.ask import Answer, Refused, Sample
from bezoar_data.runs.row import Lineage
from bezoar_data.steps.base import Children, Kept, RowStep
from bezoar_data.steps.driver import apply_verdict
from bezoar_data.steps.judges.accept import JudgeAccept
from bezoar_data.steps.judges.attributes import JudgeAttributes, goodness
from bezoar_data.steps.judges.compare import JudgeCompare
from bezoar_data.steps.judges.panel import JudgePanel
from bezoar_data.steps.judges.rubric import AttributeRubric, ComparisonRubric, Rubric, load_rubric, shipped
from bezoar_data.steps.judges.scores import read_choice, read_scores
from bezoar_data.steps.judges.verdict import read_verdict
from bezoar_data.steps.known import find_step
from bezoar_data.steps.unfold import Unfold
from support.drive import answer, drive, row
from support.scripted_llm import ScriptedLLM

PAIR = row(prompt="What is 2 + 2?", response_a="Four.", response_b="Five.")
ANSWERED = row(prompt="What is 2 + 2?", response="Four.")
SCORES = {"helpfulness": 4, "correctness": 3, "coherence": 2, "complexity": 1, "verbosity": 0}
ASKED = row(inputs="What is 2 + 2?", explained_targets="Four.", system_message="", targets="4")


def step(cls: type[RowStep], **settings: object) -> RowStep:
    return cls(name="judge", llm=ScriptedLLM(answer=lambda messages: ""), **settings)


def scores(**changes: object) -> str:
    return json.dumps({"reason": "Right.", **SCORES, "safety": "pass", **changes})


def choice(better: str) -> str:
    return json.dumps({"reason": f"It is the {better}.", "better": better})


def verdict(status: str, rating: int, reason: str = "So.") -> str:
    return json.dumps({"reason": reason, "rating": rating, "status": status})


def several(texts: Sequence[str]) -> Answer:
    return Answer(tuple(Sample(text, "stop", f"key-{i}") for i, text in enumerate(texts)), model="scripted")


def test_attributes_stand_in_the_columns_of_the_released_data() -> None:
    judge = step(JudgeAttributes)
    driven = drive(judge, ANSWERED, [scores()])
    assert isinstance(driven.verdict, Kept)
    written = {"safety": "pass", "goodness": 5.9, "attributes_reason": "Right."}
    assert driven.verdict.columns == {**ANSWERED.columns, **SCORES, **written}
    assert list(driven.verdict.columns)[2:] == judge.outputs
    assert driven.asks[0].schema["properties"]["verbosity"]["enum"] == [0, 1, 2, 3, 4]


def test_goodness_is_helpsteer2s_weighted_sum() -> None:
    assert goodness(SCORES) == pytest.approx(0.65 * 4 + 0.8 * 3 + 0.45 * 2)
    means = {"helpfulness": 2.8655, "correctness": 2.9644, "coherence": 3.6393, "complexity": 1.7048, "verbosity": 2.0}
    assert goodness(means) == pytest.approx(5.872, abs=5e-4), "of the means the paper gives"
    judge = step(JudgeAttributes, weights={"helpfulness": 1.0, "verbosity": -0.5})
    assert drive(judge, ANSWERED, [scores(verbosity=4)]).verdict.columns["goodness"] == 2.0


def test_a_judges_name_begins_its_attribute_columns() -> None:
    judge = step(JudgeAttributes, judge="judge")
    columns = drive(judge, ANSWERED, [scores(safety="fail")]).verdict.columns
    assert (columns["judge_helpfulness"], columns["judge_safety"]) == (4, "fail")
    assert find_step("judge.attributes").columns({"as": "judge"})[1] == judge.outputs
    assert find_step("judge.attributes").columns({})[1][:2] == ["helpfulness", "correctness"]


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(ValidationError, match="'wit' is not an attribute"):
        step(JudgeAttributes, weights={"wit": 1.0})


def test_scores_out_of_range_are_asked_for_again_and_then_left_empty() -> None:
    driven = drive(step(JudgeAttributes, retries=1), ANSWERED, [scores(verbosity=5), scores(helpfulness="8/10")])
    assert [a.attempt for a in driven.asks] == [0, 1]
    assert "whole number from 0 to 4" in driven.asks[1].messages[-1]["content"]
    assert driven.verdict.columns["helpfulness"] is None
    assert driven.verdict.columns["goodness"] is None
    assert driven.verdict.soft_failure.raw == scores(helpfulness="8/10")


def test_a_conversation_is_shown_turn_by_turn() -> None:
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes?"}]
    shown = drive(step(JudgeAttributes), row(prompt=turns, response="Ok."), [scores()]).asks[0].messages[1]["content"]
    assert "[user]\nHi.\n\n[assistant]\nYes?" in shown
    call = {"type": "function", "function": {"name": "look", "arguments": "{}"}}
    turns[1] = {"role": "assistant", "content": "", "tool_calls": [call], "name": None}
    shown = drive(step(JudgeAttributes), row(prompt=turns, response="Ok."), [scores()]).asks[0].messages[1]["content"]
    assert "[user]\nHi.\n\n[assistant]\nlook({})" in shown


@pytest.mark.parametrize(
    ("first", "second", "preference", "order"),
    [
        ("first", "second", "a", ("a", "a")),
        ("second", "first", "b", ("b", "b")),
        ("tie", "tie", "tie", ("tie", "tie")),
        ("first", "first", "inconsistent", ("a", "b")),
        ("second", "second", "inconsistent", ("b", "a")),
        ("tie", "first", "inconsistent", ("tie", "b")),
        ("second", "tie", "inconsistent", ("b", "tie")),
    ],
)
def test_both_orders_are_asked_and_ties_kept_apart(first: str, second: str, preference: str, order: tuple) -> None:
    driven = drive(step(JudgeCompare), PAIR, [choice(first), choice(second)])
    columns = driven.verdict.columns
    assert (columns["judge_preference"], (columns["judge_order_ab"], columns["judge_order_ba"])) == (preference, order)
    assert columns["judge_preference_reason"] == f"It is the {first}."
    one, other = (ask.messages[1]["content"] for ask in driven.asks)
    assert one.index("Four.") < one.index("Five.")
    assert other.index("Five.") < other.index("Four.")
    assert "<first_response>\nFour.\n</first_response>" in one
    assert "<first_response>\nFive." in other


def test_a_comparison_of_which_one_order_is_never_readable_is_none() -> None:
    driven = drive(step(JudgeCompare, retries=1), PAIR, [choice("first"), "B wins", "[[B]]"])
    assert driven.verdict.columns["judge_preference"] is None
    assert driven.verdict.columns["judge_order_ab"] is None
    assert driven.verdict.soft_failure.raw == "[[B]]"
    assert [a.attempt for a in driven.asks] == [0, 0, 1]


def test_a_refused_question_leaves_the_row_unjudged_with_the_providers_reason() -> None:
    turns = step(JudgeAccept).run_row(ASKED)
    next(turns)
    with pytest.raises(StopIteration) as end:
        turns.throw(Refused("http_400", "too long"))
    kept = end.value.value
    assert kept.columns["judge_status"] is None
    assert (kept.soft_failure.reason, kept.soft_failure.failed) == ("http_400", True)


def test_what_a_step_failed_to_do_stands_in_the_lineage_and_travels_with_it() -> None:
    verdict = drive(step(JudgeAccept, retries=0), ASKED, ["hm"]).verdict
    (out,) = apply_verdict(ASKED, verdict, "judge").rows
    assert out.lineage.drop is None
    again = Lineage.from_json(out.lineage.to_json())
    assert [(m.step, m.reason, m.raw) for m in again.soft_failures] == [("judge", "unparsable_verdict", "hm")]
    assert "missed" not in ASKED.lineage.to_json()


def test_several_samples_are_decided_by_the_majority() -> None:
    judge = step(JudgeAccept, samples=5)
    said = [verdict("Accept", 3), verdict("Reject", 2), verdict("Accept", 5), verdict("Accept", 4, "Middle."), "?"]
    driven = drive(judge, ASKED, [several(said), verdict("Reject", 1)])
    assert driven.asks[0].n == 5
    columns = driven.verdict.columns
    assert (columns["judge_status"], columns["judge_rating"], columns["judge_reason"]) == ("Accept", 4, "Middle.")
    assert [s["rating"] for s in columns["judge_samples"]] == [3, 2, 5, 4, 1]
    as_text = drive(step(JudgeAccept, samples=3, rating="text"), ASKED, [several([verdict("Accept", 3)] * 3)])
    assert [s["rating"] for s in as_text.verdict.columns["judge_samples"]] == ["3", "3", "3"]
    assert find_step("judge.accept").optional_columns({"as": "me"}) == ["me_samples"]


def test_unreadable_samples_are_asked_for_again_each_with_a_number_of_its_own() -> None:
    driven = drive(step(JudgeAccept, samples=3), ASKED, [several(["?", "?", "?"]), *["!", "?"] * 3])
    assert [a.attempt for a in driven.asks] == [0, 1, 4, 2, 5, 3, 6], "equal questions must not share an answer"
    assert driven.verdict.columns["judge_status"] is None
    assert driven.verdict.columns["judge_samples"] == []
    same = drive(step(JudgeAccept, retries=9), ASKED, ["?", "? "])
    assert same.verdict.soft_failure.reason == "unparsable_verdict"
    assert "asked again, it said the same" in same.verdict.soft_failure.detail


def test_a_majority_is_one_of_those_asked_not_of_those_read() -> None:
    driven = drive(step(JudgeAccept, samples=3, retries=0), ASKED, [several([verdict("Accept", 5), "?", "?"])])
    assert driven.verdict.columns["judge_status"] is None
    assert len(driven.verdict.columns["judge_samples"]) == 1


def test_an_even_number_of_samples_is_refused() -> None:
    with pytest.raises(ValidationError, match="odd number"):
        step(JudgeAccept, samples=2)


def panel(rule: str, *votes: tuple[str, int | str] | None, cut: float | None = None, **settings) -> tuple:
    names = ["judge", "falcon", "llama2"][: len(votes)]
    columns = {}
    for name, vote in zip(names, votes, strict=True):
        columns |= dict(zip((f"{name}_status", f"{name}_rating"), vote or (None, None), strict=True))
    judge = JudgePanel(name="panel", judges=names, rule=rule, cut=cut, **settings)
    kept = drive(judge, row(**columns)).verdict
    return kept.columns["panel_status"], kept.columns["panel_rating"]


GOOD, FAIR, BAD = ("Accept", 5), ("Accept", "3"), ("Reject", 2)


@pytest.mark.parametrize(
    ("rule", "votes", "cut", "wanted"),
    [
        ("majority", (GOOD, FAIR, BAD), None, ("Accept", 3.33)),
        ("majority", (GOOD, BAD, BAD), None, ("Reject", 3)),
        ("majority", (GOOD, FAIR, None), None, ("Accept", 4)),
        ("majority", (GOOD, BAD, None), None, (None, None)),
        ("majority", (GOOD, BAD), None, (None, None)),
        ("majority", (None, None, GOOD), None, (None, None)),
        ("unanimous", (GOOD, FAIR, GOOD), None, ("Accept", 4.33)),
        ("unanimous", (GOOD, FAIR, BAD), None, ("Reject", 3.33)),
        ("unanimous", (GOOD, FAIR, None), None, (None, None)),
        ("unanimous", (None, None, BAD), None, ("Reject", 2)),
        ("mean", (GOOD, FAIR, BAD), 3.0, ("Accept", 3.33)),
        ("mean", (GOOD, FAIR, BAD), 3.5, ("Reject", 3.33)),
        ("mean", (GOOD, FAIR, FAIR), 11 / 3, ("Accept", 3.67)),
        ("mean", (GOOD, FAIR, None), 3.0, (None, None)),
    ],
)
def test_a_panel_decides_by_its_rule(rule: str, votes: tuple, cut: float | None, wanted: tuple) -> None:
    status, mean = panel(rule, *votes, cut=cut)
    assert (status, mean) == wanted
    assert isinstance(mean, float | None), "one type for every mean: 3.0 is no other kind of value than 3.33"
    written = panel(rule, *votes, cut=cut, rating="text")
    assert written == (status, None if mean is None else f"{mean:g}")


@pytest.mark.parametrize(
    "settings",
    [
        {"judges": ["a", "b"], "rule": "mean"},
        {"judges": ["a", "b"], "rule": "majority", "cut": 3.0},
        {"judges": ["a", "a"]},
        {"judges": ["a", "panel"]},
        {"judges": ["a"]},
    ],
)
def test_a_panel_that_makes_no_sense_is_refused(settings: dict) -> None:
    with pytest.raises(ValidationError):
        JudgePanel(name="panel", **settings)


@pytest.mark.parametrize(
    ("rule", "cut", "wanted"),
    [("majority", None, ("Accept", 4)), ("unanimous", None, ("Accept", 4)), ("mean", 3.0, (None, None))],
)
def test_a_verdict_without_a_rating_votes_and_is_never_guessed_at(rule: str, cut: float | None, wanted: tuple) -> None:
    judge = JudgePanel(name="panel", judges=["a", "b"], rule=rule, cut=cut)
    for missing in (None, "", "4/5", "4.5", "good"):
        given = row(0, a_status="Accept", a_rating="4", b_status="Accept", b_rating=missing)
        columns = drive(judge, given).verdict.columns
        assert (columns["panel_status"], columns["panel_rating"]) == wanted
    assert wanted[0] is None or columns["panel_reason"] == "a: Accept, 4; b: Accept"


def test_a_panel_reads_its_judges_columns() -> None:
    reads, writes = find_step("judge.panel").columns({"judges": ["judge", "falcon"], "as": "both"})
    assert reads == ["judge_status", "falcon_status", "judge_rating", "falcon_rating"]
    assert writes == ["both_status", "both_rating", "both_reason"]


def test_unfolded_responses_stand_next_to_each_other_with_a_common_parent() -> None:
    given = row(7, instruction="Why?", one="So.", two=" ", topic="x")
    unfold = Unfold(name="unfold", prompt="instruction", responses=["one", "two"], carry=["topic"])
    verdict = drive(unfold, given).verdict
    assert isinstance(verdict, Children)
    first, second = apply_verdict(given, verdict, "unfold").rows
    assert first.columns == {"prompt": "Why?", "response": "So.", "response_source": "one", "topic": "x"}
    assert list(first.columns) == unfold.outputs
    assert second.lineage.drop.reason == "no_response"
    assert first.lineage.parent_ids == second.lineage.parent_ids == ("row-7",)
    assert (first.lineage.order, second.lineage.order) == ((7, 0), (7, 1))


@pytest.mark.parametrize("kind", [Rubric, AttributeRubric, ComparisonRubric])
def test_the_examples_of_shipped_rubrics_are_verdicts_the_parsers_take(kind: type) -> None:
    assert shipped(kind)
    for name in shipped(kind):
        rubric = load_rubric(name, kind)
        assert len(rubric.examples) >= 2, name
        keys = rubric.verdict_schema()["required"]
        for example in rubric.examples:
            said = json.dumps({key: getattr(example, key) for key in keys})
            assert said in rubric.instructions()
            if kind is Rubric:
                assert read_verdict(said, rubric.ratings).status == example.status
            elif kind is AttributeRubric:
                assert read_scores(said).attributes["helpfulness"] == example.helpfulness
            else:
                assert read_choice(said).better == example.better


def test_the_verdict_of_a_single_answer_needs_no_samples_column() -> None:
    assert "judge_samples" not in drive(step(JudgeAccept), ASKED, [answer(verdict("Accept", 4))]).verdict.columns


def test_a_folder_that_is_called_like_a_shipped_rubric_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helpsteer2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_rubric("helpsteer2", AttributeRubric).attributes
