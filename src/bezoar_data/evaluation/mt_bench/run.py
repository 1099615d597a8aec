"""Judged questions of a suite: a model answers, judges rate, and what they say becomes tasks of its evaluation.

Nothing is done twice: answers are kept one by one, verdicts are in the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.evaluation.mt_bench.answers import Answers, answer, kept_answers
from bezoar_data.evaluation.mt_bench.figures import preferences, rates, ratings_agree, winners_agree
from bezoar_data.evaluation.mt_bench.judges import Judge, prefer, rate
from bezoar_data.evaluation.mt_bench.reading import Reading
from bezoar_data.evaluation.mt_bench.record import (
    OVERALL,
    Grades,
    Pairs,
    Rates,
    answers_file,
    grades_file,
    pairs_file,
    verdicts_file,
    write_rows,
)
from bezoar_data.evaluation.mt_bench.results import pair_row, rated_row, results_of
from bezoar_data.evaluation.mt_bench.task import Answering, JudgedTask
from bezoar_data.evaluation.record import Evaluation, TaskResult, hash_of
from bezoar_data.evaluation.targets import Target, has_template
from bezoar_data.measures.preferences import size_of
from bezoar_data.measures.words import is_blank
from bezoar_data.runs.folder import write_json

Say = Callable[[str], None]


class Judging:
    """Who reads a suite's judged questions, and the model that all others are compared with in pairs, if any."""

    def __init__(self, judges: Sequence[Judge] = (), against: str | None = None) -> None:
        self._judges, self._against = judges, against
        self._answered: dict[str, tuple[JudgedTask, list[tuple[Answering, Answers]]]] = {}
        names = [judge.name for judge in judges]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            hint = "evaluate with one of them at a time, each with an --out of its own"
            raise InputError(Problem("duplicate-name", f"two judges are called {', '.join(twice)}", hint=hint))

    def check(self, targets: Sequence[Target]) -> None:
        """Raise `InputError` where no model is called as the one to compare with."""
        names = [target.name for target in targets]
        if self._against is not None and self._against not in names:
            message = f"--against {self._against}: none of the models is called so"
            hint = did_you_mean(self._against, names) or f"name one of {', '.join(names)}"
            raise InputError(Problem("unknown-model", message, hint=hint))
        if self._against is not None and not self._judges:
            raise InputError(Problem("no-judge", "--against needs a judge", hint="name one: --judge openai:gpt-4o"))

    def grade(
        self,
        task: JudgedTask,
        model: Answering,
        known: Sequence[TaskResult],
        load: Callable[[], Any],
        say: Say,
        *,
        wanted: bool,
    ) -> list[TaskResult]:
        """Have a model's answers made and rated. Where it is not wanted, or nobody is there to rate them, what is
        `known` of these answers stands."""
        answers = answers_of(task, model, load if wanted else None, say)
        if answers is None:
            return []
        if wanted and self._judges:
            self._answered.setdefault(task.name, (task, []))[1].append((model, answers))
            return grade(task, model, answers, self._judges, say)
        kept = _kept_results(task, model, answers, known)
        if wanted and not kept:
            say(f"{model.name}: {task.name}, its answers are kept; --judge says who reads them")
        return kept

    def compare(self, say: Say) -> None:
        """Have every model's answers compared with those of the one that was named, in both orders."""
        for task, answered in self._answered.values():
            first = next((one for one in answered if one[0].name == self._against), None)
            for second in answered if first is not None else ():
                if first is not None and second is not first:
                    compare(task, (first[0], second[0]), (first[1], second[1]), self._judges, say)


def _kept_results(
    task: JudgedTask, model: Answering, answers: Answers, known: Sequence[TaskResult]
) -> list[TaskResult]:
    """The results that judges gave to these very answers."""
    file = grades_file(model.folder, task.name)
    if not file.is_file():
        return []
    grades = Grades.read(file)
    if (grades.answers, grades.setting) != (_hash_of(answers), task.setting):
        return []
    names = {name for name, _ in task.parts}
    return [one for one in known if one.judged is not None and one.task in names]


def answers_of(task: JudgedTask, model: Answering, load: Callable[[], Any] | None, say: Say) -> Answers | None:
    """The model's answers to all turns; `load` loads it, where some are not there. None where some are not and it is
    not to be loaded."""
    path, asking = answers_file(model.folder, task.name), task.asking(model)
    kept = kept_answers(path, task.files, asking)
    if len(kept) == sum(1 for _ in task.files.turns()):
        return kept
    if load is None:
        return None
    loaded = load()
    with _template(loaded, task, model.target):
        return answer(loaded, task.files, asking, path, lambda text: say(f"{model.name}: {task.name}, {text}"))


