import pytest

from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.driver import outcome_of
from bezoar_data.steps.orca.explain import OrcaExplain
from support.drive import answer, drive, row
from support.scripted_llm import ScriptedLLM

ROW = row(inputs="Why is the sky blue?", system_message="Explain.", targets="scattering")


def explain(**settings) -> OrcaExplain:
    return OrcaExplain(name="explain", llm=ScriptedLLM(answer=lambda messages: "unused"), **settings)


def test_asks_the_question_under_its_system_message() -> None:
    driven = drive(explain(), ROW, ["  Because light scatters.\n"])
    assert driven.verdict == Kept({**ROW.columns, "explained_targets": "Because light scatters."})
    assert [dict(m) for m in driven.asks[0].messages] == [
        {"role": "system", "content": "Explain."},
        {"role": "user", "content": "Why is the sky blue?"},
    ]


@pytest.mark.parametrize("system", ["", "  ", None])
def test_sends_no_system_message_where_it_is_empty(system) -> None:
    driven = drive(explain(), row(inputs="Why?", system_message=system), ["Because."])
    assert [dict(m) for m in driven.asks[0].messages] == [{"role": "user", "content": "Why?"}]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (answer(""), "empty_answer"),
        (answer(" \n"), "empty_answer"),
        (answer("Because li", "length"), "truncated"),
        (answer("", "length"), "empty_answer"),
    ],
)
def test_asks_again_for_an_unusable_answer_and_then_drops_the_row(bad, reason) -> None:
    other = answer(f"{bad.text}x" if bad.text.strip() else "", bad.finish_reason)
    saved = drive(explain(retries=2), ROW, [bad, other, "Because."])
    assert isinstance(saved.verdict, Kept)
    assert [a.attempt for a in saved.asks] == [0, 1, 2]
    assert saved.asks[0].messages == saved.asks[2].messages

    lost = drive(explain(retries=1), ROW, [bad, bad])
    assert lost.verdict == Dropped(reason, "asked 2 times", raw=bad.text.strip() or None, failed=True)


def test_an_answer_that_comes_again_word_for_word_ends_the_asking() -> None:
    half = answer("Because li", "length")
    assert drive(explain(retries=5), ROW, [half, half]).verdict == Dropped(
        "truncated", "asked 2 times", raw="Because li", failed=True
    )
    assert isinstance(drive(explain(retries=5), ROW, ["", "", "Because."]).verdict, Kept), "nothing is no answer"


def test_without_retries_asks_once() -> None:
    assert drive(explain(retries=0), ROW, [""]).verdict == Dropped("empty_answer", "asked 1 times", failed=True)


def test_keeps_a_cut_answer_if_told_to() -> None:
    driven = drive(explain(keep_truncated=True), ROW, [answer("Because li", "length")])
    assert isinstance(driven.verdict, Kept)
    assert driven.verdict.columns["explained_targets"] == "Because li"
    assert driven.verdict.flag == Dropped("truncated", "cut by the token limit")
    assert outcome_of(explain(), ROW, driven.verdict).flags[0].reason == "truncated"


@pytest.mark.parametrize("question", ["", "  ", None])
def test_pays_nothing_for_a_row_without_a_question(question) -> None:
    driven = drive(explain(), row(inputs=question, system_message="Explain."))
    assert isinstance(driven.verdict, Dropped)
    assert driven.verdict.reason == "empty_question"
    assert driven.asks == []
