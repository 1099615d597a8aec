"""Evaluating models on a suite: each task of each model once, kept as soon as it is done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.suite import LoadedSuite
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.evaluation import harness
from bezoar_data.evaluation.contamination import Builds
from bezoar_data.evaluation.hub_dataset import hub_dataset
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.evaluation.mt_bench.run import Judging
from bezoar_data.evaluation.mt_bench.task import Answering, judged_tasks
from bezoar_data.evaluation.record import (
    EVALUATION,
    Contamination,
    Evaluation,
    TaskResult,
    hash_of,
    items_file,
    write_items,
)
from bezoar_data.evaluation.targets import Target, has_template, load
from bezoar_data.evaluation.task_index import check_names, harness_version, runs_code, task_manager
from bezoar_data.measures.paired import DISCORDANT, smallest_difference
from bezoar_data.runs.events import Events
from bezoar_data.runs.hashing import sha256_of

if TYPE_CHECKING:
    from bezoar_data.evaluation.gateway_lm import Question

Say = Callable[[str], None]


class _Tasks:
    """A suite's tasks in the harness, each loaded when it is first needed."""

    def __init__(self, suite: LoadedSuite, only: Sequence[str] = ()) -> None:
        harness.need_harness()
        self.suite = suite
        self.all = harness.tasks_of(suite)
        self._manager = task_manager(suite)
        check_names(suite, self._manager)
        self.judged = judged_tasks(suite)
        self._loaded: dict[str, Any] = {}
        names = [*(task.name for task in self.all), *(task.name for task in self.judged)]
        raise_errors(
            Problem(
                "unknown-task", f"the suite has no task '{name}'", Place(str(suite.path)), did_you_mean(name, names)
            )
            for name in only
            if name not in names
        )
        self.named = frozenset(only or names)
        self.wanted = [task for task in self.all if task.name in self.named]

    def loaded(self, task: harness.Task) -> Any:
        if task.name not in self._loaded:
            self._loaded[task.name] = harness.load(task, self._manager)
        return self._loaded[task.name]

    def run(self, model: Any, task: harness.Task) -> dict[str, Any]:
        return harness.evaluate(model, task, self.loaded(task), self.suite, self._manager)

    def runs_code(self, task: harness.Task) -> bool:
        """Whether it runs what a model has written."""
        return runs_code(task.name, self._manager)

    def rehearse(self, todo: Iterable[harness.Task], *, allow_code: bool = False) -> None:
        """Raise `InputError` with all that keeps these from being scored, before a model is asked. What a model has
        written is not run for it."""
        from bezoar_data.evaluation.rehearsal import rehearse

        problems: list[Problem] = []
        for task in todo:
            if self.runs_code(task) and not allow_code:
                continue
            try:
                found = rehearse(task, self.loaded(task), self.suite, self._manager)
                _main_metric(task, list(harness.metrics_of(_figures(found, task)[1])))
            except InputError as error:
                problems += error.problems
        raise_errors(problems)

    def unaskable(self, todo: Sequence[harness.Task]) -> Iterator[Problem]:
        """Why these cannot be asked of a model behind the gateway."""
        from bezoar_data.evaluation.gateway_lm import LEAVE_OUT, problems_of

        bad = {}
        for task in todo:
            found = [p for part in harness.parts_of(self.loaded(task)) for p in problems_of(part, task.place)]
            if task.asked.chat_template is False:
                message = (
                    f"'{task.name}' is a text to go on with (chat_template: false): such a model takes conversations"
                )
                found.append(Problem("no-plain-text", message, task.place, LEAVE_OUT))
            if found:
                bad[task.name] = found[:1]
        can = " ".join(f"--task {task.name}" for task in self.wanted if task.name not in bad)
        for problem in (p for found in bad.values() for p in found):
            yield replace(problem, hint=f"take the others alone: {can}") if can else problem

    def questions(self, task: harness.Task) -> Sequence[Question]:
        """What it would ask of a model behind the gateway."""
        from bezoar_data.evaluation.gateway_lm import Planning, PlanningLM

        try:
            self.run(PlanningLM(), replace(task, chat_template=True))
        except Planning as planned:
            return planned.questions
        return ()


@dataclass(frozen=True, slots=True)
class _Work:
    """A model's tasks by key: those of the suite, what is done of them, and what is to do now."""

    model: Answering
    known: Sequence[TaskResult]
    """What an earlier evaluation left."""
    tasks: Mapping[str, harness.Task]
    done: dict[str, TaskResult]
    todo: Mapping[str, harness.Task]


