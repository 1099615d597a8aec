"""Conversations and pairs from a person's file to Parquet, the source again, training and export: the same turns, or
dropped under a reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bezoar_data.config.files.card import load_card
from bezoar_data.runs.conversations.turns import read_turns
from bezoar_data.runs.row import content_hash
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Unusable
from support.projects import Project

CARD = """\
---
pretty_name: Test
license: cc0-1.0
bezoar:
  views: {views}
---

# {{{{ title }}}}

{{{{ sections.summary }}}}

{{{{ sections.fields }}}}

{{{{ sections.example }}}}
"""


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {**more, "type": "function", "function": {"name": "w", "arguments": arguments}}


PLAIN = [user("q"), says("a")]
TOLD = {"role": "tool", "content": "12"}
GHENT = '{"c":"Ghent"}'
TOOLS = [{"type": "function", "function": {"name": "w", "parameters": {"type": "object", "properties": {}}}}]
KEPT: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"messages": PLAIN}, PLAIN),
    ({"messages": [user("weather?"), says(None, tool_calls=[call(GHENT)]), TOLD, says("12")]},
     [user("weather?"), says("", tool_calls=[call(GHENT)]), TOLD, says("12")]),
    (
        {"messages": [user("weather?"), says("I look.", tool_calls=[call({"c": 1, "d": [2.5]}, id="c1")]),
                      {**TOLD, "name": "w", "tool_call_id": "c1"}, says("12", reasoning="so")]},
        [user("weather?"), says("I look.", tool_calls=[call('{"c": 1, "d": [2.5]}', id="c1")]),
         {**TOLD, "name": "w", "tool_call_id": "c1"}, says("12", reasoning_content="so")],
    ),
    (
        {"messages": [{"from": "human", "value": "weather?"}, {"from": "function_call", "value": '{"name": "w"}'},
                      {"from": "observation", "value": "12"}, {"from": "gpt", "value": "12", "weight": 1}],
         "system": "Be kind", "tools": json.dumps([TOOLS[0]["function"]])},
        [{"role": "system", "content": "Be kind"}, user("weather?"), says("", tool_calls=[call("{}")]),
         TOLD, says("12", weight=1)],
    ),
    ({"messages": [user([{"type": "text", "text": "q"}]), says([{"type": "text", "text": "a"}])]}, PLAIN),
    ({"messages": [{"role": "Human", "content": "q"}, {"role": "BOT", "content": "a"}]}, PLAIN),
    ({"messages": [{"role": "customer", "content": "q"}, {"from": "ChatGPT", "value": "a"}]}, PLAIN),
    ({"messages": json.dumps(PLAIN)}, PLAIN),
    ({"instruction": "q", "input": "", "output": "a"}, PLAIN),
    ({"instruction": "q", "output": "a", "system": "S", "history": [["x", "y"]]},
     [{"role": "system", "content": "S"}, user("x"), says("y"), *PLAIN]),
    ({"messages": [{**says("Hello"), "timestamp": 3}, *PLAIN]}, [says("Hello", timestamp=3), *PLAIN]),
]  # fmt: skip
DROPPED: list[tuple[str, Any]] = [
    ("roles", [{"role": None, "content": "q"}, says("a")]),
    ("roles", [{"content": "q"}, {"content": "a"}]),
    ("roles", [{"role": "narrator", "content": "q"}]),
    ("not_text", [user([{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {"url": "x"}}]), says("a")]),
    ("empty", [user("q"), says("\u200b")]),
    ("empty", []),
    ("not_turns", ["q", "a"]),
    ("not_turns", 5),
    ("tool_calls", [user("q"), says("", tool_calls=["w"])]),
    ("weight", [user("q"), says("a", weight=0.3)]),
    ("not_unicode", [user("q\ud800"), says("a")]),
    ("missing", None),
]


def project(folder: Path, views: str, rows: list[dict[str, Any]], steps: str) -> Project:
    made = Project(folder)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "card.md").write_text(CARD.format(views=views))
    (folder / "pipeline.yaml").write_text(f"name: test\nversion: 1\ncard: card.md\nsteps:\n{steps}")
    done = made.run()
    assert done.code == 0, done.err
    assert made.bezoar("card", "check", "runs/test").code == 0
    for row in made.kept():
        assert content_hash(row) == row["content_hash"]
    return made


def exported(made: Project, form: str) -> list[Any]:
    done = made.bezoar("export", "runs/test", "--format", form, "--out", "out.jsonl")
    assert done.code == 0, done.err
    return [json.loads(line) for line in (made.folder / "out.jsonl").read_text().splitlines()]


def trained(made: Project) -> tuple[list[Any], Counter[str]]:
    """The rows as training reads them by the card's one view, and how many it leaves out, by reason."""
    views = load_card(made.folder / "runs" / "test" / "dataset" / "README.md").bezoar["views"]
    (view,) = views.values()
    found, left_out = [], Counter[str]()
    for row in made.kept():
        try:
            found.append(read_row(view, row))
        except Unusable as reason:
            left_out[str(reason)] += 1
    return found, left_out


