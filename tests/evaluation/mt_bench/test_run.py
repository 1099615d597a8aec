"""MT-Bench's 80 questions through the command line: a tiny model answers, a scripted judge reads, tables are known."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.evaluation.compare import compare
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.evaluation.mt_bench.record import Grades, Pairs, read_pair_verdicts
from support.command import BEZOAR, bezoar
from support.fault_server import FaultServer
from support.mt_bench_judge import CATEGORIES
from support.waiting import wait_until

HELD = 60


def write_suite(path: Path, data: Path, **more: Any) -> Path:
    files = {"questions": "question.jsonl", "prompts": "judge_prompts.jsonl", "references": "reference_gpt4.jsonl"}
    judged = {key: str(data / "mt_bench" / name) for key, name in files.items()}
    task = {"task": "mt-bench", "judged": {**judged, "max_tokens": 6, **more}}
    path.write_text(json.dumps({"name": "mt", "version": 1, "batch_size": 16, "tasks": [task]}))
    return path


def answers_in(journal: Path) -> int:
    if not journal.is_file():
        return 0
    with closing(sqlite3.connect(journal)) as file:
        found = file.execute("SELECT count(*) FROM sqlite_master WHERE name = 'answers'").fetchone()[0]
        return int(file.execute("SELECT count(*) FROM answers").fetchone()[0]) if found else 0


def texts_of(folder: Path, model: str) -> dict[tuple[str, int], str]:
    """A model's answers, by question and turn."""
    lines = (folder / model / "judged" / "mt-bench.answers.jsonl").read_text().splitlines()
    return {(row["question"], row["turn"]): row["text"] for row in map(json.loads, lines)}


@dataclass(frozen=True)
class Judged:
    """Two models judged by two judges, after the first process was killed."""

    folder: Path
    arguments: list[str]
    told: dict[str, Any]
    answers: bytes
    """Of the base, as they were when the process was killed."""
    stats: dict[str, Any]


@pytest.fixture(scope="module")
def judge() -> Any:
    with FaultServer(mt_bench=True) as server:
        yield server