def evaluate(
    suite: LoadedSuite,
    targets: Sequence[Target],
    out: Path,
    data: Sequence[Path],
    say: Say,
    *,
    only: Sequence[str] = (),
    allow_code: bool = False,
    judging: Judging | None = None,
    events: Events | None = None,
) -> list[Evaluation]:
    """Evaluate every target on every task of the suite that is not done, into `out`/TARGET.

    `data` are the folders that hold the datasets the targets were trained on: their rows are searched for the items.
    `only` names the tasks to take. Tasks that run code which a model has written are left out, unless `allow_code`.
    `judging` reads the answers to judged questions; without it they are only made. `events` is told of each task that
    is done.

    Raises `InputError` for what cannot be loaded or run; what is done by then stays, and the same call goes on.
    """
    tasks, done, builds = _Tasks(suite, only), [], Builds(data)
    judging = judging or Judging()
    judging.check(targets)
    works = [_work(tasks, target, out / target.name) for target in targets]
    raise_errors(dict.fromkeys(
        problem for work in works if work.model.target.gateway for problem in tasks.unaskable(list(work.todo.values()))
    ))  # fmt: skip
    tasks.rehearse({task.name: task for work in works for task in work.todo.values()}.values(), allow_code=allow_code)
    for work in works:
        folder, learnt = work.model.folder, work.model.target.learnt
        before = _before(folder)
        evaluation = _evaluate_one(tasks, work, judging, say, events or Events(), allow_code=allow_code)
        if learnt:
            known = before is not None and _searched(before, evaluation)
            found = before.contamination if before and known else builds.search(learnt, read_evaluated(folder).tasks)
            evaluation = replace(evaluation, contamination=found)
        evaluation.write(folder)
        done.append(evaluation)
    judging.compare(say)
    return done


def check(suite: LoadedSuite) -> None:
    """Raise `InputError` where a suite cannot be run here: before others spend something for its sake."""
    tasks = _Tasks(suite)
    tasks.rehearse(tasks.wanted)


def plan(
    suite: LoadedSuite, *, only: Sequence[str] = (), asked: bool = False
) -> tuple[list[dict[str, Any]], list[Question]]:
    """The tasks with how many items each has, and the smallest difference that these show where two models differ on
    the usual share of them; with `asked`, also all questions that a model behind the gateway would be asked. Raises
    `InputError`."""
    tasks, planned = _Tasks(suite, only), []
    if asked:
        raise_errors(tasks.unaskable(tasks.wanted))
    tasks.rehearse(tasks.wanted)
    for task in tasks.wanted:
        there = harness.items_in(tasks.loaded(task))
        items = min(there, task.asked.limit or there)
        shows = smallest_difference(items)
        planned.append({
            "task": task.name, "facet": task.asked.facet, "items": items, "discordant": DISCORDANT,
            "smallest_difference": round(shows, 4) if shows is not None else None,
            "runs_code": tasks.runs_code(task),
        })  # fmt: skip
    judged = [task for task in tasks.judged if task.name in tasks.named]
    planned += [{
        "task": task.name, "facet": None, "items": sum(1 for _ in task.files.turns()), "discordant": DISCORDANT,
        "smallest_difference": None, "runs_code": False, "judged": True,
    } for task in judged]  # fmt: skip
    questions = [question for task in tasks.wanted if asked for question in tasks.questions(task)]
    return planned, [*questions, *(question for task in judged if asked for question in task.questions())]


def _work(tasks: _Tasks, target: Target, folder: Path) -> _Work:
    identity, known = target.identity(), _known(folder)
    there = {task.key: task for task in known}
    keys = {}
    for one in tasks.all:
        # Whoever serves a model puts conversations into its template.
        task = replace(one, chat_template=True) if target.gateway is not None else one
        keys[_key(tasks.suite, task, identity)] = task
    done = {key: there[key] for key in keys if key in there}
    wanted = {task.name for task in tasks.wanted}
    return _Work(
        Answering(target, identity, folder),
        known,
        keys,
        done,
        {k: t for k, t in keys.items() if k not in done and t.name in wanted},
    )


def _evaluate_one(
    tasks: _Tasks, work: _Work, judging: Judging, say: Say, events: Events, *, allow_code: bool
) -> Evaluation:
    suite, target, done = tasks.suite, work.model.target, work.done
    evaluation = Evaluation(
        model=target.described(),
        suite={"name": suite.file.name, "sha256": sha256_of(suite.path)},
        settings={"seed": suite.file.seed, "batch_size": suite.file.batch_size},
        software={name: version(name) for name in ("lm-eval", "transformers", "torch", "peft")},
        tasks=tuple(done.values()),
        contamination=Contamination(checked=(), unchecked=(), tasks={}),
    )
    todo = {key: task for key, task in work.todo.items() if allow_code or not tasks.runs_code(task)}
    if left := [task.name for key, task in work.todo.items() if key not in todo]:
        names = ", ".join(left)
        say(f"{target.name}: left out, as it runs code that the model writes, here: {names} (--allow-code takes it)")
    expected = len(work.tasks) + len(tasks.judged)
    events.progress(target.name, "tasks", len(done), expected)
    if not todo and not tasks.judged:
        say(f"{target.name}: done already")
        return evaluation
    model = cache(lambda: load(target, batch_size=suite.file.batch_size))
    for key, task in todo.items():
        if task.chat_template and not has_template(model()):
            message = f"'{task.name}' goes through the chat template, and {target.name} has none"
            raise InputError(Problem("no-template", message, task.place, "say 'chat_template: false'"))
        done[key] = _run(tasks, model(), task, key, work.model.folder)
        say(f"{target.name}, {len(done)} of {len(work.tasks)}: {_line(done[key])}")
        evaluation = replace(evaluation, tasks=tuple(done[k] for k in work.tasks if k in done))
        evaluation.write(work.model.folder)
        events.progress(target.name, "tasks", len(done), expected)
    for number, judged in enumerate(tasks.judged, len(done) + 1):
        found = judging.grade(judged, work.model, work.known, model, say, wanted=judged.name in tasks.named)
        evaluation = replace(evaluation, tasks=(*evaluation.tasks, *found))
        evaluation.write(work.model.folder)
        events.progress(target.name, "tasks", number, expected)
    return evaluation


