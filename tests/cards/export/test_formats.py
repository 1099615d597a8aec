"""Each format holds what its trainer reads, by the trainer's own rules, and says what it cannot hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.cards.export.formats import FORMATS, Files, load_format
from bezoar_data.cards.export.held import CannotHold, held
from bezoar_data.config.errors import InputError
from bezoar_data.runs.conversations.views import Example, read_view

USER, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "Be brief"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"c": "Ghent"}'}}],
}
TOOL = {"role": "tool", "content": "12", "tool_call_id": "c1", "name": "w"}
TOOLS = [{"type": "function", "function": {"name": "w", "description": "Weather", "parameters": {"type": "object"}}}]
THOUGHT = {**SAID, "reasoning_content": "hm"}
UNLEARNT = {**SAID, "weight": 0}

TALKS: dict[str, list[dict[str, Any]]] = {
    "plain": [USER, SAID],
    "system": [SYSTEM, USER, SAID],
    "several": [USER, SAID, USER, SAID],
    "greeting": [SAID, USER, SAID],
    "greeting after a system message": [SYSTEM, SAID, USER, SAID],
    "system in the middle": [USER, SAID, SYSTEM, USER, SAID],
    "two questions": [USER, USER, SAID],
    "two answers": [USER, SAID, SAID],
    "calls": [USER, CALL, TOOL, SAID],
    "two calls at once": [USER, CALL, TOOL, TOOL, SAID],
    "text beside calls": [USER, {**CALL, "content": "I look."}, TOOL, SAID],
    "reasoning": [USER, THOUGHT],
    "names": [{**USER, "name": "Ann"}, SAID],
    "unlearnt turn": [USER, UNLEARNT, USER, SAID],
    "usual weights": [{**USER, "weight": 0}, {**SAID, "weight": 1}],
    "an id": [{**USER, "id": "m1"}, SAID],
}
LEFT_OUT = {
    "alpaca": {
        "greeting": "greeting",
        "greeting after a system message": "greeting",
        "system in the middle": "system_turns",
        "two questions": "turns_in_a_row",
        "two answers": "turns_in_a_row",
        "calls": "tool_calls",
        "two calls at once": "tool_calls",
        "text beside calls": "tool_calls",
        "reasoning": "reasoning",
        "names": "names",
        "unlearnt turn": "weights",
    },
    "axolotl": {},
    "jsonl": {},
    "llama-factory": {
        "greeting": "greeting",
        "greeting after a system message": "greeting",
        "system in the middle": "system_turns",
        "two questions": "turns_in_a_row",
        "two answers": "turns_in_a_row",
        "two calls at once": "turns_in_a_row",
        "text beside calls": "text_beside_calls",
        "names": "names",
        "unlearnt turn": "weights",
    },
    "messages": {},
    "sharegpt": {
        "text beside calls": "text_beside_calls",
        "reasoning": "reasoning",
        "names": "names",
        "unlearnt turn": "weights",
    },
    "trl": {"unlearnt turn": "weights"},
}
VIEWED = [name for name in FORMATS if name != "jsonl"]


def talk(turns: list[dict[str, Any]], tools: list[Any] | None = None) -> Example:
    found = read_view("messages", {"messages": turns, "tools": tools})
    assert isinstance(found, Example), found
    return found


def pair(prompt: list[dict[str, Any]] = [USER], margin: float | None = None) -> Example:  # noqa: B006
    return Example(prompt, [SAID], [{"role": "assistant", "content": "b"}], margin)


def written(form: str, example: Example, kind: str = "messages") -> dict[str, Any]:
    """What the format writes of an example, as its file is read again. Raises `CannotHold`."""
    format_ = load_format(form)
    kept, _ = held(example, format_.held_of(example))
    convert = format_.converter(kind if example.rejected is None else "preference")
    value: dict[str, Any] = json.loads(json.dumps(convert({}, kept)))
    return value


def left_out(form: str, example: Example) -> str | None:
    try:
        written(form, example)
    except CannotHold as why:
        assert why.detail
        return why.reason
    return None


def test_every_format_says_what_it_cannot_hold():
    assert set(LEFT_OUT) == set(FORMATS)


@pytest.mark.parametrize("form", VIEWED)
def test_what_a_format_cannot_hold_is_left_out_under_a_reason(form: str):
    found = {name: left_out(form, talk(turns)) for name, turns in TALKS.items()}
    assert {name: why for name, why in found.items() if why} == LEFT_OUT[form]


@pytest.mark.parametrize("form", VIEWED)
def test_what_is_written_is_read_again_as_the_same_conversation(form: str):
    """By the same function that reads our own rows; of a call, no format but OpenAI's keeps the id."""
    for name, turns in TALKS.items():
        example = talk(turns, TOOLS if "calls" in name else None)
        if left_out(form, example):
            continue
        value = written(form, example)
        messages = value.get("messages", value.get("conversations"))
        system = value.get("system")
        if form == "alpaca":
            asked = [*value.get("history", []), [value["instruction"], value["output"]]]
            messages = [
                {"role": r, "content": t} for one in asked for r, t in zip(("user", "assistant"), one, strict=True)
            ]
        again = read_view("messages", {"messages": messages, "system": system, "tools": value.get("tools")})
        assert isinstance(again, Example), (name, again)
        if form == "llama-factory":
            assert unthought(again.messages) == meant(example.messages), name
        else:
            assert meant(again.messages) == meant(example.messages), name
        assert again.tools == example.tools, name


