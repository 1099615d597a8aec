"""Judged questions of a suite: a model answers, judges rate, and what they say becomes tasks of its evaluation.

Nothing is done twice: answers are kept one by one, verdicts are in the journal.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.suite import LoadedSuite
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.evaluation.mt_bench.answers import (
    Answers,
    Asking,
    all_instances,
    answer,
    kept_answers,
    longest_answers,
)
from bezoar_data.evaluation.mt_bench.figures import preferences, rates, ratings_agree, winners_agree
from bezoar_data.evaluation.mt_bench.files import Files, hash_of, read_files
from bezoar_data.evaluation.mt_bench.judges import (
    Judge,
    Preferred,
    Rated,
    pair_asks,
    prefer,
    prompt_name,
    rate,
    single_asks,
)
from bezoar_data.evaluation.mt_bench.reading import READINGS, Reading
from bezoar_data.evaluation.mt_bench.record import (
    Grades,
    Pairs,
    Rates,
    Setting,
    answers_file,
    grades_file,
    pairs_file,
    verdicts_file,
    write_rows,
)
from bezoar_data.evaluation.record import Evaluation, Judged, TaskResult, items_file, write_items
from bezoar_data.evaluation.targets import Target, has_template
from bezoar_data.measures.paired import clustered_error
from bezoar_data.measures.preferences import size_of
from bezoar_data.measures.words import is_blank
from bezoar_data.runs.folder import write_json

if TYPE_CHECKING:
    from bezoar_data.evaluation.gateway_lm import Question as GatewayQuestion
    from bezoar_data.llms.ask import Ask

Say = Callable[[str], None]
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Answering:
    """A model that is evaluated: what it is, what decides its answers, and where its results lie."""

    target: Target
    identity: Any
    folder: Path

    @property
    def name(self) -> str:
        return self.target.name


@dataclass(frozen=True)
class JudgedTask:
    """Questions of a suite that a judge reads."""

    name: str
    files: Files
    reading: Reading
    max_tokens: int
    seed: int
    batch_size: int
    place: Place

    def asking(self, model: Answering) -> Asking:
        # The gateway has its own limits of how many are asked at a time.
        together = self.batch_size if model.target.gateway is None else len(self.files.questions)
        return Asking(self.name, model.identity, self.seed, self.max_tokens, together)

    def questions(self) -> list[GatewayQuestion]:
        """What it would ask of a model behind the gateway: its first answers taken for as long as they may be."""
        from bezoar_data.evaluation.gateway_lm import PlanningLM, questions_of

        asking = Asking(self.name, None, self.seed, self.max_tokens, len(self.files.questions))
        found = longest_answers(self.files, asking)
        return questions_of(list(all_instances(PlanningLM(), self.files, asking, found)))

    def verdicts(self, *, pairs: bool) -> list[Ask]:
        """What a judge would be asked of a model, of answers as long as they may be; with `pairs` also beside
        another."""
        answers = longest_answers(self.files, Asking(self.name, None, self.seed, self.max_tokens, 1))
        return single_asks(self.files, answers) + (pair_asks(self.files, answers, answers) if pairs else [])

    @property
    def parts(self) -> list[tuple[str, str | None]]:
        """Its tasks in an evaluation: all questions together, and each category where there are several."""
        categories = list(dict.fromkeys(question.category for question in self.files.questions))
        named = {one: f"{self.name}-{_NOT_IN_A_NAME.sub('-', one)}" for one in categories}
        each = [(named[one], one) for one in categories] if len(categories) > 1 else []
        return [(self.name, None), *each]

    @cached_property
    def setting(self) -> Setting:
        shown = ("questions", "prompts", "references")
        hashes = {name: self.files.hashes[name] for name in shown if name in self.files.hashes}
        return Setting(task=self.name, reading=self.reading, files=hashes, questions=len(self.files.questions))


class Judging:
    """Who reads a suite's judged questions, and the model that all others are compared with in pairs, if any."""

    def __init__(self, judges: Sequence[Judge] = (), against: str | None = None) -> None:
        self._judges, self._against = judges, against
        self._answered: dict[str, tuple[JudgedTask, list[tuple[Answering, Answers]]]] = {}
        names = [judge.name for judge in judges]
        if len(set(names)) < len(names):
            raise InputError(Problem("duplicate-name", f"two judges are called {names[0]}"))

    def check(self, targets: Sequence[Target]) -> None:
        """Raise `InputError` where no model is called as the one to compare with."""
        names = [target.name for target in targets]
        if self._against is not None and self._against not in names:
            message = f"--against {self._against}: none of the models is called so"
            raise InputError(Problem("unknown-model", message, hint=did_you_mean(self._against, names)))
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


def judged_tasks(suite: LoadedSuite) -> list[JudgedTask]:
    """The judged tasks of a suite, their files read. Raises `InputError`."""
    return [
        JudgedTask(
            task.task, read_files(suite, i, task, judged), judged.reading, judged.max_tokens, suite.file.seed,
            suite.file.batch_size, suite.document.place(("tasks", i, "task")),
        )
        for i, task, judged in suite.judged_tasks
    ]  # fmt: skip


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
        write_rows(verdicts_file(file, judge), (_rated_row(model, task, judge, one) for one in found))
    write_json(file, grades.as_json())
    for one in told:
        say(f"{model.name}: {task.name}, {_line(one, task.reading)}")
    key = hash_of([_decides(task, model.identity), [judge.identity() for judge in judges]])
    return list(_results(task, answers, rated, key, model.folder, round(time.monotonic() - began, 1)))


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
        rows = (_pair_row(task, models, answers, judge, one) for one in said)
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


def _results(
    task: JudgedTask,
    answers: Answers,
    rated: Mapping[str, tuple[Sequence[Rated], str]],
    key: str,
    folder: Path,
    seconds: float,
) -> Iterator[TaskResult]:
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


_UNREADABLE = "unreadable,"


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


def _rated_row(model: Answering, task: JudgedTask, judge: str, one: Rated) -> dict[str, Any]:
    return {
        "question_id": one.question.id, "model": model.name, "turn": one.turn + 1,
        "judge": [judge, prompt_name(task.files, one.question, one.turn, "single")],
        "user_prompt": one.prompt, "judgment": one.said.text, "score": one.ratings[task.reading],
        "category": one.question.category, "refused": one.said.refused or None, "key": one.said.key,
        **{how: one.ratings[how] for how in READINGS},
    }  # fmt: skip


def _pair_row(
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


def _line(told: Rates, reading: Reading) -> str:
    figure = told.figures[reading]["overall"]
    value = f"{figure.value:.2f}" if figure.value is not None else "no rating"
    return f"{told.judge} {value}, {told.unreadable[reading]:,} of {told.turns:,} unreadable"