@pytest.fixture(scope="module")
def judged(judge: FaultServer, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Judged:
    data = os.environ.get("BEZOAR_TEST_DATA")
    if not data:
        pytest.skip("BEZOAR_TEST_DATA names no folder")
    home = tmp_path_factory.mktemp("mt_bench")
    suite = write_suite(home / "suite.yaml", Path(data))
    arguments = [
        "evaluate", str(models["base"]), str(models["adapter"]), "--suite", str(suite), "--out", str(home / "out"),
        "--journal", str(home / "journal.sqlite"), "--judge", f"openai:strict@{judge.url}", "--against", "base",
    ]  # fmt: skip
    judge.set(mt_bench=True, hold_from=HELD)
    killed = subprocess.Popen([*BEZOAR, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_until(lambda: answers_in(home / "journal.sqlite") == HELD or killed.poll() is not None)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    wait_until(lambda: judge.stats()["now"] == 0)
    folder = home / "out" / "models" / "mt"
    answers = (folder / "base" / "judged" / "mt-bench.answers.jsonl").read_bytes()
    judge.turn(mt_bench=True)
    told = bezoar(*arguments, "--json").json
    return Judged(folder, arguments, told, answers, judge.stats())


def test_a_killed_evaluation_goes_on_and_asks_nothing_again(judged: Judged) -> None:
    assert len(judged.answers.splitlines()) == 160
    assert (judged.folder / "base" / "judged" / "mt-bench.answers.jsonl").read_bytes() == judged.answers
    # Two models' turns, and their comparison in both orders: each was answered once. Where both models say the same,
    # the judge is shown the same.
    texts = [texts_of(judged.folder, model) for model in ("base", "adapter")]
    same = [
        (question, turn)
        for question, turn in texts[0]
        if all(texts[0][question, t] == texts[1][question, t] for t in range(turn + 1))
    ]
    assert 0 < len(same) < 80
    assert judged.stats["statuses"] == {"200": 160 + 160 + 320 - 2 * len(same)}
    assert len(judged.stats["prompts"]) == 640 - 2 * len(same)
    again = bezoar(*judged.arguments)
    assert again.code == 0
    assert "asked: 640 from the journal, 0 requests" in again.err


def test_ratings_are_those_worked_by_hand(judged: Judged) -> None:
    """The first turn's ratings are 1 to 10 in each category; the second's the category's number, throughout."""
    for model in ("base", "adapter"):
        grades = Grades.read(judged.folder / model / "judged" / "mt-bench.json")
        (rates,) = grades.judges
        assert (rates.judge, rates.turns, rates.refused) == ("strict", 160, 0)
        assert rates.unreadable == {"published": 0, "strict": 0}
        found = {part: (figure.turns, figure.value) for part, figure in rates.figures["published"].items()}
        by_hand = {name: (20, (5.5 + number) / 2) for number, name in enumerate(CATEGORIES, 1)}
        assert found == {"overall": (160, 5.0), "turn 1": (80, 5.5), "turn 2": (80, 4.5), **by_hand}
        overall = rates.figures["published"]["overall"]
        assert overall.low is not None
        assert overall.high is not None
        assert overall.low < 5.0 < overall.high
        assert rates.figures["strict"]["overall"].value == 5.0


def test_the_judge_sees_references_where_they_are_due(judged: Judged, real_data: Path) -> None:
    lines = (judged.folder / "base" / "judged" / "mt-bench.strict.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    due = {"math", "reasoning", "coding"}
    for row in rows:
        kind = "single-math-v1" if row["category"] in due else "single-v1"
        assert row["judge"] == ["strict", kind + ("-multi-turn" if row["turn"] == 2 else "")]
    references = (real_data / "mt_bench" / "reference_gpt4.jsonl").read_text().splitlines()
    first = json.loads(references[0])
    told = next(row for row in rows if row["question_id"] == str(first["question_id"]) and row["turn"] == 2)
    for text in first["choices"][0]["turns"]:
        assert text in told["user_prompt"]


def test_scores_are_tasks_that_compare_pairs(judged: Judged) -> None:
    base = next(one for one in judged.told["models"] if one["model"]["name"] == "base")
    assert [task["task"] for task in base["tasks"]] == ["mt-bench", *(f"mt-bench-{name}" for name in CATEGORIES)]
    first = base["tasks"][0]
    assert (first["metric"], first["items"], first["judged"]["judge"]) == ("rating,strict", 160, "strict")
    assert first["metrics"]["rating,strict"]["value"] == 5.0
    assert first["metrics"]["unreadable,strict"]["value"] == 0.0
    assert [task["facet"] for task in base["tasks"][1:]] == list(CATEGORIES)
    told = bezoar("compare", judged.folder / "base", judged.folder / "adapter").out
    assert f"Judged by strict, {first['judged']['date']}, and not by the harness; prompts fd283293406d, " in told
    found = compare(read_evaluated(judged.folder / "base"), read_evaluated(judged.folder / "adapter"))
    assert [(one.found.items, one.found.groups, one.word) for one in found.tasks] == [
        (160, 80, "tied"), *[(20, 10, "tied")] * 8
    ]  # fmt: skip


def test_pairs_are_those_worked_by_hand(judged: Judged) -> None:
    pairs = Pairs.read(judged.folder / "adapter" / "judged" / "mt-bench-against-base.json")
    (found,) = pairs.judges
    texts = {model: texts_of(judged.folder, model) for model in ("base", "adapter")}
    verdicts: Counter[str] = Counter()
    for (question, turn), text in texts["adapter"].items():
        longer = len(text) - len(texts["base"][question, turn])
        better = 0 if question[-1] == "3" else longer if turn == 0 else -longer
        verdicts["won" if better > 0 else "lost" if better < 0 else "tied"] += 1
    rate = found.win_rates["published"]["overall"]
    assert (rate.wins, rate.ties, rate.losses) == (verdicts["won"], verdicts["tied"], verdicts["lost"])
    assert rate.wins
    assert rate.losses
    assert rate.rate.value == pytest.approx((verdicts["won"] + verdicts["tied"] / 2) / 160)
    assert rate.groups == 80
    lengths = [sum(map(len, texts[model].values())) / 160 for model in ("base", "adapter")]
    assert rate.characters == pytest.approx(tuple(lengths))
    first = found.win_rates["published"]["turn 1"]
    second = found.win_rates["published"]["turn 2"]
    assert first.with_length.value is not None
    assert second.with_length.value is not None
    assert first.with_length.value > 0.5
    assert second.with_length.value < -0.5
    # The sixteen turns of questions that end in 3 go to what stands first, in both orders.
    assert found.swapped is not None
    assert (found.swapped.first, found.swapped.second) == (16, 0)
    rows = list(read_pair_verdicts(judged.folder / "adapter" / "judged" / "mt-bench-against-base.strict.jsonl"))
    assert Counter(row.verdict for row in rows) == {"b": rate.wins, "tie": rate.ties, "a": rate.losses}
    assert {row.models for row in rows} == {("base", "adapter")}


def test_a_judge_that_fails_the_format_is_told_in_the_first_line(judged: Judged, judge: FaultServer) -> None:
    """Every fifth question is unreadable: of the first turn's 1 to 10 the 1 and the 6, and 20 % of all turns."""
    one_model = [*judged.arguments[:2], *judged.arguments[3:-4]]
    sloppy = bezoar(*one_model, "--judge", f"openai:sloppy@{judge.url}", "--judge", f"openai:strict@{judge.url}")
    assert sloppy.code == 0, sloppy.err
    lines = sloppy.out.splitlines()
    assert lines[0].startswith("mt-bench, rated 1 to 10 by sloppy: THE JUDGE OFTEN FAILS THE FORMAT.")
    assert "32 of 160 for base (20%)" in lines[0]
    assert lines[1].startswith("Judge sloppy, 20")
    for name in ("questions", "prompts", "references"):
        assert f"{name} " in lines[1]
    alone = judged.folder.parent.parent / "base" / "mt" / "base"
    told = bezoar("compare", alone, alone).out
    assert "Verdicts that could not be read and are left out: 32 of base." in told
    both = bezoar("compare", judged.folder / "base", alone)
    assert both.code == 0  # the second judge there is the one here
    other = bezoar("compare", alone, judged.folder / "adapter")
    assert other.code == 2
    assert "adapter has no scores 'rating,sloppy' of each item of 'mt-bench'" in other.err
    grades = Grades.read(alone / "judged" / "mt-bench.json")
    rates = grades.judges[0]
    assert rates.unreadable == {"published": 32, "strict": 32}
    # It says one more than the other, but 10 for 10: of 2, 3, 4, 5, 7, 8, 9, 10 the mean is 6, and of these 6.875.
    assert rates.figures["published"]["turn 1"].value == pytest.approx((3 + 4 + 5 + 6 + 8 + 9 + 10 + 10) / 8)
    assert rates.figures["published"]["turn 2"].value == pytest.approx(5.5)
    assert rates.figures["published"]["overall"].turns == 128
    assert grades.agreement is not None
    assert grades.agreement["rows"] == 128
    # They say the same only where both say 10: of question 89, 99, ... one turn each.
    assert grades.agreement["agreement"]["value"] == pytest.approx(8 / 128, abs=1e-4)
    assert "base: sloppy and strict say the same of 6% of 128 turns; quadratic-weighted kappa" in sloppy.out
