"""The reliability report on judges that are biased on purpose, judging through the real steps."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.cli.main import main
from bezoar_data.config.errors import InputError
from bezoar_data.reports.reliability import calibrate_cut, compare_columns, known_reliability
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import RowStep
from bezoar_data.steps.judges.accept import JudgeAccept
from bezoar_data.steps.judges.compare import JudgeCompare
from support.drive import row
from support.scripted_llm import ScriptedLLM

ROWS = 240
WORST, BEST = 1, 5


def answers(seed: int, count: int = ROWS) -> list[tuple[int, str]]:
    """Answers of known quality, from 1 to 5, whose length has nothing to do with it."""
    draw = random.Random(seed)
    return [(quality, f"q{quality} " * draw.randint(5, 120)) for quality in (draw.randint(1, 5) for _ in range(count))]


def judged(step: RowStep, rows: Sequence[Row]) -> list[dict[str, Any]]:
    (batch,) = step.process([r.encode() for r in rows])
    return batch


def rater(bonus: float, seed: int = 1) -> ScriptedLLM:
    """Rates by quality with some noise, and `bonus` for each word beyond sixty."""
    draw = random.Random(seed)

    def answer(messages: list[dict[str, str]]) -> str:
        said = re.search(r"<response>\n(.*?)\n</response>", messages[1]["content"], re.DOTALL)[1].split()
        value = int(said[0][1]) + draw.gauss(0, 0.5) + bonus * (len(said) - 60)
        rating = min(BEST, max(WORST, round(value)))
        status = "Accept" if rating >= 3 else "Reject"
        return json.dumps({"reason": "As I see it.", "rating": rating, "status": status})

    return ScriptedLLM(answer=answer)


def comparer(first: float, longer: float, seed: int = 2) -> ScriptedLLM:
    """Prefers quality; takes the first answer, or the longer one, in a share of the cases whatever they say."""
    draw = random.Random(seed)

    def answer(messages: list[dict[str, str]]) -> str:
        shown = [
            re.search(rf"<{side}_response>\n(.*?)\n</{side}_response>", messages[1]["content"], re.DOTALL)[1].split()
            for side in ("first", "second")
        ]
        chance = draw.random()
        if chance < first:
            better = "first"
        elif chance < first + longer:
            better = "first" if len(shown[0]) > len(shown[1]) else "second"
        else:
            a, b = (s[0] for s in shown)
            better = "tie" if a == b else "first" if a > b else "second"
        return json.dumps({"reason": "As I see it.", "better": better})

    return ScriptedLLM(answer=answer)


def dataset(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    data = folder / "dataset" / "data"
    data.mkdir(parents=True)
    plain = [{"id": f"id-{i}", **{k: v for k, v in r.items() if k != "_bezoar"}} for i, r in enumerate(rows)]
    pq.write_table(pa.Table.from_pylist(plain), data / "train-00000-of-00001.parquet")
    return folder


def rated(folder: Path, bonus: float) -> Path:
    made = answers(7)
    step = JudgeAccept(
        name="judge", llm=rater(bonus), instruction="ask", response="say", system="", reference="", retries=0
    )
    rows = [
        row(i, ask="?", say=text, human_rating=quality, topic=f"t{i % 3}") for i, (quality, text) in enumerate(made)
    ]
    return dataset(folder, judged(step, rows))


def compared(folder: Path, first: float, longer: float) -> Path:
    pairs = list(zip(answers(3), answers(4), strict=True))
    step = JudgeCompare(name="judge", llm=comparer(first, longer), instruction="ask", retries=0)
    rows = [
        row(i, ask="?", response_a=a, response_b=b, human_preference="a" if x > y else "b" if y > x else "tie")
        for i, ((x, a), (y, b)) in enumerate(pairs)
    ]
    return dataset(folder, judged(step, rows))


def test_a_judge_that_favours_long_answers_is_exposed(tmp_path: Path) -> None:
    report, _ = compare_columns(rated(tmp_path, 0.02), "judge_rating", "human_rating", text=["say"])
    assert report.length["biased"]
    assert report.length["effect"]["low"] > 0.5
    assert report.length["shortest_third"] < -0.3
    assert report.length["longest_third"] > 0.3


def test_a_fair_judge_is_not_blamed(tmp_path: Path) -> None:
    report, _ = compare_columns(rated(tmp_path, 0.0), "judge_rating", "human_rating", text=["say"])
    assert not report.length["biased"]
    assert report.weighted_kappa.low > 0.85
    assert report.rows == ROWS


def test_a_judge_that_favours_the_first_place_is_exposed_without_any_labels(tmp_path: Path) -> None:
    biased, fair = compared(tmp_path / "biased", 0.25, 0.0), compared(tmp_path / "fair", 0.0, 0.0)
    (found,) = known_reliability(biased)[1].comparisons
    assert found.biased
    assert found.towards_first.low > 0.6
    assert found.consistent.high < 0.85
    assert found.inconsistent > 30
    (found,) = known_reliability(fair)[1].comparisons
    assert not found.biased
    assert found.consistent.value == 1.0
    assert found.consistent.low < 1.0


def test_a_judge_that_prefers_the_longer_of_two_is_exposed_by_labels(tmp_path: Path) -> None:
    columns, text = ("judge_preference", "human_preference"), ["response_a", "response_b"]
    report, _ = compare_columns(compared(tmp_path / "biased", 0.0, 0.3), *columns, text=text)
    assert report.length["biased"]
    assert report.length["judge_longer"] > report.length["people_longer"]
    (alone,) = known_reliability(tmp_path / "biased")[1].comparisons
    assert not alone.biased, "its place does not move this judge"
    report, _ = compare_columns(compared(tmp_path / "fair", 0.0, 0.0), *columns, text=text)
    assert not report.length["biased"]


def test_slices_part_the_rows(tmp_path: Path) -> None:
    run = rated(tmp_path, 0.0)
    report, _ = compare_columns(run, "judge_rating", "human_rating", slices=["topic"])
    assert [part.value for part in report.slices] == ["t0", "t1", "t2"]
    assert sum(part.rows for part in report.slices) == ROWS
    assert all(part.weighted_kappa.value > 0.8 for part in report.slices)


def test_rows_of_the_same_seed_are_one_unit(tmp_path: Path) -> None:
    rows = [{"x": str(i % 2), "y": str(i % 3 % 2), "seed_ids": [f"s{i // 4}"]} for i in range(80)]
    report, _ = compare_columns(dataset(tmp_path, rows), "x", "y")
    assert report.interval["units"] == 20


def test_labels_come_from_a_file_by_id(tmp_path: Path) -> None:
    run = rated(tmp_path, 0.0)
    labels = tmp_path / "labels.jsonl"
    told = [{"id": f"id-{i}", "ann": 1.0 * q} for i, (q, _) in enumerate(answers(7)[:50])] + [{"id": "no", "ann": 3}]
    labels.write_text("".join(json.dumps(v) + "\n" for v in told))
    report, rows = compare_columns(run, "judge_rating", "ann", labels=labels)
    assert (report.rows, report.missing["ann"], report.strangers) == (50, ROWS - 50, 1)
    assert report.labels == ("1", "2", "3", "4", "5"), "1.0 and '1' are one label"
    assert report.labelled_by["file"] == "labels.jsonl"
    assert list(rows.data) == ["data/train-00000-of-00001.parquet"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"ann": 3}\n', "bad-label"),
        ('{"id": "id-1", "ann": 3}\n{"id": "id-1", "ann": 4}\n', "two-labels"),
        ('{"id": "id-1", "ann": 3, "topic": "mine"}\n', "same-column"),
        ('{"id": "elsewhere", "ann": 3}\n', "no-labels"),
        ('{"id": "id-1", "other": 3}\n', "unknown-column"),
        ("not json\n", "not-json"),
    ],
)
def test_labels_that_cannot_be_used_are_told(tmp_path: Path, text: str, code: str) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(text)
    with pytest.raises(InputError) as wrong:
        compare_columns(rated(tmp_path, 0.0), "judge_rating", "ann", labels=labels)
    assert wrong.value.problems[0].code == code


def test_a_cut_is_chosen_from_labels(tmp_path: Path) -> None:
    run = rated(tmp_path, 0.0)
    report, _ = calibrate_cut(run, "judge_rating", "human_rating >= 3", 0.85)
    assert report.chosen.rating == 3.0
    assert report.chosen.precision.low >= 0.85
    taken = [q for q, r in zip([q for q, _ in answers(7)], ratings(run), strict=True) if r >= 3]
    assert report.chosen.taken == len(taken)
    assert report.chosen.good == sum(q >= 3 for q in taken)


def ratings(run: Path) -> list[int]:
    return [int(v) for v in pq.read_table(run / "dataset" / "data").column("judge_rating").to_pylist()]


def test_rows_whose_goodness_is_unknown_are_left_out(tmp_path: Path) -> None:
    rows = [{"r": str(i % 5 + 1), "h": None if i % 2 else "Accept"} for i in range(40)]
    report, _ = calibrate_cut(dataset(tmp_path, rows), "r", 'h == "Accept"', 0.5)
    assert report.rows == 20
    with pytest.raises(InputError, match="no numbers"):
        calibrate_cut(tmp_path, "h", 'h == "Accept"', 0.5)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main(["judge", *arguments])
        streams = capsys.readouterr()
        return int(end.value.code or 0), streams.out + streams.err

    return run


def test_the_commands_tell_it_to_people(tmp_path: Path, said: Callable[..., tuple[int, str]]) -> None:
    run = str(rated(tmp_path, 0.02))
    code, text = said(
        "reliability", run, "--columns", "judge_rating", "human_rating", "--text", "say", "--slice", "topic"
    )
    assert code == 0
    for words in ("240 rows with both", "weighted kappa", "biased by length", "topic = t1", "judge_rating down"):
        assert words in text, text
    code, text = said("calibrate", run, "--rating", "judge_rating", "--good", "human_rating >= 3", "--precision", "0.6")
    assert code == 0
    assert "<- chosen" in text
    assert "Take rows with judge_rating >=" in text
    code, text = said(
        "calibrate", run, "--rating", "judge_rating", "--good", "human_rating >= 3", "--precision", "0.999"
    )
    assert code == 0
    assert "No cut is shown to reach 99.9%" in text
    code, text = said("reliability", run)
    assert code == 0
    assert "do not show how reliable they are" in text
    code, text = said("reliability", run, "--columns", "judge_rating", "human_rating", "--json")
    assert json.loads(text)["ok"]
    assert json.loads(text)["rows"] == ROWS


@pytest.mark.parametrize(
    "arguments",
    [
        ["reliability", "RUN", "--slice", "topic"],
        ["reliability", "RUN", "--columns", "judge_rating", "judge_status", "--save"],
        ["reliability", "RUN", "--columns", "human_rating", "judge_rating", "--save"],
        ["reliability", "RUN", "--columns", "judge_rating", "humn_rating"],
        ["reliability", "RUN", "--columns", "judge_rating"],
        ["calibrate", "RUN", "--rating", "judge_rating", "--good", "human_rating >="],
        ["calibrate", "RUN", "--rating", "judge_rating", "--good", "x > 1"],
        ["calibrate", "RUN", "--rating", "judge_rating", "--good", "human_rating > 1", "--precision", "2"],
        ["reliability", "nowhere"],
    ],
)
def test_mistakes_end_in_one_message(
    tmp_path: Path, said: Callable[..., tuple[int, str]], arguments: list[str]
) -> None:
    run = rated(tmp_path, 0.0)
    code, text = said(*(str(run) if a == "RUN" else a for a in arguments))
    assert code == 2
    assert text.strip()
    assert "Traceback" not in text
    assert not (run / "reliability.json").exists()
