"""What a task cannot score is told before a model is asked."""

from __future__ import annotations

import json
from pathlib import Path

import nltk
import pytest

from support.command import bezoar
from support.fault_server import FaultServer
from support.tasks import GENERATION, HEAD


def test_ifeval_without_the_data_of_its_sentences(
    real_data: Path, tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(nltk, "download", lambda _: False)
    task = {"task": "ifeval", "limit": 30, "data": {"train": str(real_data / "ifeval" / "input_data.jsonl")}}
    (tmp_path / "suite.yaml").write_text(json.dumps({"name": "own", "version": 1, "tasks": [task]}))
    for more in ((), ("--plan",)):
        told = bezoar("evaluate", f"openai:m@{server.url}", "--suite", "suite.yaml", *more, cwd=tmp_path)
        assert told.code == 2
        assert "suite.yaml:1:50: the task 'ifeval' cannot score answers: it needs NLTK's 'punkt_tab'" in told.err
        assert "python -m nltk.downloader punkt_tab" in told.err
    assert server.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("scoring", "told"),
    [
        ("metric_list: [{metric: exact_match}]\n", "has no metric 'bleu': it has exact_match"),
        ("process_results: !function own.fails\n", "cannot score answers: ZeroDivisionError: division by zero"),
        ("process_results: !function own.nothing\n", "gave no figure"),
    ],
)
def test_own_scoring_that_fails(scoring: str, told: str, tmp_path: Path, server: FaultServer) -> None:
    (tmp_path / "items.jsonl").write_text('{"a": "fox", "choices": ["dog", "river"], "answer": 1}\n')
    (tmp_path / "own.py").write_text("fails = lambda doc, results: 1 / 0\nnothing = lambda doc, results: {}\n")
    head = HEAD.format(name="own", output="generate_until", file=tmp_path / "items.jsonl", text="After {{a}} comes")
    (tmp_path / "own.yaml").write_text(head + GENERATION.partition("metric_list")[0] + scoring)
    task = {"task": str(tmp_path / "own.yaml"), "metric": "bleu"}
    (tmp_path / "suite.yaml").write_text(json.dumps({"name": "own", "version": 1, "tasks": [task]}))
    done = bezoar("evaluate", f"openai:m@{server.url}", "--suite", "suite.yaml", cwd=tmp_path)
    assert (done.code, server.stats()["requests"]) == (2, 0)
    assert told in done.err
