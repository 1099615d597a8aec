"""What is wrong with a comparison is told before Argilla or a model is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import bezoar


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("push a.jsonl b.jsonl --prompts missing.txt", 2, "missing.txt: cannot be used"),
        ("push a.jsonl a.jsonl --prompts p.txt", 2, "both are called first"),
        ("push a.jsonl nope --prompts p.txt", 2, "'nope' names no model"),
        ("push a.jsonl --prompts p.txt", 2, "people push A B --prompts FILE"),
        ("push --judged a.jsonl", 2, "a.jsonl: these are not verdicts of comparisons"),
        ("push a.jsonl b.jsonl --prompts p.txt", 5, "does not answer"),
        ("pull nowhere", 2, "nowhere/pairs.json: there is no pairs.json here"),
        ("status nowhere", 2, "make them: bezoar-data people push A B --prompts FILE"),
    ],
)
def test_a_mistake_is_told(
    arguments: str, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.txt").write_text("Hello?\n")
    for file, model in (("a", "first"), ("b", "folder/second")):
        line = {"prompt": "Hello?", "model": model, "answer": "Yes."}
        (tmp_path / f"{file}.jsonl").write_text(json.dumps(line))
    env = {"ARGILLA_API_URL": "http://127.0.0.1:9", "ARGILLA_API_KEY": "a-secret-key"}
    done = bezoar("people", *arguments.split(), cwd=tmp_path, env=env)
    assert (done.code, said in done.err) == (code, True), done.err
    assert "a-secret-key" not in done.err
    assert "Traceback" not in done.err
