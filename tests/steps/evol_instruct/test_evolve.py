"""Instructions through their epochs, with answers crafted so that each elimination rule fires."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from distilabel.pipeline import Pipeline

from bezoar_data.llms.ask import Answer, Ask, Refused, Sample
from bezoar_data.llms.providers.common.chat_format import is_strict
from bezoar_data.runs.row import Lineage, Row, made_id
from bezoar_data.steps.base import Child, Children, Dropped
from bezoar_data.steps.driver import apply_verdict, outcome_of
from bezoar_data.steps.evol_instruct.draw import IN_BREADTH, IN_DEPTH
from bezoar_data.steps.evol_instruct.evolve import EvolInstructEvolve
from support.drive import Driven, answer, drive
from support.scripted_llm import ScriptedLLM

GAIN = "Not Equal"


def step(**settings: Any) -> EvolInstructEvolve:
    silent = ScriptedLLM(answer=lambda messages: "")
    settings = {"llm": silent, "evaluator": silent, "name": "evolve", "seed": 3} | settings
    return EvolInstructEvolve(**settings)


def seed(text: str = "Why?", category: str = "open_qa", position: int = 0) -> Row:
    return Row(
        {"instruction": text, "category": category, "context": "unused"},
        Lineage(id=f"seed-{position}", order=(position,), seed_ids=(f"seed-{position}",)),
    )


def children(driven: Driven) -> list[Child]:
    assert isinstance(driven.verdict, Children)
    return list(driven.verdict.rows)


def said(ask: Ask) -> str:
    return str(ask.messages[0]["content"])


def test_each_success_takes_the_place_of_what_it_came_from():
    driven = drive(step(), seed("A"), ["B", "bee", GAIN, "C", "sea", GAIN, "D", "deed", GAIN])
    made = children(driven)
    assert [(c.columns["instruction"], c.columns["response"], c.columns["epoch"], c.parent) for c in made] == [
        ("B", "bee", 1, None),
        ("C", "sea", 2, 0),
        ("D", "deed", 3, 1),
    ]
    asks = driven.asks
    assert ["\nA\n" in said(asks[0]), "\nB\n" in said(asks[3]), "\nC\n" in said(asks[6])] == [True] * 3
    assert [said(asks[i]) for i in (1, 4, 7)] == ["B", "C", "D"], "the response is to the evolved instruction alone"
    assert [a.to for a in asks] == ["llm", "llm", "evaluator"] * 3
    assert "\nA\n" in said(asks[2])
    assert "\nB\n" in said(asks[2])
    assert list(made[0].columns) == [
        "instruction", "response", "category", "evolution_strategy", "in-depth-evolving_operation", "epoch",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "reason", "raw"),
    [
        (["B", "I am sorry."], "difficult_response", "I am sorry."),
        (["B", "It is."], "only_stop_words", "It is."),
        (["B as in the given prompt", "bee"], "label_phrase", "B as in the given prompt"),
        (["B", "bee", "Equal"], "no_information_gain", "Equal"),
        (["B", "bee", *["Perhaps"] * 2], "unclear_comparison", "Perhaps"),
        (["  "], "empty_evolution", "  "),
        ([answer("B and", "length")], "truncated", "B and"),
        (["B", answer("bee and", "length")], "truncated", "bee and"),
    ],
)
def test_what_fails_goes_on_as_it_was_and_is_kept_with_its_reason(answers: list[Any], reason: str, raw: str):
    driven = drive(step(epochs=2), seed("A"), [*answers, "C", "sea", GAIN])
    failed, made = children(driven)
    assert failed.dropped is not None
    assert (failed.dropped.reason, failed.dropped.raw, failed.columns["epoch"]) == (reason, raw, 1)
    assert (made.dropped, made.parent, made.columns["instruction"]) == (None, None, "C")
    assert "\nA\n" in said(driven.asks[-3]), "the second epoch starts from the instruction as it was"


def test_an_unclear_evaluator_is_asked_six_times_each_a_new_attempt_and_may_become_clear():
    driven = drive(step(epochs=1), seed(), ["B", "bee", "Hm", "Ah", "Hm", "Ah", "Hm", GAIN])
    assert [a.attempt for a in driven.asks if a.to == "evaluator"] == [0, 1, 2, 3, 4, 5]
    assert len({said(a) for a in driven.asks[2:]}) == 1
    assert children(driven)[0].dropped is None
    given_up = drive(step(epochs=1), seed(), ["B", "bee", "Hm", "Hm"])
    assert children(given_up)[0].dropped == Dropped("unclear_comparison", "asked 2 times", raw="Hm")


def test_what_failed_is_asked_anew_in_the_next_epoch_and_not_read_from_the_journal_again():
    """One seed, one category, one operation: the prompt of the second epoch is that of the first."""
    one = next(s for s in (step(epochs=2, seed=n) for n in range(50)) if len(set(operations_of(s, seed(), 2))) == 1)
    asks = drive(one, seed("A"), ["A", "so sorry", "A", "bee", "Hm", GAIN]).asks
    evolving = [a for a in asks if "\nA\n" in said(a) and a.to == "llm"]
    assert [a.attempt for a in evolving] == [0, 1]
    assert said(evolving[0]) == said(evolving[1])
    assert [a.attempt for a in asks if said(a) == "A"] == [0, 1], "nor is the response that was eliminated"
    assert [a.attempt for a in asks if a.to == "evaluator"] == [0, 1]
    again = drive(one, seed("A"), ["A", "bee", "Equal", "A", "bee", "Equal"])
    assert [a.attempt for a in again.asks] == [0, 0, 0, 1, 1, 1]


def test_an_answer_in_place_of_an_instruction_is_eliminated_before_it_is_answered():
    given = "Why does bread rise?"
    answered = "Bread rises because yeast gives off gas in the dough."
    driven = drive(step(epochs=2), seed(given), [answered, "How does yeast raise bread?", "By gas.", GAIN])
    failed, made = children(driven)
    assert failed.dropped is not None
    assert (failed.dropped.reason, failed.dropped.raw, failed.dropped.failed) == (
        "answered_instruction",
        answered,
        False,
    )
    assert made.dropped is None
    kept = drive(step(epochs=1, drop_answers=False), seed(given), [answered, "Indeed.", GAIN])
    assert children(kept)[0].dropped is None
    of_a_statement = drive(
        step(epochs=1), seed("The cat sat on the old mat."), ["The cat sat on a mat there.", "x", GAIN]
    )
    assert children(of_a_statement)[0].dropped is None, "where the seed looks like no request, the rule cannot tell"


def test_a_structured_evolution_is_asked_for_by_a_schema_and_only_that():
    driven = drive(step(epochs=1, structured=True), seed("A"), ['{"instruction": "B"}', "bee", GAIN])
    assert children(driven)[0].columns["instruction"] == "B"
    schema = driven.asks[0].schema
    assert schema is not None
    assert is_strict(schema)
    assert [a.schema for a in driven.asks[1:]] == [None, None]
    placeholder = step(structured=True).placeholder(driven.asks[0], lambda n: "word " * n)
    assert set(json.loads(placeholder)) == {"instruction"}


def test_headings_are_taken_off_the_beginning_only():
    given = ["#Rewritten Prompt#:\n\n#Created Prompt# B", "bee", GAIN, "C #Rewritten Prompt#: c", "sea"]
    first, second = children(drive(step(epochs=2), seed(), given))
    assert first.columns["instruction"] == "B"
    assert second.dropped is not None
    assert second.dropped.reason == "label_phrase"


def test_a_cut_answer_is_used_where_that_is_asked_for():
    driven = drive(
        step(epochs=2, keep_truncated=True), seed(), [answer("B"), answer("bee", "length"), GAIN, "C", "sea", GAIN]
    )
    cut, whole = children(driven)
    assert (cut.dropped, whole.dropped, whole.flag) == (None, None, None)
    assert cut.flag == Dropped("truncated", "cut by the token limit")
    assert [flag.reason for flag in outcome_of(step(), seed(), driven.verdict).flags] == ["truncated"]


def test_a_refused_request_fails_its_evolution_only():
    turns = step(epochs=2).run_row(seed("A"))
    next(turns)
    ask = turns.throw(Refused("http_400", "no"))
    assert "\nA\n" in said(ask)
    turns.send(answer("C"))
    turns.send(answer("sea"))
    with pytest.raises(StopIteration) as end:
        turns.send(answer(GAIN))
    refused, made = end.value.value.rows
    assert refused.dropped == Dropped("http_400", "no", failed=True)
    assert refused.asked == ()
    assert made.dropped is None


def test_in_breadth_leaves_no_operation_behind_from_an_earlier_epoch():
    made = children(drive(step(epochs=40), seed("A"), ["B", "bee", GAIN] * 40))
    pairs = Counter((c.columns["evolution_strategy"], c.columns["in-depth-evolving_operation"]) for c in made)
    assert {strategy for strategy, _ in pairs} == {IN_DEPTH, IN_BREADTH}
    assert all((operation is None) == (strategy == IN_BREADTH) for strategy, operation in pairs)
    assert len(pairs) == 5


def operations_of(one: EvolInstructEvolve, row: Row, epochs: int) -> list[Any]:
    made = children(drive(one, row, ["B", "bee", GAIN] * epochs))
    return [c.columns["in-depth-evolving_operation"] for c in made]


def test_all_rows_of_a_category_are_drawn_alike_unless_each_is_drawn_by_itself():
    alike = [operations_of(step(epochs=12), seed(position=i), 12) for i in range(3)]
    assert alike[0] == alike[1] == alike[2]
    assert operations_of(step(epochs=12), seed(category="closed_qa"), 12) != alike[0]
    assert operations_of(step(epochs=12, seed=4), seed(), 12) != alike[0]
    apart = [operations_of(step(epochs=12, draw="per_instruction"), seed(position=i), 12) for i in range(3)]
    assert apart[0] != apart[1] != apart[2]


def test_adding_data_is_drawn_only_where_asked_for():
    assert "complicate-input" not in operations_of(step(epochs=60), seed(), 60)
    assert "complicate-input" in operations_of(step(epochs=60, complicate_input=True), seed(), 60)


def test_epochs_may_differ_by_category():
    one = step(epochs={"open_qa": 2})
    assert len(children(drive(one, seed(), ["B", "bee", GAIN] * 2))) == 2
    verdict = drive(one, seed(category="closed_qa")).verdict
    assert isinstance(verdict, Dropped)
    assert verdict.reason == "no_epochs"


def test_children_have_their_parents_ids_and_only_their_own_answers():
    def told(text: str, model: str) -> tuple[Ask, Answer]:
        to = "evaluator" if model == "critic" else "llm"
        return Ask([], to=to), Answer((Sample(text, "stop", f"key-{text}"),), model)

    verdict = Children(
        [
            Child({"n": 1}, None, [told("a", "writer"), told("b", "critic")]),
            Child({"n": 2}, 0, [told("c", "writer")], Dropped("why")),
            Child({"n": 3}, 0, [told("d", "writer")]),
        ]
    )
    before = Lineage(id="s", order=(7,), seed_ids=("s",), keys={"first": ("k",)}, models={"first": "m"})
    row = Row({}, before.answered("evolve", "writer", ["key-a", "key-c", "key-d"], demo=True))
    first, second, third = apply_verdict(row, verdict, "evolve").rows
    assert first.lineage.parent_ids == ("s",)
    assert first.id == made_id(["s"], "evolve", 0)
    assert second.lineage.parent_ids == third.lineage.parent_ids == (first.id,)
    assert [r.lineage.order for r in (first, second, third)] == [(7, 0), (7, 1), (7, 2)]
    assert first.lineage.keys == {"first": ("k",), "evolve": ("key-a",), "evolve.evaluator": ("key-b",)}
    assert first.lineage.models == {"first": "m", "evolve": "writer", "evolve.evaluator": "critic"}
    assert third.lineage.keys == {"first": ("k",), "evolve": ("key-d",)}
    assert second.lineage.drop is not None
    assert second.lineage.drop.reason == "why"
    assert first.lineage.drop is third.lineage.drop is None
    assert all(r.lineage.seed_ids == ("s",) and r.lineage.demo for r in (first, second, third))


def crafted(kind: Callable[[str], str]) -> tuple[ScriptedLLM, ScriptedLLM]:
    """A writer whose answers depend on what the seed says, and an evaluator."""

    def write(messages: list[dict[str, str]]) -> str:
        text = messages[-1]["content"]
        if "#Given Prompt#:\n" in text:
            given = text.split("#Given Prompt#:\n")[1].split("\n\n#")[0].strip()
            return f"{given}, and the created prompt" if "leaks" in given else f"{given} and more"
        return {"cannot": "so sorry", "mumbles": "it is so."}.get(text.split()[0], "Certainly: bread.")

    def judge(messages: list[dict[str, str]]) -> str:
        return kind(messages[-1]["content"])

    return ScriptedLLM(answer=write), ScriptedLLM(answer=judge)


def test_three_epochs_in_distilabels_own_step_where_every_rule_fires():
    def compare(text: str) -> str:
        return "Equal" if "twin" in text else "No idea" if "riddle" in text else GAIN

    writer, evaluator = crafted(compare)
    with Pipeline(name="test"):
        one = step(llm=writer, evaluator=evaluator)
    texts = ["fine one", "cannot do", "mumbles it", "leaks out", "twin again", "riddle me"]
    batch = [seed(text, position=i).encode() for i, text in enumerate(texts)]
    (out,) = one.process(batch)
    rows = [Row.decode(r) for r in out]
    material = [r for r in rows if r.lineage.drop and r.lineage.drop.reason == "taken_in"]
    assert [r.id for r in material] == [f"seed-{i}" for i in range(6)]
    made = [r for r in rows if r not in material]
    assert len(made) == 18
    reasons = Counter(r.lineage.drop.reason for r in made if r.lineage.drop)
    assert reasons == dict.fromkeys(
        ["difficult_response", "only_stop_words", "label_phrase", "no_information_gain", "unclear_comparison"], 3
    )
    kept = {r.id: r for r in made if r.lineage.drop is None}
    assert [r["instruction"] for r in kept.values()] == ["fine one" + " and more" * k for k in (1, 2, 3)]
    last = list(kept.values())[-1]
    chain = [last]
    while (parent := chain[-1].lineage.parent_ids[0]) in kept:
        chain.append(kept[parent])
    assert [r["epoch"] for r in chain] == [3, 2, 1]
    assert parent == "seed-0"
    asked = [m[-1]["content"] for m in evaluator.asked if "riddle" in m[-1]["content"]]
    assert len(asked) == 6, "twice an epoch: it says the same again"
