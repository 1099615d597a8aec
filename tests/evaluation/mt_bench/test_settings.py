"""What a suite and a command may ask of judged questions, on two of MT-Bench's, and what is wrong with files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.evaluation.mt_bench.record import Grades
from support.command import Outcome, bezoar
from support.fault_server import FaultServer
from support.hub_server import Repo, hub_server
from support.tiny_model import save_tiny_model

FILES = {"questions": "question.jsonl", "prompts": "judge_prompts.jsonl", "references": "reference_gpt4.jsonl"}


@pytest.fixture(scope="module")
def judge() -> Iterator[FaultServer]:
    with FaultServer(mt_bench=True) as server:
        yield server


def judged(data: Path, **more: Any) -> dict[str, Any]:
    return {**{key: str(data / "mt_bench" / name) for key, name in FILES.items()}, "max_tokens": 4, **more}


def suite(path: Path, settings: dict[str, Any], **more: Any) -> Path:
    task = {"task": "mt-bench", "judged": settings, "limit": 2, **more}
    path.write_text(json.dumps({"name": "mt", "version": 1, "tasks": [task]}))
    return path


def evaluate(model: Path | str, suite: Path, *more: str) -> Outcome:
    home = suite.parent
    return bezoar(
        "evaluate", str(model), "--suite", str(suite), "--out", str(home / "out"),
        "--journal", str(home / "journal.sqlite"), *more,
    )  # fmt: skip


def test_answers_may_be_made_first_and_judged_later(
    models: dict[str, Path], judge: FaultServer, real_data: Path, tmp_path: Path
) -> None:
    mine = suite(tmp_path / "suite.yaml", judged(real_data))
    told = evaluate(models["base"], mine)
    assert told.code == 0
    assert "base: mt-bench, its answers are kept; --judge says who reads them" in told.err
    folder = tmp_path / "out" / "base" / "mt" / "base"
    kept = (folder / "judged" / "mt-bench.answers.jsonl").read_bytes()
    assert len(kept.splitlines()) == 4
    assert evaluate(models["base"], mine, "--json").json["models"][0]["tasks"] == []
    done = evaluate(models["base"], mine, "--judge", f"openai:strict@{judge.url}", "--json").json
    assert [task["task"] for task in done["models"][0]["tasks"]] == ["mt-bench"]
    assert (folder / "judged" / "mt-bench.answers.jsonl").read_bytes() == kept
    # Questions 81 and 82: 2 and 3 for the first turn, 1 for the second.
    assert done["judged"][0]["judges"][0]["figures"]["published"]["overall"]["value"] == (2 + 3 + 1 + 1) / 4
    # Without a judge what was rated of these answers stands; a half-written line is not an answer, and nobody's fault.
    with (folder / "judged" / "mt-bench.answers.jsonl").open("ab") as file:
        file.write(b'{"question": "81", "tu')
    assert evaluate(models["base"], mine, "--json").json["models"] == done["models"]


def test_what_is_drawn_is_drawn_from_the_seed(models: dict[str, Path], real_data: Path, tmp_path: Path) -> None:
    """Questions of writing are answered at temperature 0.7."""
    texts = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        folder = tmp_path / name
        folder.mkdir()
        mine = suite(folder / "suite.yaml", judged(real_data, max_tokens=24))
        mine.write_text(json.dumps({**json.loads(mine.read_text()), "seed": seed}))
        assert evaluate(models["base"], mine).code == 0
        lines = (folder / "out" / "base" / "mt" / "base" / "judged" / "mt-bench.answers.jsonl").read_text().splitlines()
        texts.append([json.loads(line)["text"] for line in lines])
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_strictly_an_unreadable_verdict_is_asked_for_once_more(
    models: dict[str, Path], judge: FaultServer, real_data: Path, tmp_path: Path
) -> None:
    mine = suite(tmp_path / "suite.yaml", judged(real_data, reading="strict"), limit=5)
    judge.set(mt_bench=True)
    told = evaluate(models["base"], mine, "--judge", f"openai:sloppy@{judge.url}", "--json").json
    (rates,) = told["judged"][0]["judges"]
    assert rates["unreadable"] == {"published": 2, "strict": 2}
    assert judge.stats()["requests"] == 10 + 2
    assert told["models"][0]["tasks"][0]["metric"] == "rating,sloppy,strict"
    assert told["models"][0]["tasks"][0]["judged"]["judge"] == "sloppy"


def test_a_model_behind_an_address_answers_too(judge: FaultServer, real_data: Path, tmp_path: Path) -> None:
    mine = suite(tmp_path / "suite.yaml", judged(real_data))
    judge.set(mt_bench=True)
    answerer, named = f"openai:answerer@{judge.url}", ("--judge", f"openai:strict@{judge.url}")
    told = evaluate(answerer, mine, *named, "--json").json
    assert [task["items"] for task in told["models"][0]["tasks"]] == [4]
    assert judge.stats()["requests"] == 4 + 4
    lines = (tmp_path / "out" / "answerer" / "mt" / "answerer" / "judged" / "mt-bench.answers.jsonl").read_text()
    assert {json.loads(line)["text"] for line in lines.splitlines()} == {"Whatever you say."}


def test_a_models_file_may_name_the_judges(
    models: dict[str, Path], judge: FaultServer, real_data: Path, tmp_path: Path
) -> None:
    mine = suite(tmp_path / "suite.yaml", judged(real_data))
    roles = {
        name: {"provider": "openai", "model": model, "base_url": judge.url, "sampling": {"max_tokens": 9}}
        for name, model in (("judge", "strict"), ("other", "sloppy"))
    }
    file = tmp_path / "models.yaml"
    file.write_text(json.dumps({"version": 1, "roles": roles}))
    one = evaluate(models["base"], mine, "--models", str(file), "--json").json
    assert [rates["judge"] for rates in one["judged"][0]["judges"]] == ["strict"]
    assert judge.stats()["last_body"]["max_tokens"] == 2048
    assert judge.stats()["last_body"]["temperature"] == 0
    both = evaluate(models["base"], mine, "--models", str(file), "--judge", "judge", "--judge", "other", "--json").json
    assert [rates["judge"] for rates in both["judged"][0]["judges"]] == ["strict", "sloppy"]
    assert both["judged"][0]["agreement"]["rows"] == 4


def test_a_base_without_a_template_needs_one(judge: FaultServer, real_data: Path, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "plain", chat_template=None)
    told = evaluate(model, suite(tmp_path / "suite.yaml", judged(real_data)))
    assert told.code == 2
    assert "'mt-bench' goes through the chat template, and plain has none" in told.err
    (tmp_path / "plain.jinja").write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    mine = suite(tmp_path / "suite.yaml", judged(real_data, template="plain.jinja"))
    assert evaluate(model, mine).code == 0
    lines = (tmp_path / "out" / "plain" / "mt" / "plain" / "judged" / "mt-bench.answers.jsonl").read_text()
    second = json.loads(lines.splitlines()[-1])
    assert second["prompt"].startswith("user: ")
    assert "\nassistant: " in second["prompt"]


def test_files_may_be_on_the_hub(models: dict[str, Path], real_data: Path, tmp_path: Path) -> None:
    with hub_server() as hub, hub.in_this_process(tmp_path / "home"):
        space = hub.repos["lmsys/mt-bench"] = Repo(private=False, kind="spaces")
        commit = space.add({"data/q.jsonl": (real_data / "mt_bench" / "question.jsonl").read_bytes()})
        settings = judged(real_data, questions=f"hf://spaces/lmsys/mt-bench@{commit}/data/q.jsonl")
        assert evaluate(models["base"], suite(tmp_path / "suite.yaml", settings)).code == 0
        assert hub.sent(f"/spaces/lmsys/mt-bench/resolve/{commit}/data/q.jsonl")
        settings = judged(real_data, questions="hf://spaces/lmsys/mt-bench/data/none.jsonl")
        told = evaluate(models["base"], suite(tmp_path / "suite.yaml", settings))
    assert told.code == 2
    assert "none.jsonl cannot be had from the Hub" in told.err
    assert "suite.yaml:1" in told.err
    wrong = evaluate(models["base"], suite(tmp_path / "suite.yaml", judged(real_data, questions="hf://nothing")))
    assert "'hf://nothing' is not a file of the Hub" in wrong.err


def test_every_mistake_in_the_files_is_told_at_once(models: dict[str, Path], real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text(
        '{"question_id": 1, "category": "writing", "turns": ["one", "two", "three"]}\n'
        '{"question_id": 2, "category": "writing"}\nnothing\n'
        '{"question_id": 3, "category": "math", "turns": ["one"]}\n'
        '{"question_id": 3, "category": "x", "turns": ["a"]}\n'
    )
    (tmp_path / "prompts.jsonl").write_text(
        json.dumps({"name": "single-v1", "system_prompt": "s", "prompt_template": "{question} {ref_answer_1} {"})
        + "\n" + json.dumps({"name": "single-math-v1", "system_prompt": "s", "prompt_template": "{answers}"})
    )  # fmt: skip
    (tmp_path / "references.jsonl").write_text('{"question_id": 3, "choices": []}\n')
    settings = judged(real_data, **{key: f"{key}.jsonl" for key in FILES})
    told = evaluate(models["base"], suite(tmp_path / "suite.yaml", settings))
    assert told.code == 2
    for words in (
        "questions.jsonl:1", "questions.jsonl:2", "questions.jsonl:3", "question 3 appears twice",
        "a brace alone", "'{answers}', which nothing fills in", "references.jsonl:1",
    ):  # fmt: skip
        assert words in told.err, words
    (tmp_path / "questions.jsonl").write_text('{"question_id": 3, "category": "math", "turns": ["one"]}\n')
    (tmp_path / "references.jsonl").write_text('{"question_id": 4, "choices": [{"turns": ["a"]}]}\n')
    settings = judged(real_data, questions="questions.jsonl", references="references.jsonl")
    told = evaluate(models["base"], suite(tmp_path / "suite.yaml", settings))
    assert "no reference answer of each turn of question 3 (math)" in told.err


@pytest.mark.parametrize(
    ("task", "more", "message"),
    [
        ({"shots": 3}, (), "'shots' says nothing of judged questions"),
        ({"task": "MT Bench"}, (), "not a name for judged questions"),
        ({}, ("--against", "sft"), "none of the models is called so"),
        ({}, ("--against", "base"), "--against needs a judge"),
        ({}, ("--judge", "openai:m", "--judge", "ollama:m"), "two judges are called m"),
        ({}, ("--judge", "nobody:m"), "neither a service nor a provider"),
        ({}, ("--task", "mt"), "the suite has no task 'mt'"),
    ],
)
def test_what_makes_no_sense_is_told(
    task: dict[str, Any],
    more: tuple[str, ...],
    message: str,
    models: dict[str, Path],
    real_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    told = evaluate(models["base"], suite(tmp_path / "suite.yaml", judged(real_data), **task), *more)
    assert told.code == 2
    assert message in told.err


def test_a_judge_without_judged_questions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    for option in (("--judge", "openai:gpt-4o"), ("--against", "base")):
        told = bezoar("evaluate", "openai:gpt-4o-mini", "--suite", "suites/instructions.yaml", *option)
        assert told.code == 2
        assert "no task of 'instructions' is read by a judge" in told.err


def test_the_shipped_suite_is_planned(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    command = (
        "evaluate",
        "openai:gpt-4o-mini",
        "--suite",
        "suites/mt-bench.yaml",
        "--plan",
        "--judge",
        "openai:gpt-4o",
    )
    planned = bezoar(*command, "--json").json
    assert [(one["task"], one["items"]) for one in planned["tasks"]] == [("mt-bench", 160)]
    (model,) = planned["models"]
    assert (model["answers"], model["most_completion_tokens"]) == (160, 160 * 1024)
    (judge,) = planned["judges"]
    assert (judge["judge"], judge["verdicts"], judge["most_completion_tokens"]) == ("gpt-4o", 160, 160 * 2048)
    # 80 answers of one turn and 80 conversations of two, each of 1,024 tokens, and what is around them.
    assert 3 * 80 * 1024 < judge["most_prompt_tokens"] < 5 * 80 * 1024
    told = bezoar(*command, "--against", "base").out
    assert "Judge gpt-4o: 480 verdicts for each model; at most " in told
    assert "; at most $" in told.splitlines()[-1]


def test_figures_are_read_back(models: dict[str, Path], judge: FaultServer, real_data: Path, tmp_path: Path) -> None:
    mine = suite(tmp_path / "suite.yaml", judged(real_data))
    told = evaluate(models["base"], mine, "--judge", f"openai:strict@{judge.url}", "--json").json
    grades = Grades.read(tmp_path / "out" / "base" / "mt" / "base" / "judged" / "mt-bench.json")
    assert grades.as_json() == told["judged"][0]
    assert set(grades.setting.files) == {"questions", "prompts", "references"}