def _run(tasks: _Tasks, model: Any, task: harness.Task, key: str, folder: Path) -> TaskResult:
    began, refused = time.monotonic(), getattr(model, "refused", Counter())
    refused.clear()
    results = tasks.run(model, task)
    name, figures = _figures(results, task)
    metrics = harness.metrics_of(figures)
    rows = list(_items(results, task, tasks.loaded(task)))
    items = len({(row["task"], row["item"]) for row in rows})
    single = harness.means(rows, metrics)
    rows = [row for row in rows if row["metric"] in single]
    write_items(items_file(folder, task.name), rows)
    better = results.get("higher_is_better", {}).get(name, {})
    return TaskResult(
        task=task.name,
        key=key,
        facet=task.asked.facet,
        shots=int(results.get("n-shot", {}).get(name) or task.asked.shots or 0),
        items=items,
        metric=_main_metric(task, single or list(metrics)),
        higher_is_better={metric: better.get(metric.partition(",")[0]) is not False for metric in metrics},
        metrics=metrics,
        version=_version(results, name),
        data=task.data,
        seconds=round(time.monotonic() - began, 1),
        dataset=hub_dataset(tasks.loaded(task)),
        unanswered=dict(refused),
    )


def _figures(results: Mapping[str, Any], task: harness.Task) -> tuple[str, Mapping[str, Any]]:
    """Whose figures stand for a task, and these: a group that averages its tasks has some of its own, one that does not
    is told by its first task's."""
    figures = {**results["results"], **results.get("groups", {})}
    name = task.name if task.name in figures else next(iter(results["results"]))
    return name, figures[name]


def _items(results: Any, task: harness.Task, loaded: Any) -> Iterator[dict[str, Any]]:
    for name, samples in results["samples"].items():
        questions = {s["doc_hash"]: harness.question_of(loaded, name, s["doc"]) for s in samples}
        for row in harness.items_of(samples, task.asked.group_by):
            yield {**row, "task": name, "question": questions[row["item"].partition("#")[0]]}


def _main_metric(task: harness.Task, metrics: Sequence[str]) -> str:
    if not metrics:
        raise InputError(Problem("no-metric", f"the task '{task.name}' gave no figure", task.place))
    wanted = task.asked.metric
    if wanted is None:
        return metrics[0]
    if wanted in metrics:
        return wanted
    named = [metric for metric in metrics if metric.partition(",")[0] == wanted]
    if len(named) == 1:
        return named[0]
    message = f"the task '{task.name}' has no metric '{wanted}': it has {', '.join(metrics)}"
    raise InputError(Problem("unknown-metric", message, task.place, did_you_mean(wanted, metrics)))


def _version(results: Any, name: str) -> str | None:
    found = results.get("versions", {}).get(name)
    return None if found in (None, "N/A") else str(found)


def _known(folder: Path) -> tuple[TaskResult, ...]:
    """The tasks that an earlier evaluation here has finished."""
    before = _before(folder)
    return tuple(t for t in (before.tasks if before else ()) if items_file(folder, t.task).is_file())


def _before(folder: Path) -> Evaluation | None:
    return Evaluation.read(folder / EVALUATION) if (folder / EVALUATION).is_file() else None


def _searched(before: Evaluation, now: Evaluation) -> bool:
    """Whether all data of this model were searched for these items already."""
    same = (before.model, [task.key for task in before.tasks]) == (now.model, [task.key for task in now.tasks])
    return same and bool(before.contamination.checked) and not before.contamination.unchecked


def _key(suite: LoadedSuite, task: harness.Task, identity: Any) -> str:
    """All that decides the figures of a task: the model, the task, its data and settings, and the harness."""
    asked = task.asked.model_dump(mode="json", exclude={"facet", "data"})
    rows = {split: one.model_dump(mode="json", exclude={"file"}) for split, one in suite.data(task.asked).items()}
    decides = [
        Evaluation.FORMAT, identity, task.name, asked, task.chat_template, task.data, rows, task.source,
        suite.file.seed, harness_version(),
    ]  # fmt: skip
    return hash_of(decides)


def _line(result: TaskResult) -> str:
    figure = result.metrics[result.metric]
    error = f" ± {figure['error']:.4f}" if figure["error"] is not None else ""
    return f"{result.task} {result.metric} {figure['value']:.4f}{error}, {result.items:,} items, {result.seconds:.0f} s"