def test_every_spelling_comes_through_parquet_the_source_training_and_export(tmp_path: Path):
    rows = [row for row, _ in KEPT] + [{"messages": turns} for _, turns in DROPPED]
    steps = "  - use: load_conversations\n    with: {path: rows.jsonl, roles: {Customer: user}}\n"
    made = project(tmp_path / "a", "{messages: {messages: messages, tools: tools}}", rows, steps)
    expected = [turns for _, turns in KEPT]
    assert [read_turns(row["messages"], "user") for row in made.kept()] == expected
    assert [row["tools"] and json.loads(row["tools"]) for row in made.kept()] == [None] * 3 + [TOOLS] + [None] * 7
    assert [drop["reason"] for drop in made.dropped()] == [reason for reason, _ in DROPPED]
    for drop, (_, turns) in zip(made.dropped(), DROPPED, strict=True):
        words = drop["raw"] or drop["row"]
        assert json.loads(words)["messages"] == turns, "with what it said"
    lock = json.loads((made.folder / "runs/test/dataset/lock.json").read_text())
    assert not lock.get("mixed"), "turns with other keys stand in one type"

    examples, left_out = trained(made)
    assert ([e.messages for e in examples], left_out) == (expected, {})
    assert [e.tools for e in examples] == [None] * 3 + [TOOLS] + [None] * 7
    assert [read_turns(row["messages"], "user") for row in exported(made, "messages")] == expected

    (published,) = (made.folder / "runs/test/dataset/data").glob("*.parquet")
    again = project(
        tmp_path / "b", "{messages: {messages: messages}}", [],
        f"  - use: load_conversations\n    with: {{path: {published}}}\n",
    )  # fmt: skip
    same = ("messages", "tools", "content_hash")
    assert [[row[k] for k in same] for row in again.kept()] == [[row[k] for k in same] for row in made.kept()]


FISH, PERCH, NO = user("Which fish?"), says("Perch"), says("No")
BRIEF = {"role": "system", "content": "Be brief"}


def test_pairs_have_their_prompt_once_in_training_and_export_alike(tmp_path: Path):
    rows: list[dict[str, Any]] = [
        {"prompt": "Which fish?", "chosen": [FISH, PERCH], "rejected": [FISH, NO]},
        {"prompt": "Which fish?", "chosen": [user("Which fish? "), PERCH], "rejected": [user("Which fish? "), NO]},
        {"prompt": "Which fish?", "chosen": [BRIEF, FISH, PERCH], "rejected": [BRIEF, FISH, NO]},
        {"prompt": "Hi", "chosen": [user("Hi"), says("Hello"), FISH, PERCH],
         "rejected": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}, FISH, NO]},
        {"prompt": [FISH], "chosen": [PERCH], "rejected": [says([{"type": "text", "text": "No"}])]},
        {"prompt": "Which fish?", "chosen": [FISH, PERCH], "rejected": [FISH, says("")]},
        {"prompt": "Which fish?", "chosen": [FISH, PERCH], "rejected": [user("Which bird?"), NO]},
        {"prompt": "Which fish?", "chosen": [FISH, PERCH], "rejected": [FISH]},
    ]  # fmt: skip
    steps = "  - use: load_conversations\n    with: {path: rows.jsonl, column: chosen, keep: [prompt, rejected]}\n"
    made = project(tmp_path / "a", "{preference: {prompt: prompt, chosen: messages, rejected: rejected}}", rows, steps)
    prompts = [[FISH], [user("Which fish? ")], [BRIEF, FISH], [user("Hi"), says("Hello"), FISH], [FISH]]
    expected = [{"prompt": prompt, "chosen": [PERCH], "rejected": [NO]} for prompt in prompts]
    assert exported(made, "messages") == expected
    examples, left_out = trained(made)
    assert [{"prompt": e.prompt, "chosen": e.answer, "rejected": e.rejected} for e in examples] == expected
    assert left_out == {"empty": 1, "prompts_differ": 1, "no_reply": 1}
    alpaca = exported(made, "alpaca")
    assert {(row["instruction"].strip(), row["chosen"], row["rejected"]) for row in alpaca} == {
        ("Which fish?", "Perch", "No")
    }

    implicit = project(tmp_path / "b", "{preference: {chosen: messages, rejected: rejected}}", rows[:4], steps)
    assert exported(implicit, "messages") == expected[:4]
    assert trained(implicit)[1] == {}


def test_what_is_no_conversation_keeps_its_columns_where_it_is_dropped(tmp_path: Path):
    said = [None, "", "\u200b", 5, True, ["x", "y"], {"a": "b"}, [None], [], [*PLAIN], "An answer."]
    rows = [{"instruction": f"Question {i}", "response": one} for i, one in enumerate(said)]
    steps = """\
  - use: load_instructions
    with: {path: rows.jsonl, keep: [response]}
  - use: to_messages
    with: {dataset: d, prompt: instruction, response: response}
"""
    made = project(tmp_path, "{messages: {messages: messages}}", rows, steps)
    assert [row["messages"] for row in made.kept()] == [[user("Question 10"), says("An answer.")]]
    reasons = ["empty"] * 3 + ["not_text"] * 2 + ["not_turns"] * 3 + ["empty", "prompts_differ"]
    assert [drop["reason"] for drop in made.dropped()] == reasons
    for drop, row in zip(made.dropped(), rows, strict=False):
        assert json.loads(drop["row"]) == {**row, "context": "", "category": ""}
