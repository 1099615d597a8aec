"""Verdicts as an evaluation keeps them: tasks with items, which `compare` pairs, and rows of each verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bezoar_data.evaluation.mt_bench.answers import Answers
from bezoar_data.evaluation.mt_bench.judges import Preferred, Rated, prompt_name
from bezoar_data.evaluation.mt_bench.reading import READINGS, Reading
from bezoar_data.evaluation.mt_bench.task import Answering, JudgedTask
from bezoar_data.evaluation.record import Judged, TaskResult, hash_of, items_file, write_items
from bezoar_data.measures.paired import clustered_error

_UNREADABLE = "unreadable,"


def results_of(
    task: JudgedTask,
    answers: Answers,
    rated: Mapping[str, tuple[Sequence[Rated], str]],
    key: str,
    folder: Path,
    seconds: float,
) -> Iterator[TaskResult]:
    """The tasks of all turns and of each category; their items are written into `folder`. The first judge's ratings are
    what comparisons are made on. `key` is the hash of all that decides them."""
    judge, (_, date) = next(iter(rated.items()))
    for name, category in task.parts:
        some = {
            judge: [one for one in said if category in (None, one.question.category)]
            for judge, (said, _) in rated.items()
        }
        scores = {metric: found for by, said in some.items() for metric, found in _scores(by, said)}
        write_items(items_file(folder, name), list(_rows(name, task, answers, some[judge], scores)))
        first = _rating(judge, task.reading)
        yield TaskResult(
            task=name,
            key=hash_of([key, name]),
            facet=category,
            shots=0,
            items=len(some[judge]),
            metric=first if scores[first] else _unreadable(judge),
            higher_is_better={metric: not metric.startswith(_UNREADABLE) for metric in scores if scores[metric]},
            metrics={metric: _mean(found, some[judge]) for metric, found in scores.items() if found},
            version=None,
            data=dict(task.setting.files),
            seconds=seconds,
            judged=Judged(
                judge=judge,
                date=date,
                references=task.files.hashes.get("references"),
                prompts=task.files.hashes["prompts"],
                unreadable=len(some[judge]) - len(scores[first]),
            ),
        )


def _rating(judge: str, reading: Reading) -> str:
    """The name of a metric: with the judge in it, so that only figures of one judge are ever compared."""
    return f"rating,{judge}" if reading == "published" else f"rating,{judge},strict"


def _unreadable(judge: str) -> str:
    return f"{_UNREADABLE}{judge}"


def _scores(judge: str, rated: Sequence[Rated]) -> Iterator[tuple[str, dict[str, float]]]:
    """By metric: item → score, without those that could not be read."""
    for how in READINGS:
        yield _rating(judge, how), {one.item: value for one in rated if (value := one.ratings[how]) is not None}
    yield _unreadable(judge), {one.item: float(one.ratings["published"] is None) for one in rated}


def _mean(scores: Mapping[str, float], rated: Sequence[Rated]) -> dict[str, float | None]:
    groups = {one.item: one.question.id for one in rated}
    values = list(scores.values())
    error, _ = clustered_error(values, [groups[item] for item in scores])
    return {"value": sum(values) / len(values), "error": error}


def _rows(
    name: str, task: JudgedTask, answers: Answers, rated: Sequence[Rated], scores: Mapping[str, Mapping[str, float]]
) -> Iterator[dict[str, Any]]:
    for one in rated:
        given = answers[one.question.id, one.turn]
        references = task.files.references.get(one.question.id, ()) if one.question.referenced else ()
        for metric, found in scores.items():
            if one.item in found:
                yield {
                    "task": name, "item": one.item, "group": one.question.id, "metric": metric,
                    "question": one.question.turns[one.turn], "prompt": given.prompt,
                    "target": references[one.turn] if references else "",
                    "answer": json.dumps([given.text], ensure_ascii=False), "value": found[one.item],
                }  # fmt: skip


def rated_row(model: Answering, task: JudgedTask, judge: str, one: Rated) -> dict[str, Any]:
    """A verdict with FastChat's keys and ours."""
    return {
        "question_id": one.question.id, "model": model.name, "turn": one.turn + 1,
        "judge": [judge, prompt_name(task.files, one.question, one.turn, "single")],
        "user_prompt": one.prompt, "judgment": one.said.text, "score": one.ratings[task.reading],
        "category": one.question.category, "refused": one.said.refused or None, "key": one.said.key,
        **{how: one.ratings[how] for how in READINGS},
    }  # fmt: skip


def pair_row(
    task: JudgedTask, models: tuple[Answering, Answering], answers: tuple[Answers, Answers], judge: str, one: Preferred
) -> dict[str, Any]:
    first, second = models
    place = one.question.id, one.turn
    by_name = ({"a": "model_1", "b": "model_2"}, {"a": "model_2", "b": "model_1"})
    winners = [
        {"tie": "tie", **names}[who] if who is not None else "error"
        for who, names in zip(one.winners[task.reading], by_name, strict=True)
    ]
    return {
        "question_id": one.question.id, "turn": one.turn + 1, "model_1": first.name, "model_2": second.name,
        "judge": [judge, prompt_name(task.files, one.question, one.turn, "pair")],
        "g1_winner": winners[0], "g2_winner": winners[1],
        "g1_judgment": one.said[0].text, "g2_judgment": one.said[1].text,
        "category": one.question.category, "turns": list(one.question.turns[: one.turn + 1]),
        "answer_1": answers[0][place].text, "answer_2": answers[1][place].text,
        "verdict": one.verdict(task.reading), "keys": [said.key for said in one.said],
    }  # fmt: skip
