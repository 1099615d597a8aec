"""Models behind the gateway on the harness's tasks: the right figures, and nothing asked twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.evaluation.items import read_evaluated
from support.command import BEZOAR, bezoar
from support.fault_server import FaultServer, answer_text
from support.projects import Project
from support.smollm2 import NAME, alone, needs_llamacpp
from support.waiting import wait_until

TEXTS = {"first": "{id}: the {a} and the", "second": "Name what follows {b} in {id}:"}
PRICE = {"input": 0, "output": 1000, "read": "2026-11-01"}


@pytest.fixture
def asked(project: Project, tasks: Path, server: FaultServer) -> Project:
    """A project with a suite of two tasks that generate, no two items alike, and a model at the server."""
    for name, text in TEXTS.items():
        template = text.replace("{", "{{").replace("}", "}}")
        said = {"task": f"task: {name}", "doc_to_text": f'doc_to_text: "{template}"'}
        lines = [said.get(line.partition(":")[0], line) for line in (tasks / "say.yaml").read_text().splitlines()]
        (project.folder / f"{name}.yaml").write_text("\n".join(lines))
    write_tasks_suite(project, *TEXTS)
    project.models(server.url, limits={"concurrency": 4}, price=PRICE, api_key_env="TEST_API_KEY")
    return project


def write_tasks_suite(project: Project, *names: str, **more: object) -> None:
    suite = {"name": "words", "version": 1, "tasks": [{"task": f"{name}.yaml", **more} for name in names]}
    (project.folder / "suite.yaml").write_text(json.dumps(suite))


def evaluate(project: Project, *arguments: str | Path, **more: Any) -> Any:
    key = {"TEST_API_KEY": "sk-verysecretverysecret1"}
    return project.bezoar("evaluate", "models.yaml:teacher", "--suite", "suite.yaml", *map(str, arguments), env=key)


def test_figures_are_those_of_the_answers_and_nothing_is_asked_twice(
    asked: Project, tasks: Path, server: FaultServer
) -> None:
    done = evaluate(asked, "--json").json["models"][0]
    items = [json.loads(line) for line in (tasks / "items.jsonl").read_text().splitlines()]
    for task, text in TEXTS.items():
        answers = [answer_text([{"role": "user", "content": text.format(**item)}], 20) for item in items]
        said = [" ".join(answer.split(" ")[:8]) for answer in answers]
        right = [item["choices"][item["answer"]] for item in items]
        first = [found[0] if (found := re.findall("([a-z]+)", one)) else "[invalid]" for one in said]
        (result,) = [one for one in done["tasks"] if one["task"] == task]
        expected = sum(a == b for a, b in zip(first, right, strict=True)) / 20
        assert result["metrics"]["exact_match,word"]["value"] == expected
        assert result["unanswered"] == {}
    body = server.stats()["last_body"]
    assert (body["temperature"], body["stop"], body["max_tokens"]) == (0, ["\n"], 8)
    assert server.stats()["requests"] == 40
    written = (asked.folder / "evaluated/tester/words/tester/evaluation.json").read_text()
    assert "secret" not in written
    assert str(server.port) not in written
    assert done["model"]["weights"] == "openai:tester"
    prompts = read_evaluated(asked.folder / "evaluated/tester/words/tester").tasks["first"].prompts
    assert json.loads(next(iter(prompts.values()))) == [{"role": "user", "content": TEXTS["first"].format(**items[0])}]
    assert "done already" in evaluate(asked).err
    shutil.rmtree(asked.folder / "evaluated")
    again = evaluate(asked)
    assert "asked: 40 from the journal, 0 requests" in again.err
    assert server.stats()["requests"] == 40


def test_killed_it_goes_on_where_it_was(asked: Project, server: FaultServer) -> None:
    server.set(hold_from=10)
    command = [*BEZOAR, "evaluate", "models.yaml:teacher", "--suite", "suite.yaml"]
    key = {**os.environ, "TEST_API_KEY": "sk-verysecretverysecret1"}
    with subprocess.Popen(command, cwd=asked.folder, env=key, stderr=subprocess.PIPE) as run:
        wait_until(lambda: server.stats()["requests"] == 14 and asked.journalled() == 10)
        run.send_signal(signal.SIGKILL)
    wait_until(lambda: server.stats()["now"] == 0)
    server.turn()
    assert "asked: 10 from the journal, 30 requests" in evaluate(asked).err
    prompts = server.stats()["prompts"]
    assert sum(prompts.values()) == 44
    assert sum(count == 2 for count in prompts.values()) == 4


def test_tasks_of_likelihoods_are_refused_all_at_once_and_nothing_is_asked(
    asked: Project, tasks: Path, server: FaultServer
) -> None:
    likely = ("plain", "shots", "likely")
    write_tasks_suite(asked, *(str(tasks / name) for name in likely), *TEXTS)
    told = evaluate(asked)
    assert told.code == 2
    for name in likely:
        assert f"'{name}' scores likelihoods" in told.err
    assert "take the others alone: --task first --task second" in told.err
    assert server.stats()["requests"] == 0
    assert evaluate(asked, "--task", "first").code == 0
    assert server.stats()["requests"] == 20
    shutil.copy(tasks / "plain.yaml", asked.folder / "first.yaml")
    write_tasks_suite(asked, str(tasks / "plain"), "first")
    assert "takes 'plain' from another file of that name" in evaluate(asked).err


def test_the_budget_stops_it_and_the_plan_says_what_is_left(asked: Project, server: FaultServer) -> None:
    told = evaluate(asked, "--max-cost", "0.1")
    assert told.code == 3
    paid = server.stats()["requests"]
    assert 0 < paid < 20
    (planned,) = evaluate(asked, "--plan", "--json").json["models"]
    assert (planned["answers"], planned["cached"]) == (40, paid)
    assert planned["most_cost"] == pytest.approx((40 - paid) * 8 / 1000)
    assert f"tester: 40 answers, {paid} in the journal" in evaluate(asked, "--plan").out
    assert evaluate(asked, "--max-cost", "1").code == 0
    assert server.stats()["requests"] == 40


def test_what_is_refused_for_good_counts_as_wrong_and_is_told(asked: Project, tmp_path: Path) -> None:
    rows = [{"q": f"Say {i}{' [[400]]' if i == 3 else ''}", "a": "river"} for i in range(5)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "odd.yaml").write_text(
        "task: odd\noutput_type: generate_until\ndataset_path: json\ntest_split: test\nrepeats: 2\n"
        f"dataset_kwargs: {{data_files: {{test: {tmp_path / 'rows.jsonl'}}}}}\ndoc_to_text: '{{{{q}}}}'\n"
        "doc_to_target: '{{a}}'\ngeneration_kwargs: {until: [zzz, a, b, c, d, e], temperature: 0.7}\n"
        "metric_list: [{metric: exact_match}]\n"
    )
    suite = {"name": "odd", "version": 1, "tasks": [{"task": str(tmp_path / "odd.yaml")}]}
    (asked.folder / "suite.yaml").write_text(json.dumps(suite))
    told = evaluate(asked)
    assert "tester, odd: 2 questions got no answer and count as wrong (http_400 2)" in told.out, told.err
    items = read_evaluated(asked.folder / "evaluated/tester/odd/tester").tasks["odd"]
    assert len(items.scores["exact_match"]) == 5


@needs_llamacpp
def test_a_gguf_is_asked_in_this_process(asked: Project) -> None:
    write_tasks_suite(asked, "first", limit=2)
    with alone():
        told = bezoar("evaluate", NAME, "--suite", "suite.yaml", "--json", cwd=asked.folder)
    (done,) = told.json["models"]
    assert done["tasks"][0]["items"] == 2
    assert done["model"]["weights"] == f"llamacpp:{NAME}"
    assert len(done["model"]["revision"]) == 64
    again = bezoar("evaluate", NAME, "--suite", "suite.yaml", cwd=asked.folder)
    assert "done already" in again.err
