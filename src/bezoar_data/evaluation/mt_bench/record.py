"""What judges leave beside a model's evaluation.

    evaluated/tiny/mt-bench/sft/judged/
      mt-bench.json                      ratings with intervals, by turn and category
      mt-bench.answers.jsonl             the model's answers
      mt-bench.gpt-4o.jsonl              the judge's words, in FastChat's format
      mt-bench-against-base.json         the same answers beside another model's, in both orders
      mt-bench-against-base.gpt-4o.jsonl

Rows of verdicts have FastChat's keys and some of our own; a rating that could not be read is null, not -1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.mt_bench.reading import Reading
from bezoar_data.evaluation.record import Evaluation
from bezoar_data.measures.bias import Swapped
from bezoar_data.measures.preferences import Choice, WinRate
from bezoar_data.runs.folder import write_text
from bezoar_data.runs.record import Record

FOLDER = "judged"
OVERALL = "overall"
VERDICTS = "name what `evaluate --judge --against` left: judged/TASK-against-NAME.JUDGE.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The mean rating of some turns, with its bootstrap interval over questions. None where no verdict is readable."""

    turns: int
    """Those whose verdict could be read."""
    value: float | None
    error: float | None
    """Clustered by question."""
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one judge made of a model's answers."""

    judge: str
    date: str
    turns: int
    unreadable: Mapping[Reading, int]
    """Verdicts that say no rating, or that the judge refused; never averaged."""
    refused: int
    figures: Mapping[Reading, Mapping[str, Figure]]
    """By reading: `overall`, `turn 1`, `turn 2`, and each category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a table must say of itself: figures compare within one judge and one setting alone."""

    task: str
    reading: Reading
    files: Mapping[str, str]
    """The SHA-256 of questions, prompts and references."""
    questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades(Record):
    """A model's answers, as judges rate them."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "grades"
    IF_MISSING: ClassVar[str] = "make them: bezoar-data evaluate MODEL --suite SUITE --judge SERVICE:MODEL"
    IF_OLDER: ClassVar[str] = "judge the model again with this version"

    model: str
    answers: str
    """The hash of the model's answers."""
    setting: Setting
    judges: tuple[Rates, ...]
    agreement: Mapping[str, Any] | None
    """Of the first judge with the second, where there are two."""
    characters: float
    """The mean length of an answer."""
    unique_words: float
    empty_answers: int
    """Answers without a word, of which a judge was told all the same."""
    short_of_room: int
    """Answers that the model's context left fewer tokens than wanted."""
    cut_prompts: int
    """Prompts of which the context did not hold the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What one judge prefers of two models' answers."""

    judge: str
    date: str
    turns: int
    unreadable: Mapping[Reading, int]
    """Turns of which either order could not be read; never counted as ties."""
    refused: int
    win_rates: Mapping[Reading, Mapping[str, WinRate]]
    """By reading and part; of the second model, over the turns that could be read in both orders."""
    swapped: Swapped | None
    """What the order changed, by the reading of the setting; None where nothing could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Record):
    """Two models' answers to the same questions, as judges prefer them."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "pairs"
    IF_MISSING: ClassVar[str] = (
        "make them: bezoar-data evaluate RECIPE --suite SUITE --judge SERVICE:MODEL --against base"
    )
    IF_OLDER: ClassVar[str] = "compare the models again with this version"

    first: str
    second: str
    answers: tuple[str, str]
    """The hashes of both models' answers."""
    setting: Setting
    judges: tuple[Preferences, ...]
    agreement: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """One row of a file of comparisons: what a judge finds of two answers to one turn."""

    judge: str
    question: str
    """The question's id."""
    turns: tuple[str, ...]
    """What was asked, up to this turn."""
    models: tuple[str, str]
    answers: tuple[str, str]
    """To this turn."""
    verdict: Choice | None
    """`a` is the first model; None where it could not be read."""


def grades_file(folder: Path, task: str) -> Path:
    return folder / FOLDER / f"{task}.json"


def answers_file(folder: Path, task: str) -> Path:
    return folder / FOLDER / f"{task}.answers.jsonl"


def pairs_file(folder: Path, task: str, first: str) -> Path:
    """In the second model's folder."""
    return folder / FOLDER / f"{task}-against-{first}.json"


def verdicts_file(file: Path, judge: str) -> Path:
    """The verdicts of a judge, beside a file of figures."""
    return file.with_name(f"{file.stem}.{re.sub(r'[^A-Za-z0-9._-]+', '-', judge)}.jsonl")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def judged_results(folder: Path, evaluations: Iterable[Evaluation]) -> tuple[list[Grades], list[Pairs]]:
    """What judges left of these evaluations, which lie in `folder`: ratings, and comparisons of the models' answers
    with each other, as far as they are of the answers that were rated. Raises `InputError`."""
    here = [
        (folder / one.model.name, task.task) for one in evaluations for task in one.tasks if task.judged is not None
    ]
    grades = [Grades.read(grades_file(*place)) for place in here if grades_file(*place).is_file()]
    rated = {(one.setting.task, one.model): (one.answers, one.setting) for one in grades}
    pairs = []
    for one in grades:
        for other in grades:
            path = pairs_file(folder / one.model, one.setting.task, other.model)
            if path.is_file() and other.setting.task == one.setting.task:
                pair = Pairs.read(path)
                answered = [rated[one.setting.task, name] for name in (pair.first, pair.second)]
                if answered == [(answers, pair.setting) for answers in pair.answers]:
                    pairs.append(pair)
    return grades, pairs


def read_pair_verdicts(path: Path) -> Iterator[PairVerdict]:
    """The verdicts of a file of comparisons. Raises `InputError`."""
    try:
        for line in path.read_text("utf-8").split("\n"):
            if line:
                row = json.loads(line)
                yield PairVerdict(
                    row["judge"][0], row["question_id"], tuple(row["turns"]), (row["model_1"], row["model_2"]),
                    (row["answer_1"], row["answer_2"]), row["verdict"],
                )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"these are not verdicts of comparisons: {error}"
        raise InputError(Problem("bad-verdicts", message, Place(str(path)), VERDICTS)) from error