@contextmanager
def _template(model: Any, task: JudgedTask, target: Target) -> Iterator[None]:
    """The suite's chat template, for a model that has none."""
    if has_template(model):
        yield
        return
    if task.files.template is None:
        message = f"'{task.name}' goes through the chat template, and {target.name} has none"
        hint = "name a template for such models under 'judged:', or leave it out with --stage"
        raise InputError(Problem("no-template", message, task.place, hint))
    model.tokenizer.chat_template = task.files.template
    try:
        yield
    finally:
        model.tokenizer.chat_template = None


def grade(task: JudgedTask, model: Answering, answers: Answers, judges: Sequence[Judge], say: Say) -> list[TaskResult]:
    """Let the judges rate a model's answers, and keep what they say. The results are of all turns together, and of
    each category; the first judge's ratings are what comparisons are made on."""
    began = time.monotonic()
    step = f"judge {task.name}"
    rated = {judge.name: rate(judge, task.files, answers, task.reading, step) for judge in judges}
    told = [rates(name, date, verdicts) for name, (verdicts, date) in rated.items()]
    verdicts = [verdicts for verdicts, _ in rated.values()]
    sizes = [size_of(given.text) for given in answers.values()]
    grades = Grades(
        model=model.name,
        answers=_hash_of(answers),
        setting=task.setting,
        judges=tuple(told),
        agreement=ratings_agree(verdicts[0], verdicts[1], task.reading) if len(judges) > 1 else None,
        characters=sum(size.characters for size in sizes) / len(sizes),
        unique_words=sum(size.unique or 0 for size in sizes) / len(sizes),
        empty_answers=sum(is_blank(given.text) for given in answers.values()),
        short_of_room=sum(given.room < task.max_tokens for given in answers.values()),
        cut_prompts=sum(given.cut for given in answers.values()),
    )
    file = grades_file(model.folder, task.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    for judge, (found, _) in rated.items():
        write_rows(verdicts_file(file, judge), (rated_row(model, task, judge, one) for one in found))
    write_json(file, grades.as_json())
    for one in told:
        say(f"{model.name}: {task.name}, {_line(one, task.reading)}")
    key = hash_of([_decides(task, model.identity), [judge.identity() for judge in judges]])
    return list(results_of(task, answers, rated, key, model.folder, round(time.monotonic() - began, 1)))


def compare(
    task: JudgedTask,
    models: tuple[Answering, Answering],
    answers: tuple[Answers, Answers],
    judges: Sequence[Judge],
    say: Say,
) -> Pairs:
    """Let the judges compare two models' answers in both orders; kept in the second's folder."""
    first, second = models
    step = f"judge {task.name} in pairs"
    found = {judge.name: prefer(judge, task.files, *answers, task.reading, step) for judge in judges}
    verdicts = [verdicts for verdicts, _ in found.values()]
    pairs = Pairs(
        first=first.name,
        second=second.name,
        answers=(_hash_of(answers[0]), _hash_of(answers[1])),
        setting=task.setting,
        judges=tuple(preferences(name, date, said, task.reading, *answers) for name, (said, date) in found.items()),
        agreement=winners_agree(verdicts[0], verdicts[1], task.reading) if len(judges) > 1 else None,
    )
    file = pairs_file(second.folder, task.name, first.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    for judge, (said, _) in found.items():
        rows = (pair_row(task, models, answers, judge, one) for one in said)
        write_rows(verdicts_file(file, judge), rows)
    write_json(file, pairs.as_json())
    say(f"{second.name} against {first.name}: {task.name}, in both orders")
    return pairs


def _decides(task: JudgedTask, identity: Any) -> list[Any]:
    """All that decides the figures but the judges."""
    files = [task.files.hashes, len(task.files.questions)]
    return [Evaluation.FORMAT, identity, task.name, files, task.reading, task.max_tokens, task.seed]


def _hash_of(answers: Answers) -> str:
    return hash_of(sorted((given.question, given.turn, given.text) for given in answers.values()))


def _line(told: Rates, reading: Reading) -> str:
    figure = told.figures[reading][OVERALL]
    value = f"{figure.value:.2f}" if figure.value is not None else "no rating"
    return f"{told.judge} {value}, {told.unreadable[reading]:,} of {told.turns:,} unreadable"
