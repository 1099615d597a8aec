"""`lamini.generate`: which requests it makes, and what becomes of every answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from distilabel.pipeline import Pipeline

from bezoar_data.config.errors import InputError
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.providers.common.chat_format import is_strict
from bezoar_data.runs.row import MADE_FROM_MANY, Lineage, Row
from bezoar_data.steps.base import Made
from bezoar_data.steps.driver import made_row
from bezoar_data.steps.lamini.generate import LaminiGenerate
from support.drive import answer
from support.scripted_llm import ScriptedLLM

Reply = Callable[[Ask, int], str | Answer | Refused]


def seeds(count: int = 10) -> list[Row]:
    lineages = (Lineage(id=f"s{i}", order=(i,), seed_ids=(f"s{i}",), source="seeds.jsonl") for i in range(count))
    return [
        Row({"instruction": f"Seed request number {i}.", "context": ""}, lineage) for i, lineage in enumerate(lineages)
    ]


def make(**settings: Any) -> LaminiGenerate:
    with Pipeline(name="test"):
        llm = ScriptedLLM(answer=lambda messages: None)
        return LaminiGenerate(name="generate", llm=llm, **{"target": 10, "count": 5, **settings})


def run(step: LaminiGenerate, reply: Reply, rows: list[Row] | None = None) -> tuple[list[Made], list[list[Ask]]]:
    """Drive the waves by hand. `reply` is asked with each question and its number over all waves."""
    waves = step.run_all(rows if rows is not None else seeds())
    asked: list[list[Ask]] = []
    number = 0
    try:
        wave = next(waves)
        while True:
            asked.append(list(wave))
            replies = [reply(ask, number + i) for i, ask in enumerate(wave)]
            number += len(wave)
            wave = waves.send([answer(r) if isinstance(r, str) else r for r in replies])
    except StopIteration as end:
        return list(end.value), asked


def fresh(ask: Ask, number: int) -> str:
    return "\n".join(f"<example>Request {number} part {i}.</example>" for i in range(5))


def text(ask: Ask) -> str:
    return ask.messages[-1]["content"]


def reasons(made: list[Made]) -> Counter[str]:
    return Counter(m.dropped.reason if m.dropped else "kept" for m in made)


def test_exactly_the_target_is_kept_and_no_more_requests_are_made_than_it_needs():
    made, asked = run(make(target=12), fresh)
    assert reasons(made) == {"kept": 12, "over_target": 3}
    assert [len(wave) for wave in asked] == [3]


def test_waves_go_on_until_the_target_is_reached_each_asking_for_what_is_still_missing():
    made, asked = run(make(target=20, wave=2), lambda a, n: fresh(a, n) if n % 2 else "<example></example>")
    assert reasons(made)["kept"] == 20
    assert [len(wave) for wave in asked] == [2, 2, 2, 1, 1]


def test_waves_end_at_the_most_requests_allowed():
    made, asked = run(make(target=100, max_requests=3, wave=2), fresh)
    assert reasons(made) == {"kept": 15}
    assert sum(map(len, asked)) == 3


def test_a_teacher_that_says_nothing_new_is_not_asked_for_ever():
    made, asked = run(make(target=10, retries=0), lambda a, n: "<example>The same.</example>")
    assert reasons(made)["kept"] == 1
    assert sum(map(len, asked)) == 8  # four times the two that would do


def test_a_request_shows_three_different_seeds_and_half_of_them_three_topics():
    _, asked = run(make(target=50), fresh)
    shown = [re.findall(r"<example>Seed request number (\d+)\.</example>", text(ask)) for ask in asked[0]]
    assert len(shown) == 10
    assert all(len(set(numbers)) == 3 for numbers in shown)
    assert len(set(map(tuple, shown))) == 10
    assert sum("topics" in text(ask) for ask in asked[0]) == 5
    assert all("Invent 5 new ones" in text(ask) for ask in asked[0])


@pytest.mark.parametrize(("share", "guided"), [(0.0, 0), (0.25, 5), (1.0, 20)])
def test_the_share_of_topic_guided_requests_is_kept_exactly(share: float, guided: int):
    made, _ = run(make(target=100, topic_share=share), fresh)
    counts = Counter(m.columns["source"] for m in made)
    assert counts["topic_guided"] == 5 * guided
    assert counts["example_guided"] == 100 - 5 * guided


def test_the_shown_seeds_are_the_parents_and_the_answers_key_is_recorded():
    made, asked = run(make(target=5), fresh)
    rows = [made_row(m, "generate") for m in made]
    numbers = re.findall(r"Seed request number (\d+)\.", text(asked[0][0]))
    assert all(r.lineage.parent_ids == tuple(f"s{n}" for n in numbers) == r.lineage.seed_ids for r in rows)
    assert all(r.lineage.keys == {"generate": ("key",)} and r.lineage.models == {"generate": "scripted"} for r in rows)
    assert len({r.id for r in rows}) == 5
    assert [r.lineage.order[1:] for r in rows] == [(0, i) for i in range(5)]
    assert all(r.lineage.order[0] >= MADE_FROM_MANY and r.lineage.source == "seeds.jsonl" for r in rows)


def test_a_row_made_from_rows_of_several_sources_names_them_all():
    parents = [Lineage(id=f"{i}", order=(i,), seed_ids=(f"{i}", "both"), source=s) for i, s in enumerate("aba")]
    lineage = Lineage.made_from(parents, "step", (4, 2))
    assert lineage.source == "a\nb"
    assert lineage.seed_ids == ("0", "both", "1", "2")
    assert Lineage.from_json(lineage.to_json()) == lineage
    assert lineage.id != Lineage.made_from(parents, "step", (2, 4)).id != Lineage.made_from(parents, "other", (2, 4)).id


def test_every_piece_of_an_answer_is_kept_or_dropped_with_its_reason():
    seen = "<example>SEED REQUEST NUMBER 0!</example><example>Request a.</example><example>open"
    made, _ = run(make(target=2, max_requests=1, examples=1), lambda a, n: seen, seeds(2))
    found = [(m.columns["instruction"], m.dropped.reason if m.dropped else "") for m in made]
    # The first repeats the example it was shown or, if the other was drawn, a seed that it was not shown.
    assert found[0][1] in ("copied_example", "seen_before")
    assert found[1:] == [("Request a.", ""), ("open", "unclosed")]


def test_what_an_earlier_request_said_is_seen_before():
    made, _ = run(make(target=10, max_requests=2), lambda a, n: "<example>One more.</example>")
    assert [m.dropped and m.dropped.reason for m in made] == [None, "seen_before"]


def test_a_request_without_a_readable_answer_is_asked_again_and_then_dropped_with_what_was_said():
    made, asked = run(make(target=5, max_requests=1, retries=2), lambda a, n: f"I would rather not ({n}).")
    assert [ask.attempt for wave in asked for ask in wave] == [0, 1, 2]
    (only,) = made
    assert only.dropped is not None
    assert (only.dropped.reason, only.dropped.raw, only.dropped.failed) == (
        "no_examples",
        "I would rather not (2).",
        True,
    )
    assert len(only.answers) == 3


def test_the_drop_of_a_request_says_why_nothing_was_read():
    steps = "To make tea, follow these steps:\n1. Boil water.\n2. Pour it."
    (only,), _ = run(make(target=5, max_requests=1, retries=0), lambda a, n: steps)
    assert only.dropped is not None
    assert only.dropped.detail == "asked 1 times: a list comes after prose that does not announce it"


def test_an_answer_cut_by_the_token_limit_loses_its_last_entry():
    said = "1. Name a lake.\n2. Name a ri"
    made, _ = run(make(target=5, max_requests=1), lambda a, n: answer(said, "length"))
    assert [m.dropped and m.dropped.reason for m in made] == [None, "unclosed"]


def test_a_structured_request_asks_for_json_by_a_schema_and_not_for_tags():
    made, asked = run(make(target=5, structured=True), lambda a, n: '{"instructions": ["Sing.", "Dance."]}')
    assert [m.columns["instruction"] for m in made][:2] == ["Sing.", "Dance."]
    ask = asked[0][0]
    assert ask.schema is not None
    assert ask.schema["properties"]["instructions"]["maxItems"] == 5
    assert is_strict(ask.schema)
    assert "example>" not in text(ask)
    assert re.search(r'\{"instructions": \["Seed request number \d\.", ', text(ask))
    step = make(target=5, structured=True)
    assert len(json.loads(step.placeholder(ask, lambda n: "word " * n))["instructions"]) == 5
    assert all(a.schema is None for wave in run(make(), fresh)[1] for a in wave)


def test_a_request_answered_on_the_second_try_is_kept_and_only_it_is_asked_again():
    made, asked = run(make(target=10), lambda a, n: "no" if n == 0 else fresh(a, n))
    assert [[ask.attempt for ask in wave] for wave in asked] == [[0, 0], [1]]
    assert text(asked[1][0]) == text(asked[0][0])
    assert reasons(made) == {"kept": 10}


def test_a_refused_request_is_dropped_with_the_providers_reason_and_costs_the_others_nothing():
    made, _ = run(make(target=10, max_requests=2), lambda a, n: fresh(a, n) if n else Refused("http_400", "too rude"))
    assert reasons(made) == {"http_400": 1, "kept": 5}
    refused = next(m.dropped for m in made if m.dropped)
    assert refused.failed
    assert refused.detail == "too rude"


def test_another_seed_shows_other_examples_and_the_same_seed_the_same():
    def said(seed: int) -> list[str]:
        return [text(ask) for wave in run(make(seed=seed), fresh)[1] for ask in wave]

    assert said(1) == said(1) != said(2)


def test_seeds_with_a_context_are_left_out_or_shown_with_it():
    rows = seeds(4)
    rows[0].columns["context"] = "A fjord is a drowned valley."
    _, skipped = run(make(target=40), fresh, rows)
    assert not any("number 0" in text(ask) for ask in skipped[0])
    _, shown = run(make(target=40, context="show"), fresh, rows)
    assert any("number 0.\n\nA fjord is a drowned valley.</example>" in text(ask) for ask in shown[0])


def test_too_few_seeds_are_an_input_error_before_anyone_is_asked():
    with pytest.raises(InputError, match="only 2 of 2 rows"):
        run(make(), fresh, seeds(2))


def test_topics_and_categories_together_are_refused(tmp_path):
    step = make(topics=str(tmp_path / "a"), categories=str(tmp_path / "b"))
    with pytest.raises(InputError, match="both"):
        run(step, fresh)


def test_distilabels_runner_gives_the_same_rows_with_the_seeds_marked_as_taken_in():
    step = make(target=12)
    made, _ = run(step, fresh)
    llm = ScriptedLLM(answer=lambda messages: fresh(Ask(messages), len(llm.asked) - 1))
    with Pipeline(name="test"):
        stock = LaminiGenerate(name="generate", llm=llm, target=12, count=5)
    (batch,) = stock.process([row.encode() for row in reversed(seeds())])
    out = [Row.decode(row) for row in batch]
    assert [r.lineage.drop.reason for r in out[:10] if r.lineage.drop] == ["taken_in"] * 10
    ids = [(r.id, r.get("instruction"), r.lineage.drop) for r in out[10:]]
    assert ids == [(r.id, r.get("instruction"), r.lineage.drop) for r in (made_row(m, "generate") for m in made)]
