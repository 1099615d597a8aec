"""What `evaluate` leaves, made without a model: scores that a test names, by the real writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
