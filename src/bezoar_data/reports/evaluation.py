"""Evaluations and comparisons for people: for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezoar_data.evaluation.compare import Compared, Comparison
    from bezoar_data.evaluation.record import Evaluation, TaskResult

Table = list[list[str]]


def evaluation_text(evaluations: Sequence[Evaluation], *, markdown: bool = False) -> str:
    """Every model beside the others: a line for each task, with standard errors."""
    first = evaluations[0]
    table: Table = [["task", "metric", "items", *(one.model.name for one in evaluations)]]
    for task in first.tasks:
        row = [task.task, task.metric, f"{task.items:,}"]
        for one in evaluations:
            found = next((t for t in one.tasks if t.task == task.task), None)
            row.append(_figure(found) if found is not None else "-")
        table.append(row)
    lines = [f"{first.suite['name']}, by the LM Evaluation Harness {first.software['lm-eval']}:", ""]
    return "\n".join([*lines, *_rendered(table, markdown), *_contamination(evaluations)])


def suite_text(tasks: Sequence[Mapping[str, Any]]) -> str:
    """What a suite's tasks can show, before anything is run."""
    table: Table = [["task", "facet", "items", "shows a difference from"]]
    for task in tasks:
        shows = task["smallest_difference"]
        table.append([
            task["task"], task["facet"] or "-", f"{task['items']:,}", f"{shows:.3f}" if shows is not None else "none",
        ])  # fmt: skip
    remark = (
        "So large a true difference is found four times in five, where one model alone is right on "
        f"{tasks[0]['discordant']:.0%} of the items."
    )
    return "\n".join([*_rendered(table, False), "", remark])


def comparison_text(comparison: Comparison, *, markdown: bool = False) -> str:
    """Which model is better at what, with intervals, and what could not have been seen."""
    lines = [f"{comparison.second} against {comparison.first}, the same items of both:", ""]
    lines += _rendered(_table(comparison.tasks, comparison), markdown)
    if comparison.facets:
        lines += ["", "By facet:", "", *_rendered(_table(comparison.facets, comparison), markdown)]
    if comparison.leaked:
        lines += ["", "Items that stand in the training data of either, and the others:", ""]
        lines += _rendered(_table(comparison.leaked, comparison), markdown)
    lines += ["", *_remarks(comparison)]
    return "\n".join(lines)


def _table(compared: Sequence[Compared], comparison: Comparison) -> Table:
    head = ["task", "items", comparison.first, comparison.second, "difference (95 %)", "p", "verdict", "shows from"]
    table: Table = [head]
    for one in compared:
        found = one.found
        interval = f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
        shows = f"{one.shows:.3f}" if one.shows is not None else "nothing"
        table.append([
            f"{one.name} {one.metric}", f"{found.items:,}", f"{found.first:.3f}", f"{found.second:.3f}", interval,
            f"{one.p:.3f}" if one.p >= 0.001 else "<0.001", one.word, shows,
        ])  # fmt: skip
    return table


def _remarks(comparison: Comparison) -> Iterator[str]:
    tied = [one.name for one in comparison.tasks if one.word == "tied"]
    if tied:
        yield f"Tied does not say that they are equal: {', '.join(tied)} could not show less than what stands last."
    yield "p is corrected for the number of tasks (Holm); right or wrong is tested by McNemar's mid-p."
    left_out = sum(one.unpaired for one in comparison.tasks)
    if left_out:
        yield f"{left_out:,} items that one of the two alone has are left out."
    if comparison.missing:
        yield f"Evaluated on one of the two alone: {', '.join(comparison.missing)}."


def _contamination(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    for one in evaluations:
        found = one.contamination
        for task, told in found.tasks.items():
            cards = ", ".join(f"{card} ({count:,})" for card, count in told.cards.items())
            clean = f"{told.clean:.3f}" if told.clean is not None else "none"
            yield f"\n{one.model.name}, {task}: {len(told.items):,} items stand in its training data, {cards}:"
            yield f"  {told.flagged:.3f} on these, {clean} on the others"
        if found.unchecked:
            yield f"\n{one.model.name}: not searched for the items, as it is not here: {', '.join(found.unchecked)}"


def _figure(task: TaskResult) -> str:
    figure = task.metrics[task.metric]
    return f"{figure['value']:.3f}" + (f" ± {figure['error']:.3f}" if figure["error"] is not None else "")


def _rendered(table: Table, markdown: bool) -> list[str]:
    if markdown:
        head, *rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
        return [head, "|" + "---|" * len(table[0]), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