def meant(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a model reads of turns, and what it learns where that is not the usual."""
    kept = []
    for turn in turns:
        one = {k: v for k, v in turn.items() if k in ("role", "content", "reasoning_content")}
        one |= {"name": turn["name"]} if "name" in turn and turn["role"] != "tool" else {}
        one |= {
            "calls": [
                (c["function"]["name"], json.loads(c["function"]["arguments"])) for c in turn.get("tool_calls", [])
            ]
        }
        kept.append(one | ({"weight": 0} if turn["role"] == "assistant" and turn.get("weight") == 0 else {}))
    return kept


def unthought(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with the reasoning that stands in a text taken apart."""
    for turn in turns:
        if turn["content"].startswith("<think>\n"):
            thought, _, turn["content"] = turn["content"].removeprefix("<think>\n").partition("\n</think>\n\n")
            turn["reasoning_content"] = thought
    return meant(turns)


@pytest.mark.parametrize("form", VIEWED)
def test_a_pair_has_its_prompt_once_and_a_better_and_a_worse_answer(form: str):
    value = written(form, pair([SYSTEM, USER], margin=2.0))
    text = json.dumps(value)
    assert text.count('"q"') == text.count('"Be brief"') == 1
    assert {"chosen", "rejected"} < set(value)
    assert (value.get("margin"), held(pair(margin=2.0), load_format(form).pair_holds)[1]) == (
        (2.0, set()) if form in ("messages", "trl") else (None, {"margin"})
    )


def test_alpaca_has_history_for_a_dialogue():
    assert written("alpaca", talk([SYSTEM, USER, SAID, {**USER, "content": "q2"}, {**SAID, "content": "a2"}])) == {
        "instruction": "q2",
        "input": "",
        "output": "a2",
        "system": "Be brief",
        "history": [["q", "a"]],
    }


def test_sharegpt_has_calls_as_turns_of_their_own():
    assert written("sharegpt", talk([SYSTEM, USER, CALL, TOOL, SAID]))["conversations"] == [
        {"from": "system", "value": "Be brief"},
        {"from": "human", "value": "q"},
        {"from": "function_call", "value": '{"name": "w", "arguments": {"c": "Ghent"}}'},
        {"from": "observation", "value": "12"},
        {"from": "gpt", "value": "a"},
    ]


def test_trl_learns_one_answer_as_a_completion_and_a_dialogue_as_messages():
    assert written("trl", talk([SYSTEM, USER, SAID]), "sft") == {"prompt": [SYSTEM, USER], "completion": [SAID]}
    assert written("trl", talk([USER, SAID, USER, SAID]), "sft") == {"prompt": [USER, SAID, USER], "completion": [SAID]}
    assert written("trl", talk([SYSTEM, USER, SAID])) == {"messages": [SYSTEM, USER, SAID]}
    assert written("trl", pair(margin=1.5)) == {
        "prompt": [USER],
        "chosen": [SAID],
        "rejected": [{"role": "assistant", "content": "b"}],
        "margin": 1.5,
    }
    assert left_out("trl", pair([USER, SAID])) == "turns_in_a_row", "TRL would go on in the first answer"
    assert left_out("trl", pair([USER, SYSTEM])) == "system_turns", "TRL takes no such prompt"


@pytest.mark.slow
def test_trl_takes_what_is_written_for_it_by_its_own_functions():
    trl = pytest.importorskip("trl.data_utils")
    tokenizer = Template()
    for name, turns in TALKS.items():
        if not left_out("trl", talk(turns)):
            value = written("trl", talk(turns))
            assert trl.is_conversational(value), name
            assert trl.maybe_apply_chat_template(value, tokenizer)["text"].count("<") == len(turns), name
    value = written("trl", talk([SYSTEM, USER, SAID]), "sft")
    assert trl.is_conversational(value)
    assert trl.maybe_apply_chat_template(value, tokenizer)["completion"] == "a"
    value = written("trl", pair([SYSTEM, USER], margin=1.0))
    rendered = trl.maybe_apply_chat_template(value, tokenizer)
    assert rendered == {"prompt": "<system>Be brief<user>q<assistant>", "chosen": "a", "rejected": "b"}


class Template:
    """A chat template that shows who says what."""

    def apply_chat_template(self, turns: list[dict[str, Any]], *, add_generation_prompt: bool = False, **_: Any) -> str:
        text = "".join(f"<{turn['role']}>{turn['content'] or ''}" for turn in turns)
        return text + ("<assistant>" if add_generation_prompt else "")


def test_llama_factory_finds_every_row_where_its_description_says():
    """Its own rules: who may speak in odd and even places, how many turns, and every column of the description there
    (src/llamafactory/data/converter.py)."""
    for kind, examples in (
        ("messages", [talk(t) for t in TALKS.values()]),
        ("preference", [pair(), pair([SYSTEM, USER])]),
    ):
        described = json.loads(
            described_by("llama-factory", kind, {"train": "d.train.jsonl", "validation": "d.v.jsonl"})
        )
        assert set(described) == {"d", "d_validation"}
        entry = described["d"]
        assert (entry["file_name"], entry["formatting"], entry.get("ranking", False)) == (
            *("d.train.jsonl", "sharegpt"),
            kind == "preference",
        )
        for example in examples:
            if left_out("llama-factory", example):
                continue
            row = written("llama-factory", example)
            assert set(row) == set(entry["columns"].values())
            turns = row[entry["columns"]["messages"]]
            assert all(
                t["from"] in (("human", "observation"), ("gpt", "function_call"))[i % 2] for i, t in enumerate(turns)
            )
            assert len(turns) % 2 == (1 if kind == "preference" else 0)
            assert all(isinstance(t["value"], str) for t in turns)
            assert isinstance(row["system"], str)
            assert isinstance(row["tools"], str)
            if kind == "preference":
                assert {row["chosen"]["from"], row["rejected"]["from"]} == {"gpt"}


def test_llama_factory_has_tools_and_calls_as_it_parses_them():
    row = written("llama-factory", talk([USER, CALL, TOOL, {**THOUGHT}], TOOLS))
    assert json.loads(row["tools"]) == TOOLS
    assert json.loads(row["conversations"][1]["value"]) == {"name": "w", "arguments": {"c": "Ghent"}}
    assert row["conversations"][3]["value"] == "<think>\nhm\n</think>\n\na"
    both = {**CALL, "tool_calls": CALL["tool_calls"] * 2}
    assert len(json.loads(written("llama-factory", talk([USER, both, TOOL, SAID]))["conversations"][1]["value"])) == 2


def test_llama_factorys_description_keeps_other_datasets():
    other = json.dumps({"identity": {"file_name": "identity.json"}, "d": {"file_name": "old.json"}})
    described = json.loads(described_by("llama-factory", "sft", {"train": "d.jsonl"}, there=other))
    assert described["identity"] == {"file_name": "identity.json"}
    assert described["d"]["file_name"] == "d.jsonl"
    with pytest.raises(InputError, match="not a description of datasets"):
        described_by("llama-factory", "sft", {"train": "d.jsonl"}, there="[1]")


def test_axolotls_configuration_names_the_files_and_how_they_are_read():
    from ruamel.yaml import YAML

    splits = {"train": "d.train.jsonl", "validation": "d.validation.jsonl"}
    sft = YAML(typ="safe").load(described_by("axolotl", "messages", splits))
    assert set(sft) == {"datasets", "test_datasets"}
    (entry,) = sft["datasets"]
    assert entry == {
        "path": "out/d.train.jsonl", "ds_type": "json", "split": "train", "type": "chat_template",
        "field_messages": "messages", "message_field_training": "train",
    }  # fmt: skip
    assert sft["test_datasets"][0]["path"] == "out/d.validation.jsonl"
    row = written("axolotl", talk([USER, UNLEARNT, USER, SAID]))
    assert [turn.get("train") for turn in row["messages"]] == [None, False, None, None]
    pairs = YAML(typ="safe").load(described_by("axolotl", "preference", {"train": "d.jsonl"}))
    assert (pairs["rl"], pairs["datasets"][0]["type"]) == ("dpo", "chat_template.default")
    assert written("axolotl", pair()) == {
        "messages": [USER], "chosen": SAID, "rejected": {"role": "assistant", "content": "b"},
    }  # fmt: skip
    assert left_out("axolotl", pair([USER, CALL, TOOL])) == "tool_calls", "of pairs it reads role and content alone"


def described_by(form: str, kind: str, splits: dict[str, str], there: str | None = None) -> str:
    beside = load_format(form).beside
    assert beside is not None
    (text,) = beside(Files("d", kind, Path("out"), splits, lambda _: there)).values()
    return text


def test_the_docs_tell_of_every_format_and_every_reason():
    page = (Path(__file__).parents[3] / "docs" / "exports.md").read_text("utf-8")
    assert [name for name in FORMATS if f"| `{name}` |" not in page] == []
    assert [why for whys in LEFT_OUT.values() for why in whys.values() if f"`{why}`" not in page] == []
