"""The steps that make preference pairs, from scores, rankings and preferences, and the answers to choose among."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from bezoar_data.llms.ask import Answer, Refused, Sample
from bezoar_data.runs.row import Lineage, Row
from bezoar_data.steps.base import Children, Dropped, RowStep
from bezoar_data.steps.driver import Outcome, WaveRun, apply_verdict
from bezoar_data.steps.pairs.best_worst import BestWorst
from bezoar_data.steps.pairs.candidates import Candidates
from bezoar_data.steps.pairs.preferred import Preferred
from bezoar_data.steps.pairs.ranked import Ranked
from support.drive import drive, row
from support.scripted_llm import ScriptedLLM

GOODNESS = {"helpfulness": 0.65, "correctness": 0.8, "coherence": 0.45}


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def scored(position: int, prompt: str, response: Any, score: Any, **more: Any) -> Row:
    lineage = Lineage(id=f"r{position}", order=(position,), seed_ids=(f"s{position}",), source="seeds")
    return Row({"prompt": prompt, "response": response, "score": score, **more}, lineage)


def best_worst(rows: list[Row], **settings: Any) -> list[Row]:
    step = BestWorst(name="pairs", **{"score": "score", **settings})
    outcome = WaveRun(step, rows).next()
    assert isinstance(outcome, Outcome)
    return list(outcome.rows)


def reason(made: Row) -> str:
    return made.lineage.drop.reason if made.lineage.drop else "kept"


def children(step: RowStep, given: Row) -> list[Row]:
    verdict = drive(step, given).verdict
    assert isinstance(verdict, Children)
    return list(apply_verdict(given, verdict, "pairs").rows)


def test_the_best_answer_stands_over_the_worst_with_both_as_parents():
    scores = (2, "4.5", 1, 3)
    rows = [scored(i, "Why?", f"A{i}", score, topic="x") for i, score in enumerate(scores)]
    (pair,) = best_worst(rows, keep=["topic"])
    assert pair.columns == {
        "prompt": user("Why?"),
        "chosen": says("A1"),
        "rejected": says("A2"),
        "margin": 3.5,
        "chosen_score": 4.5,
        "rejected_score": 1.0,
        "topic": "x",
    }
    assert pair.lineage.parent_ids == ("r1", "r2")
    assert pair.lineage.seed_ids == ("s1", "s2")


def test_every_prompt_is_a_pair_or_a_drop_and_answers_find_each_other_wherever_they_stand():
    rows = [
        scored(0, "P", "good", 2),
        scored(1, "Q", "lonely", 2),
        scored(2, "T", "one", 3),
        scored(3, "P", "bad", 1),
        scored(4, "T", "two", 3),
        scored(5, "U", "scored", 3),
        scored(6, "U", "unscored", None),
        scored(7, "E", "", 3),
        scored(8, "E", "said", 4),
        scored(9, "I", "same", 3),
        scored(10, "I", "same", 4),
    ]
    made = best_worst(rows)
    ends = {m["prompt"][0]["content"]: reason(m) for m in made}
    assert ends == {"P": "kept", "Q": "alone", "T": "tie", "U": "unscored", "E": "empty", "I": "identical"}
    assert len({m.id for m in made}) == len(made)
    assert {p for m in made for p in m.lineage.parent_ids} == {r.id for r in rows}


def test_answers_that_are_whole_dialogues_are_read_as_views_read_them():
    rows = [scored(i, "Why?", [*user("Why?"), *says(text)], i) for i, text in enumerate(("bad", "good"))]
    (pair,) = best_worst(rows)
    assert [pair[part] for part in ("prompt", "chosen", "rejected")] == [user("Why?"), says("good"), says("bad")]
    other = scored(2, "Why?", [*user("When?"), *says("best")], 2)
    (none,) = best_worst([*rows, other])
    assert reason(none) == "prompts_differ"
    assert none["chosen"] == other["response"]


def test_a_tie_is_a_tie_however_the_weights_add_up():
    # 0.1 + 0.2 is 0.3 here, which it is not in binary: a pair would be made of a tie.
    first = scored(0, "P", "a", None, x=1, y=1, z=0)
    second = scored(1, "P", "b", None, x=0, y=0, z=1)
    (made,) = best_worst([first, second], score={"x": 0.1, "y": 0.2, "z": 0.3})
    assert reason(made) == "tie"
    assert made["margin"] == 0.0


def test_helpsteers_goodness_weighs_three_attributes():
    good = scored(0, "P", "a", None, helpfulness=4, correctness=4, coherence=4)
    poor = scored(1, "P", "b", None, helpfulness=0, correctness=2, coherence=4)
    (made,) = best_worst([poor, good], score=GOODNESS)
    assert (made["chosen_score"], made["rejected_score"], made["margin"]) == (7.6, 3.4, 4.2)
    (made,) = best_worst([poor, good], score=GOODNESS, least_margin=4.3)
    assert reason(made) == "small_margin"
    unrated = scored(2, "P", "c", None, helpfulness=4, correctness=None, coherence=4)
    assert reason(best_worst([good, unrated], score=GOODNESS)[0]) == "unscored"


@pytest.mark.parametrize("score", [True, "high", "", "nan", "inf", [3]])
def test_what_is_no_number_is_no_score(score: Any):
    (made,) = best_worst([scored(0, "P", "a", score), scored(1, "P", "b", 1)])
    assert reason(made) == "unscored"


def test_answers_are_brought_together_by_the_columns_named():
    rows = [scored(i, "same prompt", f"A{i}", i, number=i // 2) for i in range(4)]
    assert [m["chosen"] for m in best_worst(rows, by=["number"])] == [says("A1"), says("A3")]
    assert [m["chosen"] for m in best_worst(rows)] == [says("A3")]


def test_pairs_are_the_same_whatever_stands_around_them():
    talk = [*user("Hi"), *says("Hello"), *user("Why?")]
    rows = [scored(i, talk, says(f"A{i}"), i) for i in range(2)]
    (made,) = best_worst(rows)
    assert made["prompt"] == talk
    assert (made["chosen"], made["rejected"]) == (says("A1"), says("A0"))


def preferred(said: Any, **settings: Any) -> Row:
    given = row(prompt="Why?", response_1="one", response_2="two", said=said, note="n")
    (made,) = children(Preferred(name="pairs", preference="said", **settings), given)
    return made


@pytest.mark.parametrize(("strength", "chosen"), [(-3, "one"), (-1, "one"), (2, "two"), ("3", "two"), (0.5, "two")])
def test_a_strength_says_which_answer_and_by_how_much(strength: Any, chosen: str):
    made = preferred(strength, keep=["note"])
    other = "two" if chosen == "one" else "one"
    margin = abs(float(strength))
    assert made.columns == {
        "prompt": user("Why?"), "chosen": says(chosen), "rejected": says(other), "margin": margin, "note": "n"
    }  # fmt: skip
    assert made.lineage.parent_ids == ("row-0",)


@pytest.mark.parametrize(
    ("said", "expected"),
    [(0, "tie"), ("tie", "tie"), (None, "no_preference"), ("inconsistent", "no_preference"), (True, "no_preference")],
)
def test_without_a_preference_there_is_no_pair(said: Any, expected: str):
    made = preferred(said)
    assert reason(made) == expected
    assert str(said)[:5] in made.lineage.drop.detail


def test_words_mean_what_the_pipeline_says():
    assert preferred("a")["chosen"] == says("one")
    assert preferred("b")["chosen"] == says("two")
    arena = {"model_a": -1, "model_b": 1, "tie (bothbad)": 0}
    assert preferred("model_b", words=arena)["chosen"] == says("two")
    assert reason(preferred("tie (bothbad)", words=arena)) == "tie"
    assert reason(preferred("a", least_margin=2)) == "small_margin"


def test_a_pair_without_two_different_answers_is_dropped():
    for second, expected in (("one", "identical"), ("  ", "empty"), (None, "empty")):
        given = row(prompt="Why?", response_1="one", response_2=second, said=-1)
        (made,) = children(Preferred(name="pairs", preference="said"), given)
        assert reason(made) == expected


def ranked(ranks: Any, **settings: Any) -> list[tuple[str, str, float] | str]:
    given = row(prompt="Why?", responses=["p", "q", "r"], ranks=ranks)
    made = children(Ranked(name="pairs", **settings), given)
    return [reason(m) if m.lineage.drop else (m["chosen"][0]["content"], m["rejected"][0]["content"], m["margin"])
            for m in made]  # fmt: skip


def test_rankings_give_the_pairs_that_are_asked_for():
    assert ranked([2, 1, 3]) == [("q", "r", 2.0)]
    assert ranked([2, 1, 3], take="adjacent") == [("q", "p", 1.0), ("p", "r", 1.0)]
    assert ranked([2, 1, 3], take="all") == [("q", "p", 1.0), ("q", "r", 2.0), ("p", "r", 1.0)]
    assert ranked([2, 1, 3], better="higher") == [("r", "q", 2.0)]


def test_equal_ranks_are_ties_and_not_left_out_in_silence():
    assert ranked([1, 1, 2], take="all") == ["tie", ("p", "r", 1.0), ("q", "r", 1.0)]
    assert ranked([1, 1, 1]) == ["tie"]


@pytest.mark.parametrize("ranks", [None, [1, 2], [1, None, None], ["first", "second", 3], "123"])
def test_a_ranking_that_is_none_is_told(ranks: Any):
    assert ranked(ranks) == ["bad_ranking"]


def test_answers_may_hold_their_ranks_themselves():
    answers = [{"text": "p", "rank": 1}, {"text": "q", "rank": 0}, {"text": "r", "rank": None}]
    (made,) = children(Ranked(name="pairs", ranks=""), row(prompt="Why?", responses=answers))
    assert (made["chosen"], made["rejected"]) == (says("q"), says("p"))


def candidates(**settings: Any) -> Candidates:
    return Candidates(name="ask", llm=ScriptedLLM(answer=lambda messages: ""), **settings)


def several(*texts: str, finish: str = "stop") -> Answer:
    return Answer(tuple(Sample(t, finish, f"{i:02x}{t}") for i, t in enumerate(texts)), model="scripted")


def test_each_candidate_is_a_row_with_its_own_answer_behind_it():
    given = row(prompt="Why?", sys="Be brief.", topic="x")
    driven = drive(candidates(n=3, system="sys", keep=["topic"]), given, [several("A", "B", "C")])
    assert [m["role"] for m in driven.asks[0].messages] == ["system", "user"]
    assert driven.asks[0].n == 3
    assert isinstance(driven.verdict, Children)
    made = apply_verdict(given, driven.verdict, "ask").rows
    assert [m["response"] for m in made] == ["A", "B", "C"]
    assert [m["candidate"] for m in made] == [0, 1, 2]
    assert made[0].columns.keys() == {"prompt", "response", "candidate", "sys", "topic"}
    assert [m.lineage.keys["ask"] for m in made] == [("00A",), ("01B",), ("02C",)]
    assert {m.lineage.parent_ids for m in made} == {("row-0",)}


def test_only_what_is_missing_is_asked_again():
    driven = drive(candidates(n=3), row(prompt="Why?"), [several("A", "", "C"), several("B")])
    assert [(ask.n, ask.attempt) for ask in driven.asks] == [(3, 0), (1, 1)]
    assert isinstance(driven.verdict, Children)
    assert [c.columns["response"] for c in driven.verdict.rows] == ["A", "C", "B"]
    assert not any(c.dropped for c in driven.verdict.rows)


def test_candidates_that_come_again_word_for_word_end_the_asking():
    cut = several("cut", finish="length")
    driven = drive(candidates(n=1, retries=5), row(prompt="Why?"), [cut, cut])
    assert isinstance(driven.verdict, Children)
    assert driven.verdict.rows[0].dropped == Dropped("truncated", "asked 2 times", "cut", failed=True)


def test_a_candidate_that_is_never_usable_is_dropped_alone():
    driven = drive(candidates(n=2, retries=1), row(prompt="Why?"), [several("A", " "), several("cut", finish="length")])
    assert isinstance(driven.verdict, Children)
    good, bad = driven.verdict.rows
    assert (good.columns["response"], good.dropped) == ("A", None)
    assert bad.dropped == Dropped("truncated", "asked 2 times", "cut", failed=True)


def test_a_refused_candidate_is_lost_alone_and_not_asked_again():
    filtered = Sample("", "content_filter", "k", "content_filter")
    given = replace(several("A", ""), samples=(*several("A", "").samples, filtered))
    turns = candidates(n=3, retries=1).run_row(row(prompt="Why?"))
    assert isinstance(turns, Generator)
    assert next(turns).n == 3
    assert turns.send(given).n == 1, "the empty one alone"
    with pytest.raises(StopIteration) as end:
        turns.throw(Refused("only_thinking", "there is nothing after its thinking"))
    made = [(c.columns["response"], c.dropped and c.dropped.reason) for c in end.value.value.rows]
    assert made == [("A", None), (None, "content_filter"), (None, "empty_answer")], "and what was there is kept"


def test_a_prompt_that_says_nothing_is_not_asked():
    driven = drive(candidates(), row(prompt="  "))
    assert driven.verdict == Dropped("empty_prompt", "there is nothing to answer in `prompt`", failed=True)
    assert not driven.asks


def test_a_prompt_of_turns_is_asked_by_what_is_said_in_it_and_calls_are_not():
    thought = {**says("Because.")[0], "reasoning_content": "hm", "weight": 0}
    given = row(prompt=[*user("Why?"), thought, *user("And?")])
    driven = drive(candidates(n=1), given, ["So."])
    assert driven.asks[0].messages == [*user("Why?"), *says("Because."), *user("And?")]
    assert isinstance(driven.verdict, Children)
    assert driven.verdict.rows[0].columns["prompt"] == given["prompt"]
    told = {"role": "tool", "content": "12"}
    for prompt, expected in (
        ([*user("Why?"), *says("I look."), told], "tool_calls"),
        ([{"role": "x", "content": "y"}], "roles"),
    ):
        driven = drive(candidates(), row(prompt=prompt))
        assert isinstance(driven.verdict, Dropped)
        assert (driven.verdict.reason, list(driven.asks)) == (expected, [])


def test_prompts_with_equal_numbers_are_one_prompt():
    rows = [scored(i, "q", text, i, pid=pid) for i, (text, pid) in enumerate([("a", 1), ("b", 1.0), ("c", 2)])]
    assert [reason(made) for made in best_worst(rows, by=["pid"])] == ["kept", "alone"]
