"""What `evaluate` and `people pull` leave, made without a model or a person: figures that a test names, by the real
writers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bezoar_data.evaluation.mt_bench.record import Grades, Preferences, Rates, Setting, grades_file, pairs_file
from bezoar_data.evaluation.mt_bench.record import Pairs as JudgedPairs
from bezoar_data.evaluation.people import Judgment, Pairs, People, Side, make_pairs
from bezoar_data.evaluation.record import (
    Contaminated,
    Contamination,
    EvaluatedModel,
    Evaluation,
    HubDataset,
    Judged,
    TaskResult,
    TrainedOn,
    items_file,
    write_items,
)
from bezoar_data.measures.preferences import win_rate
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.stage_record import StageRecord


@dataclass(frozen=True)
class Scored:
    """A task and the score of each of its items."""

    task: str
    scores: Sequence[float]
    facet: str | None = None
    metric: str = "acc"
    dataset: HubDataset | None = None
    judged: Judged | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    leaked: Sequence[int] = ()
    """Which of its items stand in the first dataset of the stage."""


def leave_evaluation(
    folder: Path, stage: StageRecord | None, tasks: Sequence[Scored], *, name: str = "", suite: str = "small"
) -> Path:
    """Write the evaluation of a stage, or of its base, into `folder`/NAME."""
    learnt = [one.data for one in (stage.stages if stage is not None else ()) if one.data is not None]
    name = name or (stage.stage if stage is not None else "base")
    to = folder / name
    evaluation = Evaluation(
        model=EvaluatedModel(
            name=name,
            weights="open/base",
            revision=None,
            adapter=stage is not None,
            stage=stage.key if stage is not None else None,
            trained_on=tuple(TrainedOn(card=data.card, lock=data.lock) for data in learnt),
        ),
        suite={"name": suite, "sha256": "5" * 64},
        settings={"seed": 1234, "batch_size": 8},
        software={"lm-eval": "0.4.13", "torch": "2"},
        tasks=tuple(_result(one) for one in tasks),
        contamination=Contamination(
            checked=tuple(sorted({data.card for data in learnt})),
            unchecked=(),
            tasks={one.task: _leaked(one, learnt[0].card) for one in tasks if one.leaked and learnt},
        ),
    )
    evaluation.write(to)
    for one in tasks:
        write_items(items_file(to, one.task), [_row(one, i, score) for i, score in enumerate(one.scores)])
    return to


def leave_judged_pairs(folder: Path, first: str, second: str) -> Path:
    """Write what a judge prefers of two models that were evaluated in `folder` on the task `mt-bench`: the second in
    2 of 4 turns, the first in 1; one more could not be read. Gives the file of the pairs."""
    setting = Setting(task="mt-bench", reading="published", files={"questions": "f" * 64}, questions=4)
    for name in (first, second):
        rates = Rates(judge="gpt", date="2026-11-30", turns=4, unreadable={}, refused=0, figures={})
        grades = Grades(
            model=name, answers=name, setting=setting, judges=(rates,), agreement=None, characters=9.0,
            unique_words=2.0, empty_answers=0, short_of_room=0, cut_prompts=0,
        )  # fmt: skip
        grades_file(folder / name, "mt-bench").parent.mkdir(exist_ok=True)
        write_json(grades_file(folder / name, "mt-bench"), grades.as_json())
    overall = win_rate([1, 1, 0.5, 0], ["a b", "a", "a", "a"], ["a b c d", "a b", "a", "a b"])
    writing = win_rate([1, 0], ["a", "b"], ["a b", "b"])
    told = Preferences(
        judge="gpt", date="2026-11-30", turns=5, unreadable={"published": 1, "strict": 1}, refused=0,
        win_rates={"published": {"overall": overall, "writing": writing}, "strict": {}}, swapped=None,
    )  # fmt: skip
    pairs = JudgedPairs(
        first=first, second=second, answers=(first, second), setting=setting, judges=(told,), agreement=None
    )
    path = pairs_file(folder / second, "mt-bench", first)
    write_json(path, pairs.as_json())
    return path


def leave_people(folder: Path, first: StageRecord | None, second: StageRecord | None) -> None:
    """Write what two people said of two stages, or their base: the second is better for 2 of 3 prompts."""
    made = make_pairs(
        [(f"{n}?", n) for n in range(3)], ["Yes.", "No.", "So."], ["Yes, it is.", "No, never.", "So so."], 1
    )
    said = [(False, True, 2), (True, True, 1), (True, False, -1)]
    judgments = tuple(
        Judgment(pair=pair.id, person=person, acceptable=(own, other), level=level)
        for pair, (own, other, level) in zip(made, said, strict=True)
        for person in ("anna", "ben")
    )
    sides = _side(first), _side(second)
    Pairs(
        comparison="c", sides=sides, prompts={}, settings={}, dataset="d", workspace="w", overlap=2, pairs=tuple(made),
        judge={},
    ).write(folder)  # fmt: skip
    names = sides[0].name, sides[1].name
    People(comparison="c", names=names, judgments=judgments, figures={}).write(folder)


def _side(stage: StageRecord | None) -> Side:
    name, key = (stage.stage, stage.key) if stage is not None else ("base", None)
    model = EvaluatedModel(
        name=name, weights="open/base", revision=None, adapter=key is not None, stage=key, trained_on=()
    )
    return Side(name=name, model=model, answers=None)


def _result(one: Scored) -> TaskResult:
    value = sum(one.scores) / len(one.scores)
    return TaskResult(
        task=one.task, key="0" * 32, facet=one.facet, shots=0, items=len(one.scores), metric=one.metric,
        higher_is_better={one.metric: True}, metrics={one.metric: {"value": value, "error": 0.01}}, version="1.0",
        data=one.data, seconds=1.0, dataset=one.dataset, judged=one.judged,
    )  # fmt: skip


def _leaked(one: Scored, card: str) -> Contaminated:
    clean = [score for i, score in enumerate(one.scores) if i not in one.leaked]
    flagged = [one.scores[i] for i in one.leaked]
    return Contaminated(
        cards={card: len(flagged)},
        items=tuple(f"{one.task}/{i:04d}" for i in one.leaked),
        clean=sum(clean) / len(clean) if clean else None,
        flagged=sum(flagged) / len(flagged),
    )


def _row(one: Scored, i: int, score: float) -> dict[str, Any]:
    texts = {name: f"{name} {i}" for name in ("question", "prompt", "target", "answer")}
    return {"task": one.task, "item": f"{i:04d}", "group": None, "metric": one.metric, "value": score, **texts}
