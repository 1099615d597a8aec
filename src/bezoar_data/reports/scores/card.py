"""The section of a model's card that says what its stage scored, suite by suite: by facet and task, never one average
alone, beside the base, and without what the model had learnt by heart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import bezoar_data.cards.sections.markdown as md
from bezoar_data.evaluation.mt_bench.record import judged_results
from bezoar_data.reports.scores.figures import NONE, difference, items_of, metric, part, verdict, with_interval
from bezoar_data.reports.scores.preferred import by_judges, by_people

if TYPE_CHECKING:
    from bezoar_data.evaluation.chain import Chain, Row
    from bezoar_data.evaluation.mt_bench.record import Pairs
    from bezoar_data.evaluation.people import Compared
    from bezoar_data.evaluation.record import Contaminated, TaskResult

_HASH = 16
"""Digits of a hash that are shown."""


def card_section(chains: Sequence[Chain], people: Sequence[Compared] = ()) -> str:
    """What stands under the heading "Evaluation": Markdown, the same for the same evaluations."""
    scores = [
        "Scores are given by task, and by facet where its tasks are alike; no average over all of them is given, as "
        "none shows what data did. In brackets are 95 % intervals. Models are compared on the same items, p corrected "
        "for the number of tasks (Holm): tied says that no difference was shown, not that there is none.",
        *(text for chain in chains for text in _suite(chain)),
    ]
    return "\n\n".join([*(scores if chains else ()), *by_people(people)])


def result_files(chain: Chain) -> tuple[str, str]:
    """Where the record and the picture of a suite are published."""
    name = chain.last.record.suite["name"]
    return f"evaluation/{name}.json", f"evaluation/{name}.png"


def _suite(chain: Chain) -> Iterator[str]:
    record = chain.last.record
    file, picture = result_files(chain)
    yield f"### {md.text(record.suite['name'])}"
    yield (
        f"Suite {md.code(record.suite['name'])}, SHA-256 {md.code(record.suite['sha256'][:_HASH])}, by the LM "
        f"Evaluation Harness (lm\\_eval) {md.text(record.software['lm-eval'])}. All figures, with the hashes of the "
        f"stage and its data, are in [{md.text(file)}]({file})."
    )
    yield f"![Scores by facet and stage on {md.text(record.suite['name'])}]({picture})"
    if chain.facets:
        yield _facets(chain)
    yield _tasks(chain)
    if len(chain.points) == 1:
        yield "Its base was not evaluated on this suite: what the training changed is not known."
    yield from _judges(record.tasks)
    yield from by_judges(_compared_by_judges(chain))
    yield from _contamination(chain)
    yield "\n".join(_sources(record.tasks))


def _compared_by_judges(chain: Chain) -> list[Pairs]:
    """Where judges compared the last model with others of the chain."""
    _, pairs = judged_results(chain.last.folder.parent, [point.record for point in chain.points])
    return [pair for pair in pairs if pair.second == chain.last.name]


def _facets(chain: Chain) -> str:
    head = ["Facet", "Metric", "Items", *_compared_head(chain)]
    rows = [
        (md.text(row.name), md.text(row.metric), md.number(items_of(row, chain)), *_compared(row, chain))
        for row in chain.facets
    ]
    return md.table(head, rows, "llrrrrl")


def _tasks(chain: Chain) -> str:
    tasks = {task.task: task for task in chain.last.record.tasks}
    order = sorted(chain.tasks, key=lambda row: row.facet or "~")  # those of a facet stand together
    head = ["Facet", "Task", "Metric", "Items", "Shots", *_compared_head(chain)]
    rows = []
    for row in order:
        task = tasks[row.name]
        counts = md.number(task.items), str(task.shots)
        said = md.text(row.facet) if row.facet is not None else NONE
        rows.append((said, md.code(row.name), md.text(metric(task)), *counts, *_compared(row, chain)))
    return md.table(head, rows, "lllrrrrrl")


def _compared_head(chain: Chain) -> list[str]:
    """Of the model alone its score; else the first's, its own, and how they differ."""
    own = md.text(chain.last.name)
    if len(chain.points) == 1:
        return [own]
    first = md.text(chain.points[0].name)
    return [first, own, f"Against {first}", "Verdict"]


