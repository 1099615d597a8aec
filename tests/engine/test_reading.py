"""What is read of real answers, through the real command line: no thinking in anything a run leaves but its journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.projects import Project
from support.quirk_server import QuirkServer
from support.quirks.answers import SPELLINGS, THINKING_WORDS, THOUGHT
from support.quirks.base import chat, text_for

ORCA = """\
  - {use: load_flan, with: {path: rows.jsonl}}
  - use: orca.system_message
  - {use: orca.explain, with: {model: teacher}}
"""
EVOL = """\
  - {use: load_instructions, with: {path: rows.jsonl}}
  - use: evol_instruct.pool
  - {use: evol_instruct.evolve, with: {model: teacher, evaluator: judge, epochs: 2, drop_answers: false}}
"""
CARD = "---\npretty_name: Test\nbezoar:\n  views: {{sft: {{prompt: {prompt}, response: {response}}}}}\n---\n\n# Test\n"
MARKS = (
    "think>",
    "[THINK]",
    "<|channel",
    "channel|>",
    "◁",
    "assistantfinal",
    "<|im_",
    "<|START",
    "<|END",
    "<|return|>",
)
COUNT = 2 * len(SPELLINGS)


def prepare(project: Project, steps: str, prompt: str, response: str) -> None:
    project.rows(COUNT)
    if steps == EVOL:
        rows = [{"instruction": f"Tell me about the number {i}.", "category": "open_qa"} for i in range(COUNT)]
        (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (project.folder / "card.md").write_text(CARD.format(prompt=prompt, response=response))
    project.pipeline(steps, tolerate=1.0, card="card.md")


def everything(folder: Path) -> Iterator[tuple[Path, str]]:
    """The text of every file a person or a trainer may read."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("journal.sqlite"):
            if path.suffix == ".parquet":
                yield path, json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str)
            else:
                yield path, path.read_text("utf-8", "replace")


@pytest.mark.parametrize(
    ("steps", "prompt", "response"),
    [(ORCA, "inputs", "explained_targets"), (EVOL, "instruction", "response")],
    ids=["orca", "evol"],
)
def test_thinking_in_every_spelling_reaches_no_dataset(
    project: Project, quirks: QuirkServer, steps: str, prompt: str, response: str
) -> None:
    prepare(project, steps, prompt, response)
    project.models(quirks.url("each_thinks"))
    done = project.run("--json")
    assert done.code == 0, done.err
    for form in ("messages", "alpaca", "sharegpt", "jsonl"):
        exported = project.bezoar("export", "runs/test", "--format", form)
        assert exported.code == 0, exported.err
    kept = project.kept()
    assert len(kept) >= COUNT // 2
    texts = dict(everything(project.folder))
    assert {path.suffix for path in texts} >= {".parquet", ".jsonl", ".json", ".md"}
    for path, text in texts.items():
        for word in (*THINKING_WORDS, *MARKS):
            assert word not in text, f"{word} in {path.name}"
    if steps == ORCA:
        counted = sum(use["completion_tokens"] for use in done.json["usage"])
        assert counted == done.json["asked"]["completion_tokens"], "what only thought was paid for"
    reasons = {row["reason"] for row in project.dropped()}
    assert "only_thinking" in reasons, "and what thinks without end is no row"
    journal = b"".join(p.read_bytes() for p in (project.folder / "runs").glob("journal.sqlite*"))
    assert THINKING_WORDS[0].encode() in journal, "there it is kept"


def test_what_is_odd_is_counted_by_name_in_the_summary(project: Project, quirks: QuirkServer) -> None:
    """Also by a run that finds all its answers in the journal."""
    ends: dict[int, tuple[Any, str]] = {0: ("galactic", "{}"), 1: (None, "{}"), 2: ("stop", "{}<|im_end|>")}

    def quirk(body: dict[str, Any], nth: int) -> dict[str, Any]:
        number = int("".join(filter(str.isdigit, body["messages"][-1]["content"])))
        finish, form = ends.get(number, ("MAX_TOKENS", "{}"))
        return chat(form.format(text_for(body)), finish)

    quirks.quirks["odd"] = quirk
    project.rows(4)
    project.models(quirks.url("odd"))
    project.pipeline(ORCA.replace("model: teacher", "model: teacher, keep_truncated: true"))
    for requests in (4, 4):
        done = project.run()
        assert done.code == 0, done.err
        assert "answers kept although their finish reason is not known: 1 'galactic', 1 with none" in done.out
        assert "special tokens cut off 1 answers" in done.out
        assert "marked by orca-explain: 1 truncated" in done.out
        assert quirks.asked("odd") == requests
    assert project.run("--json").json["unknown_finish_reasons"] == {"galactic": 1, "unknown": 1}
    project.pipeline(ORCA, tolerate=1.0)
    done = project.run()
    assert "dropped by orca-explain: 1 truncated" in done.out


def test_thinking_is_kept_where_that_is_asked_for(project: Project, quirks: QuirkServer) -> None:
    """In one spelling, whatever the model's, without a new request; lock and card say so."""
    project.rows(2)
    project.models(quirks.url("thinks_mistral"))
    project.pipeline(ORCA)
    assert project.run().code == 0
    project.models(quirks.url("thinks_mistral"), thinking="keep")
    done = project.run()
    assert done.code == 0, done.err
    assert quirks.asked("thinks_mistral") == 2
    for row in project.kept():
        assert row["explained_targets"].startswith(f"<think>\n{THOUGHT}\n</think>\n\n")
    dataset = project.folder / "runs" / "test" / "dataset"
    assert json.loads((dataset / "lock.json").read_text())["models"][0]["thinking"] == "keep"
    assert "its thinking comes before its answers" in (dataset / "README.md").read_text()
