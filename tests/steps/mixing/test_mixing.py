"""Mixtures: rows of any columns as conversations, and amounts that can only mean what they say."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Lineage, Row, seed_id
from bezoar_data.steps.base import Children
from bezoar_data.steps.driver import Outcome, WaveRun, apply_verdict
from bezoar_data.steps.known import find_step
from bezoar_data.steps.mixing.mix import Mix
from bezoar_data.steps.mixing.to_messages import ToMessages
from bezoar_data.steps.sources.load_conversations import LoadConversations
from support.drive import drive, row


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def converted(given: Row, **settings: Any) -> Row:
    verdict = drive(ToMessages(name="to", dataset="d", **settings), given).verdict
    assert isinstance(verdict, Children)
    (made,) = apply_verdict(given, verdict, "to").rows
    return made


def reason(made: Row) -> str:
    return made.lineage.drop.reason if made.lineage.drop else "kept"


def test_columns_of_every_kind_become_one_conversation():
    given = row(ask="Q", more="Text.", say="A", sys="Be brief.", topic="x")
    made = converted(given, prompt="ask", context="more", response="say", system="sys", keep=["topic"])
    assert made.columns == {
        "messages": [{"role": "system", "content": "Be brief."}, *turns("Q\n\nText.", "A")],
        "dataset": "d",
        "topic": "x",
    }
    assert made.lineage.parent_ids == ("row-0",)
    bare = converted(
        row(ask="Q", more=" ", say="A", sys=""), prompt="ask", context="more", response="say", system="sys"
    )
    assert bare["messages"] == turns("Q", "A")


def test_histories_and_whole_conversations_in_either_spelling():
    pair = row(prompt=turns("a", "b", "c"), chosen=[{"role": "assistant", "content": "d"}])
    assert converted(pair, prompt="prompt", response="chosen")["messages"] == turns("a", "b", "c", "d")
    shared = [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    made = converted(row(talk=shared), messages="talk")
    assert made["messages"] == [{"role": "system", "content": "s"}, *turns("a", "b")]


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (turns("a", "b", "c"), "odd"),
        ([*turns("a"), *turns("b")], "roles"),
        (list(reversed(turns("a", "b"))), "roles"),
        ([{"role": "system", "content": "s"}], "empty"),
        ([], "empty"),
        (None, "empty"),
        ("plain text", "odd"),
        ([*turns("a"), {"role": "tool", "content": "b"}], "roles"),
    ],
)
def test_what_is_no_conversation_is_dropped(talk: Any, expected: str):
    assert reason(converted(row(talk=talk), messages="talk")) == expected


CALLS = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "w", "arguments": "{}"}}],
}
TOLD = {"role": "tool", "content": "12"}
ASKED, SAID = turns("a", "b")


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        ([ASKED, CALLS, TOLD, SAID], "kept"),
        ([ASKED, CALLS, TOLD, TOLD, CALLS, TOLD, SAID, ASKED, SAID], "kept"),
        ([ASKED, SAID, TOLD, SAID], "kept"),
        ([ASKED, CALLS], "kept"),
        ([ASKED, CALLS, TOLD], "odd"),
        ([ASKED, CALLS, TOLD, ASKED], "odd"),
        ([ASKED, TOLD, SAID], "roles"),
        ([ASKED, CALLS, SAID], "odd"),
        ([CALLS, TOLD, SAID, ASKED], "roles"),
    ],
)
def test_calls_and_what_tools_say_are_part_of_the_assistants_turn(talk: list[dict[str, Any]], expected: str):
    made = converted(row(talk=talk, more=1), messages="talk")
    assert reason(made) == expected
    assert made.columns == ({"messages": talk, "dataset": "d"} if expected == "kept" else {"talk": talk, "more": 1})


def test_history_and_roles_of_ones_own():
    given = row(ask="c", say=[{"role": "agent", "content": "d"}], before=[["a", "b"]])
    made = converted(given, prompt="ask", response="say", history="before", roles={"Agent": "assistant"})
    assert made["messages"] == turns("a", "b", "c", "d")
    unknown = converted(given, prompt="ask", response="say")
    assert unknown.lineage.drop
    assert "roles: {agent: " in unknown.lineage.drop.detail


def test_a_prompt_without_an_answer_is_dropped():
    for ask, say in (("Q", ""), ("", "A"), (None, "A"), ("Q", None)):
        assert reason(converted(row(ask=ask, say=say), prompt="ask", response="say")) == "empty"


def test_conversations_are_read_from_either_spelling_and_silent_turns_are_told(tmp_path: Path):
    path = tmp_path / "talks.jsonl"
    talks = [
        [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}],
        [],
    ]
    path.write_text("".join(json.dumps({"conversations": t, "id": i}) + "\n" for i, t in enumerate(talks)))
    good, silent, empty = LoadConversations(name="load", path=str(path), column="conversations").rows()
    assert good.columns == {"messages": turns("a", "b")}
    assert [reason(r) for r in (silent, empty)] == ["empty", "empty"]
    assert silent["messages"] == talks[1]
    with pytest.raises(InputError, match="no list of turns in 'messages'"):
        list(LoadConversations(name="load", path=str(path)).rows())


def rows(**sizes: int) -> list[Row]:
    found = []
    for name, size in sizes.items():
        for i in range(size):
            identity = seed_id(name, "", i)
            lineage = Lineage(id=identity, order=(len(found),), seed_ids=(identity,), source=name)
            found.append(Row({"messages": turns(f"{name} {i}", "A"), "dataset": name, "n": i}, lineage))
    return found


def mixed(given: list[Row], amounts: dict[str, Any], **settings: Any) -> list[Row]:
    outcome = WaveRun(Mix(name="mix", amounts=amounts, **settings), given).next()
    assert isinstance(outcome, Outcome)
    return list(outcome.rows)


def taken(made: list[Row]) -> dict[str, list[int]]:
    """How often each row of each dataset was taken."""
    counts = Counter((m["dataset"], m["n"]) for m in made if reason(m) == "kept")
    names = dict.fromkeys(m["dataset"] for m in made)
    return {name: sorted(count for (d, _), count in counts.items() if d == name) for name in names}


def test_each_amount_is_what_its_word_says():
    amounts = {"a": {"rows": 1}, "b": {"fraction": 0.5}, "c": {"repeat": 3}, "d": {"repeat": 1.5}, "e": {"repeat": 1}}
    made = mixed(rows(a=10, b=10, c=4, d=4, e=5), amounts)
    assert taken(made) == {"a": [1], "b": [1] * 5, "c": [3] * 4, "d": [1, 1, 2, 2], "e": [1] * 5}
    assert Counter(map(reason, made)) == {"kept": 29, "not_in_mix": 14}
    assert len({m.id for m in made}) == len(made)
    assert all(len(m.lineage.seed_ids) == 1 for m in made), "copies share their seed, hence their split"


def test_rows_never_repeats_a_row_and_says_when_there_are_fewer(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        made = mixed(rows(a=3), {"a": {"rows": 5}, "gone": {"repeat": 1}})
    assert taken(made) == {"a": [1, 1, 1]}
    assert [r.getMessage() for r in caplog.records if r.name.startswith("bezoar_data")] == [
        "mix: a has 3 rows, fewer than the mixture asks for",
        "mix: gone has 0 rows, fewer than the mixture asks for",
    ]


def test_what_is_drawn_depends_on_the_rows_and_not_on_their_order():
    given = rows(a=50)
    first = {m["n"] for m in mixed(given, {"a": {"fraction": 0.3}}) if reason(m) == "kept"}
    second = {m["n"] for m in mixed(given[::-1], {"a": {"fraction": 0.3}}) if reason(m) == "kept"}
    other = {m["n"] for m in mixed(given, {"a": {"fraction": 0.3}}, seed=1) if reason(m) == "kept"}
    assert first == second != other
    assert first <= {m["n"] for m in mixed(given, {"a": {"rows": 25}}) if reason(m) == "kept"}


def test_rows_without_an_amount_end_the_run():
    with pytest.raises(InputError, match="no amount for the rows whose `dataset` is 'flam'"):
        mixed(rows(flan=2, flam=1), {"flan": {"repeat": 1}})


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ({"rows": 5, "repeat": 2}, "'flan' takes exactly one of rows, fraction and repeat, not rows and repeat"),
        ({}, "'flan' takes exactly one of rows, fraction and repeat, not none"),
        (1, "'flan' must be a mapping"),
        (0.5, "'flan' must be a mapping"),
        ({"fraction": 3.0}, "'fraction' must be at most 1, not 3.0"),
        ({"repeat": 0.5}, "'repeat' must be at least 1, not 0.5"),
        ({"rows": 2.5}, "'rows' must be a whole number"),
        ({"rows": 0}, "'rows' must be at least 1"),
        ({"row": 5}, "'flan' has no setting 'row'"),
    ],
)
def test_an_amount_that_could_mean_two_things_is_told_before_the_run(amount: Any, said: str):
    faults = find_step("mix").check_settings({"amounts": {"flan": amount}})
    assert [fault.message[: len(said)] for fault in faults] == [said]


def test_a_mixture_without_amounts_is_a_mistake_too():
    (fault,) = find_step("mix").check_settings({"amounts": {}})
    assert fault.message == "'amounts' must not be empty"


def test_a_dataset_may_be_called_by_a_number_however_it_is_written():
    given = [row(i, dataset=name, n=i) for i, name in enumerate([1, 1.0, "1", 2.5])]
    made = mixed(given, {"1": {"rows": 1}, "2.5": {"repeat": 2}})
    assert sorted(reason(m) for m in made) == ["kept"] * 3 + ["not_in_mix"] * 2