def _compared(row: Row, chain: Chain) -> list[str]:
    if len(chain.points) == 1:
        return [with_interval(row.values[-1])]
    found = row.against[-1]
    return [with_interval(row.values[0]), with_interval(row.values[-1]), difference(found), verdict(found)]


def _judges(tasks: Sequence[TaskResult]) -> Iterator[str]:
    rows = [
        (
            md.code(task.task),
            md.code(task.judged.judge),
            md.text(task.judged.date),
            *(md.code(sha[:_HASH]) if sha else "none" for sha in (task.judged.prompts, task.judged.references)),
            f"{task.judged.unreadable:,}",
        )
        for task in tasks
        if task.judged is not None
    ]
    if rows:
        yield (
            "Not by the harness: a model judged these answers. Another one, or this one on another day, may say "
            "something else."
        )
        yield md.table(("Task", "Judge", "Date", "Prompts, SHA-256", "References, SHA-256", "Unreadable"), rows)


def _contamination(chain: Chain) -> Iterator[str]:
    record = chain.last.record
    found, tasks = record.contamination, {task.task: task for task in record.tasks}
    if found.tasks:
        yield (
            "Items of these tasks are in the data that it was trained on (by the rule of the step `decontaminate`). "
            "What it scores on the clean ones is what it can be held to:"
        )
        both = len(chain.points) > 1
        head = ["Task", "Leaked items", "In", "All", "Clean", "Leaked"]
        rows = [
            (*_parts(tasks[name], told), *(_clean(chain, name) if both else ())) for name, told in found.tasks.items()
        ]
        yield md.table([*head, *(("Clean, against the first", "Verdict") if both else ())], rows, "lllrrrrl")
    if found.checked:
        others = "No other item was" if found.tasks else "None of the items was"
        yield f"{others} found in {_cards(found.checked)}."
    if found.unchecked:
        yield f"**Not searched for the items**, as they were not here: {_cards(found.unchecked)}."


def _cards(names: Sequence[str]) -> str:
    return ", ".join(md.text(name) for name in names)


def _parts(task: TaskResult, told: Contaminated) -> tuple[str, ...]:
    value = task.metrics[task.metric]["value"]
    return (
        md.code(task.task),
        f"{len(told.items):,} of {task.items:,} ({len(told.items) / task.items:.1%})",
        ", ".join(f"{md.text(card)} ({count:,})" for card, count in told.cards.items()),
        *(f"{one:.3f}" if one is not None else NONE for one in (value, told.clean, told.flagged)),
    )


def _clean(chain: Chain, task: str) -> tuple[str, str]:
    found = part(chain, task, "clean")
    return difference(found), verdict(found)


def _sources(tasks: Sequence[TaskResult]) -> Iterator[str]:
    """Where the items are from: a line for all tasks of which the same is to be said."""
    said: dict[str, list[str]] = {}
    for task in tasks:
        said.setdefault(_items_from(task), []).append(md.code(task.task))
    return (f"- {', '.join(names)}: {what}" for what, names in said.items())


def _items_from(task: TaskResult) -> str:
    """Where a task's items are from, and which version of the task asked them."""
    version = f"version {md.text(task.version)}, " if task.version is not None else ""
    if task.data:
        files = ", ".join(f"{md.text(split)} {md.code(sha[:_HASH])}" for split, sha in task.data.items())
        return f"{version}local files in place of the task's dataset, SHA-256 of {files}"
    if task.dataset is None:
        return f"{version}items of no dataset of the Hub that is known"
    one = task.dataset
    config = f", {md.code(one.config)}" if one.config is not None else ""
    return f"{version}{md.code(one.id)}{config}, split {md.code(one.split)}, commit {md.code(one.revision[:_HASH])}"
