"""Preference pairs and calls of tools at every border: file, source, Parquet, `datasets`, exports, the source again,
what is learnt. As in `test_borders`: equal at each, or dropped or left out under a reason that is counted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.cards.export.export import export_rows
from bezoar_data.runs.conversations.turns import from_json, read_turns, without_nulls
from bezoar_data.steps.sources.load_conversations import LoadConversations
from bezoar_data.steps.sources.load_pairs import LoadPairs
from bezoar_data.training.data.examples import Counted, StageRows
from bezoar_data.training.data.pairs import pair_examples
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import IGNORED, Unusable
from support.borders import Row, lines, publish, template
from support.nasty import is_unicode, pairs, same, says_nothing, tool_dialogues

GOOD = {
    "row": {"prompt": "What floats?", "chosen": "Corks.", "rejected": "Lead."},
    "asked": [{"role": "user", "content": "What floats?"}],
    "better": "Corks.",
    "worse": "Lead.",
}
TALK = {
    "messages": [{"role": "user", "content": "What floats?"}, {"role": "assistant", "content": "Corks."}],
    "tools": [{"type": "function", "function": {"name": "tide"}}],
}
VIEW = {name: name for name in ("prompt", "chosen", "rejected")}
FORMS = ("messages", "trl", "axolotl", "sharegpt", "llama-factory")
Triple = tuple[list[dict[str, Any]], str, str]


def exported(dataset: Path, form: str, folder: Path, wanted: int) -> list[dict[str, Any]]:
    """The rows that the export writes; with those it counts as left out they are all."""
    done = export_rows(dataset, form, folder / f"out-{form}")
    file = next(
        path
        for path in [folder / f"out-{form}", *(folder / f"out-{form}").rglob("*.json*")]
        if path.is_file() and path.name != "dataset_info.json"
    )
    whole = file.read_text("utf-8")
    rows = json.loads(whole) if whole.startswith("[") else [json.loads(line) for line in whole.split("\n") if line]
    assert len(rows) == done.rows == wanted - sum(done.left_out.values()), form
    return rows


def in_order(some: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Whether these stand in the whole in their order. An export has null in the place of NaN."""
    rest = iter(whole)
    return all(any(same(one, other) or same(one, finite(other)) for other in rest) for one in some)


def finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return list(map(finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def triple(row: Row) -> Triple:
    """A pair as a trainer reads it, whatever its layout."""
    before = row.get("prompt") or row.get("messages") or row["conversations"]
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    sides = [turns(row[side], "assistant")[0]["content"] for side in ("chosen", "rejected")]
    return [*system, *turns(before, "user")], sides[0], sides[1]


def turns(value: Any, role: str) -> list[dict[str, Any]]:
    found = read_turns(value, role)
    assert isinstance(found, list), found
    return found


def check_pairs(cases: list[dict[str, Any]], folder: Path) -> None:
    (folder / "pairs.jsonl").write_bytes(lines([case["row"] for case in cases]))
    step = "  - {use: load_pairs, with: {path: pairs.jsonl}}\n"
    published, dropped, _ = publish(folder, "pairs", step, json.dumps({"preference": VIEW}))
    usable = [
        case
        for case in cases
        if is_unicode(case)
        and not any(map(says_nothing, (case["better"], case["worse"])))
        and case["better"] != case["worse"]
    ]
    expected = [(case["asked"], case["better"], case["worse"]) for case in usable]
    assert [triple(row) for row in published] == expected
    assert [row.get("margin") for row in published] == [
        float(m) if (m := case["row"].get("margin")) else None for case in usable
    ]
    assert len(dropped) == len(cases) - len(usable)
    assert {row["reason"] for row in dropped} <= {"empty", "not_unicode", "identical"}
    dataset = folder / "runs" / "pairs" / "dataset"
    for form in FORMS:
        rows = exported(dataset, form, folder, len(published))
        assert in_order(list(map(triple, rows)), expected), form
    again = LoadPairs(name="load", path=str(folder / "out-messages"))
    assert [triple(row.columns) for row in again.rows()] == expected
    check_learnt_pairs(published, expected)


def check_learnt_pairs(rows: Sequence[Row], expected: Sequence[Triple]) -> None:
    make = pair_examples(StageRows(VIEW, [], [], 0), template(), {})
    for row, (_, better, worse) in zip(rows, expected, strict=True):
        try:
            example = make(row, Counted())
        except Unusable as reason:
            assert holds_a_token(row), reason
            continue
        said = [
            template().tokenizer.decode(example[side], clean_up_tokenization_spaces=False)
            for side in ("chosen_ids", "rejected_ids")
        ]
        assert said == [better + "<|im_end|>", worse + "<|im_end|>"]


def holds_a_token(row: Row) -> bool:
    return any(token in json.dumps(row, ensure_ascii=False) for token in template().tokenizer.get_added_vocab())


def check_tools(cases: list[dict[str, Any]], folder: Path) -> None:
    (folder / "calls.jsonl").write_bytes(lines(cases))
    step = "  - {use: load_conversations, with: {path: calls.jsonl}}\n"
    published, dropped, _ = publish(folder, "calls", step, "{messages: {messages: messages, tools: tools}}")
    usable = [case for case in cases if is_unicode(case) and not says_nothing(case["messages"][-1]["content"])]
    expected = [[case["messages"], without_nulls(case["tools"])] for case in usable]
    assert same(list(map(talk, published)), expected)
    assert len(dropped) == len(cases) - len(usable)
    assert {row["reason"] for row in dropped} <= {"empty", "not_unicode"}
    dataset = folder / "runs" / "calls" / "dataset"
    for form in FORMS:
        rows = list(map(talk, exported(dataset, form, folder, len(published))))
        if form in ("messages", "trl", "axolotl"):
            assert in_order(rows, expected), form
        else:  # ids are cut out, and arguments are no longer text
            assert in_order([plainly(*row) for row in rows], [plainly(*row) for row in expected]), form
    again = LoadConversations(name="load", path=str(folder / "out-messages"))
    assert len(list(again.rows())) == len(expected)
    check_learnt_calls(published, [messages for messages, _ in expected])


def talk(row: Row) -> list[Any]:
    """A dialogue and its tools as a trainer reads them, whatever their layout."""
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    said = row.get("messages") or row.get("conversations") or [*row["prompt"], *row["completion"]]
    return [[*system, *turns(said, "user")], from_json(row.get("tools") or []) or []]


def plainly(messages: Sequence[Mapping[str, Any]], tools: list[Any]) -> list[Any]:
    def called(call: Mapping[str, Any]) -> list[Any]:
        text = call["function"]["arguments"] or "{}"
        try:
            return [call["function"]["name"], json.loads(text)]
        except ValueError:
            return [call["function"]["name"], text]

    return [[[t["role"], t["content"], [called(c) for c in t.get("tool_calls", ())]] for t in messages], tools]


def check_learnt_calls(rows: Sequence[Row], talks: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    for row, messages in zip(rows, talks, strict=True):
        pair = read_row({"messages": "messages", "tools": "tools"}, row)
        try:
            encoded = template().encode(pair.messages, pair.tools)
        except Unusable as reason:
            assert holds_a_token(row), reason
            continue
        learnt = [i for i in encoded.labels if i != IGNORED]
        replies = "".join(reply(turn) for turn in messages if turn["role"] == "assistant")
        assert template().tokenizer.decode(learnt, clean_up_tokenization_spaces=False) == replies


def reply(turn: Mapping[str, Any]) -> str:
    functions = (call["function"] for call in turn.get("tool_calls", ()))
    return (
        turn["content"]
        + "".join(f"<call>{f['name']}: {mapping_or_text(f['arguments'])}</call>" for f in functions)
        + "<|im_end|>"
    )


def mapping_or_text(arguments: str) -> str:
    """Arguments as a template that writes mappings as JSON writes them."""
    try:
        found = json.loads(arguments)
    except ValueError:
        return arguments
    return json.dumps(found, ensure_ascii=False) if isinstance(found, dict) else arguments


@settings(max_examples=4)
@given(cases=st.lists(pairs(), max_size=8))
def test_pairs_are_the_same_at_every_border(cases: list[dict[str, Any]]):
    with TemporaryDirectory() as name:
        check_pairs([GOOD, *cases], Path(name))


@pytest.mark.nightly
@settings(max_examples=300)
@given(cases=st.lists(pairs(), max_size=8))
def test_pairs_are_the_same_many_times(cases: list[dict[str, Any]]):
    with TemporaryDirectory() as name:
        check_pairs([GOOD, *cases], Path(name))


@settings(max_examples=4)
@given(cases=st.lists(tool_dialogues(), max_size=6))
def test_calls_of_tools_are_the_same_at_every_border(cases: list[dict[str, Any]]):
    with TemporaryDirectory() as name:
        check_tools([TALK, *cases], Path(name))


@pytest.mark.nightly
@settings(max_examples=300)
@given(cases=st.lists(tool_dialogues(), max_size=6))
def test_calls_of_tools_are_the_same_many_times(cases: list[dict[str, Any]]):
    with TemporaryDirectory() as name:
        check_tools([TALK, *cases], Path(name))
