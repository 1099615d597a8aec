"""The adapters, driven by hand: what distilabel's tasks ask, and what becomes of a row."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy
import pytest

from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import Row, made_id
from bezoar_data.steps.driver import apply_verdict
from bezoar_data.steps.external.llm import AskingLLM
from bezoar_data.steps.external.row_adapters import ExternalStep, ExternalTask, FastTask
from bezoar_data.steps.external.threads import RandomState, run_in_thread
from bezoar_data.steps.verdicts import Children, Dropped, Kept
from support.drive import answer, drive, row
from support.scripted_llm import ScriptedLLM
from support.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore")


def adapter(kind: type[Any], name: str, settings: dict[str, Any] | None = None, **more: Any) -> Any:
    if kind is not ExternalStep:
        more["llm"] = ScriptedLLM(answer=lambda messages: None)
    step = kind(name="it", target=f"distilabel:{name}", settings=settings or {}, **more)
    step.load()
    return step


RATED = "Rating: 4\nRationale: good\n\nRating: 2\nRationale: poor"


def test_a_fast_task_asks_its_prompt_and_reads_the_answer() -> None:
    step = adapter(FastTask, "UltraFeedback", {"aspect": "overall-rating"}, columns={"generations": "two"})
    given = row(instruction="Say A.", two=["a", "b"], generations="mine", model_name="kept")
    driven = drive(step, given, [RATED])
    assert driven.verdict == Kept({**given.columns, "ratings": [4, 2], "rationales": ["good", "poor"]})
    (ask,) = driven.asks
    assert [m["role"] for m in ask.messages] == ["system", "user"]
    assert "<text 2> b" in ask.messages[1]["content"]


def test_an_answer_that_cannot_be_read_is_asked_again_then_dropped_with_its_text() -> None:
    step = adapter(FastTask, "UltraFeedback", {"aspect": "honesty"}, retries=1)
    given = row(instruction="Say A.", generations=["a", "b"])
    driven = drive(step, given, ["hm", "hm\n\nhm"])
    assert driven.verdict == Dropped("unparsable_answer", raw="hm\n\nhm", failed=True)
    assert [ask.attempt for ask in driven.asks] == [0, 1]
    assert isinstance(drive(step, given, ["hm", RATED]).verdict, Kept)


def test_an_answer_that_was_cut_is_not_taken_for_whole() -> None:
    given, cut = row(instruction="Say A."), Dropped("truncated", "cut by the token limit")
    half = answer("half", "length")
    dropped = drive(adapter(FastTask, "TextGeneration", retries=0), given, [half]).verdict
    assert dropped == replace(cut, raw="half", failed=True)
    kept = drive(adapter(FastTask, "TextGeneration", retries=0, keep_truncated=True), given, [half]).verdict
    assert isinstance(kept, Kept)
    assert kept.flag == cut
    own = drive(adapter(ExternalTask, "TextGeneration"), given, [half]).verdict
    assert isinstance(own, Kept)
    assert own.flag == cut, "a task that reads its answers itself takes what it gets"


def several(*texts: str) -> Answer:
    return Answer(tuple(answer(t).samples[0] for t in texts), "scripted")


def test_several_answers_make_children_and_one_unusable_is_dropped_alone() -> None:
    step = adapter(FastTask, "TextGeneration", {"num_generations": 3})
    driven = drive(step, row(instruction="Say A."), [several("one", " ", "three")])
    assert driven.asks[0].n == 3
    assert isinstance(driven.verdict, Children)
    outs = apply_verdict(row(instruction="Say A."), driven.verdict, "it").rows
    assert [r.id for r in outs] == [made_id(("row-0",), "it", k) for k in range(3)]
    assert [r.get("generation") for r in outs] == ["one", None, "three"]
    assert [r.lineage.drop.reason if r.lineage.drop else None for r in outs] == [None, "empty_answer", None]


def test_several_answers_can_be_grouped() -> None:
    step = adapter(FastTask, "TextGeneration", {"num_generations": 2, "group_generations": True})
    driven = drive(step, row(instruction="Say A."), [several("one", "two")])
    assert driven.verdict == Kept({"instruction": "Say A.", "generation": ["one", "two"]})


def test_the_form_of_an_answer_is_asked_for() -> None:
    step = adapter(FastTask, "ComplexityScorer", {"use_default_structured_output": True})
    driven = drive(step, row(instructions=["A", "B"]), ['{"scores": [1, 2]}'])
    assert driven.verdict == Kept({"instructions": ["A", "B"], "scores": [1, 2]})
    assert "scores" in (driven.asks[0].schema or {})["properties"]
    own = adapter(FastTask, "StructuredGeneration")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    given = row(instruction="Say A.", structured_output={"format": "json", "schema": schema})
    assert drive(own, given, ['{"a": "b"}']).asks[0].schema == schema


def test_a_template_cannot_reach_out() -> None:
    template = "{{ instruction }} {{ instruction.__class__.__mro__[1].__subclasses__() }}"
    step = adapter(FastTask, "TextGeneration", {"template": template})
    with pytest.raises(Exception, match="unsafe"):
        drive(step, row(instruction="Say A."))


def evolve(step: Any, given: Row, texts: list[str]) -> tuple[list[str], Any]:
    driven = drive(step, given, texts)
    return [ask.messages[0]["content"] for ask in driven.asks], driven.verdict


def test_what_a_row_draws_hangs_on_the_row_alone() -> None:
    step = adapter(ExternalTask, "EvolInstruct", {"num_evolutions": 3})
    rows = [row(i, instruction=f"Say {i}.") for i in range(8)]
    alone = {r.id: evolve(step, r, ["first", "second", "third"])[0] for r in reversed(rows)}
    turns = {r.id: step.run_row(r) for r in rows}
    together = {name: [next(t).messages[0]["content"]] for name, t in turns.items()}
    for text in ("first", "second"):
        for name in sorted(turns, reverse=text == "first"):
            together[name].append(turns[name].send(answer(text)).messages[0]["content"])
    assert together == alone
    assert len({tuple(p.split("\n")[4] for p in prompts) for prompts in alone.values()}) > 1
    for t in turns.values():
        t.close()


def test_rows_of_a_task_that_seeds_itself_do_not_all_draw_the_same() -> None:
    step = adapter(ExternalTask, "EvolQuality", {"num_evolutions": 1})
    rows = [row(i, instruction="Say A.", response="A") for i in range(12)]
    asked = [evolve(step, r, ["better"])[0][0] for r in rows]
    assert len(set(asked)) > 1
    assert asked == [evolve(step, r, ["better"])[0][0] for r in rows]


def test_a_step_leaves_the_rows_it_is_given_as_they_are() -> None:
    step = adapter(ExternalTask, "EvolInstruct", {"num_evolutions": 1})
    given = row(instruction="Say A.", more={"a": [1]})
    driven = drive(step, given, ["evolved"])
    assert given.columns == {"instruction": "Say A.", "more": {"a": [1]}}
    assert driven.verdict == Kept({**given.columns, "evolved_instruction": "evolved"})


def test_a_refused_request_in_the_middle_costs_its_row_only() -> None:
    step = adapter(ExternalTask, "EvolInstruct", {"num_evolutions": 2})
    turns = step.run_row(row(instruction="Say A."))
    next(turns)
    turns.send(answer("first"))
    with pytest.raises(Refused, match="http_400"):
        turns.throw(Refused("http_400", "no"))


def waiting() -> int:
    return sum(t.name == "bezoar-external" for t in threading.enumerate())


def test_a_row_that_nobody_goes_on_with_leaves_no_thread() -> None:
    step = adapter(ExternalTask, "EvolInstruct", {"num_evolutions": 2})
    before = waiting()
    turns = step.run_row(row(instruction="Say A."))
    next(turns)
    assert waiting() == before + 1
    turns.close()
    wait_until(lambda: waiting() == before)


def test_draws_are_put_back_as_they_were() -> None:
    random.seed(1)
    numpy.random.seed(1)
    expected = random.Random(1).random(), numpy.random.RandomState(1).rand()
    draws = RandomState("a")
    with draws.active():
        first = random.random(), numpy.random.rand()
    with draws.active():
        second = random.random(), numpy.random.rand()
    assert (random.random(), numpy.random.rand()) == expected
    assert first != second
    with RandomState("a").active():
        assert (random.random(), numpy.random.rand()) == first


def test_a_question_without_a_users_words_is_another_for_each_row() -> None:
    def asks(seed: str) -> list[int]:
        llm = AskingLLM(answers_as="m")

        def work() -> None:
            llm.generate([[{"role": "system", "content": "Be a user."}]])
            llm.generate([[{"role": "user", "content": "Hello"}]])
            llm.generate([[{"role": "user", "content": "Hello"}]])

        return [ask.attempt for ask in through(run_in_thread(work, RandomState(seed)))]

    first, second = asks("row a"), asks("row b")
    assert first[0] != second[0]
    assert first[1:] == second[1:] == [0, 1]


def through(turns: Any) -> Iterator[Ask]:
    try:
        ask = next(turns)
        while True:
            yield ask
            ask = turns.send(answer("said"))
    except StopIteration:
        return


def test_magpie_opens_the_users_turn() -> None:
    step = adapter(ExternalTask, "Magpie")
    driven = drive(step, row(a=1), ["What is amber?", "Resin."])
    assert driven.verdict == Kept({"a": 1, "instruction": "What is amber?", "response": "Resin."})
    first, second = driven.asks
    assert list(first.messages) == []
    assert [m["role"] for m in second.messages] == ["user"]


def test_rows_that_explode_become_children_and_columns_go() -> None:
    step = adapter(ExternalStep, "ExpandColumns", {"columns": {"said": "one"}})
    verdict = drive(step, row(said=["a", "b"], other=1)).verdict
    assert isinstance(verdict, Children)
    assert [child.columns for child in verdict.rows] == [
        {"said": ["a", "b"], "other": 1, "one": "a"},
        {"said": ["a", "b"], "other": 1, "one": "b"},
    ]
    keep = adapter(ExternalStep, "KeepColumns", {"columns": ["said"]}, columns={"said": "answers"})
    assert drive(keep, row(a=1, answers=[2], b=3)).verdict == Kept({"answers": [2]})


def test_no_step_may_write_what_is_kept_for_lineage() -> None:
    step = adapter(ExternalStep, "ExpandColumns", {"columns": {"said": "id"}})
    with pytest.raises(ValueError, match="kept for lineage"):
        drive(step, row(said=["a"]))
