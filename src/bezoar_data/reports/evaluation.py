"""Evaluations and comparisons for people: for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bezoar_data.reports.table import Table, apart, p_value, rendered

if TYPE_CHECKING:
    from bezoar_data.evaluation.compare import Compared, Comparison
    from bezoar_data.evaluation.record import Contaminated, Evaluation, Judged, TaskResult


def evaluation_text(evaluations: Sequence[Evaluation], *, markdown: bool = False) -> str:
    """Every model beside the others: a line for each task of the harness, with standard errors. What judges rated is
    for `reports.mt_bench`."""
    first = evaluations[0]
    table: Table = [["task", "metric", "items", *(one.model.name for one in evaluations)]]
    named: dict[str, TaskResult] = {}
    for found in (task for one in evaluations for task in one.tasks if task.judged is None):
        named.setdefault(found.task, found)
    for task in named.values():
        row = [task.task, task.metric, f"{task.items:,}"]
        for one in evaluations:
            own = next((t for t in one.tasks if t.task == task.task), None)
            row.append(_figure(own) if own is not None else "-")
        table.append(row)
    lines = [f"{first.suite['name']}, by the LM Evaluation Harness {first.software['lm-eval']}:", ""]
    beside = [*unanswered_lines(evaluations), *contamination_lines(evaluations)]
    shown = [*lines, *rendered(table, markdown)] if len(table) > 1 else []
    return "\n".join([*shown, *beside])


def suite_text(
    tasks: Sequence[Mapping[str, Any]],
    models: Sequence[Mapping[str, Any]] = (),
    judges: Sequence[Mapping[str, Any]] = (),
) -> str:
    """What a suite's tasks can show, and what they ask of `models` behind the gateway and of judges, before anything is
    run."""
    table: Table = [["task", "facet", "items", "shows a difference from"]]
    for task in tasks:
        shows = task["smallest_difference"]
        told = f"{shows:.3f}" if shows is not None else "it depends on the judge" if task.get("judged") else "none"
        table.append([task["task"], task["facet"] or "-", f"{task['items']:,}", told])
    remark = (
        "So large a true difference is found four times in five, where one model alone is right on "
        f"{tasks[0]['discordant']:.0%} of the items."
    )
    code = [task["task"] for task in tasks if task["runs_code"]]
    with_code = [f"Run what the models write, so only with --allow-code: {', '.join(code)}."] if code else []
    return "\n".join([*rendered(table, False), "", remark, *with_code, *map(_demand, models), *map(_verdicts, judges)])


def _verdicts(judge: Mapping[str, Any]) -> str:
    tokens = f"{judge['most_prompt_tokens']:,} tokens of prompts, {judge['most_completion_tokens']:,} of its own"
    return f"Judge {judge['judge']}: {judge['verdicts']:,} verdicts for each model; at most {tokens}; {_cost(judge)}"


def _demand(model: Mapping[str, Any]) -> str:
    tokens = f"{model['prompt_tokens']:,} tokens of prompts, at most {model['most_completion_tokens']:,} of answers"
    return (
        f"{model['model']}: {model['answers']:,} answers, {model['cached']:,} in the journal; {tokens}; {_cost(model)}"
    )


def _cost(demand: Mapping[str, Any]) -> str:
    most = demand["most_cost"]
    return "no price is known" if most is None else f"at most ${most:,.2f}" if most else "it costs nothing"


def comparison_text(comparison: Comparison, *, markdown: bool = False) -> str:
    """Which model is better at what, with intervals, and what could not have been seen."""
    lines = [f"{comparison.second} against {comparison.first}, the same items of both:", ""]
    lines += rendered(_table(comparison.tasks, comparison), markdown)
    if comparison.facets:
        lines += ["", "By facet:", "", *rendered(_table(comparison.facets, comparison, "facet"), markdown)]
    if comparison.leaked:
        lines += ["", "Leaked items are in the training data of either model, clean ones do not:", ""]
        lines += [*rendered(_table(comparison.leaked, comparison), markdown), "", *_inflated(comparison)]
    lines += ["", *judged_lines(comparison.judged), *_remarks(comparison)]
    return "\n".join(lines)


def _table(compared: Sequence[Compared], comparison: Comparison, called: str = "task") -> Table:
    head = [called, "items", comparison.first, comparison.second, "difference (95 %)", "p", "verdict", "shows from"]
    table: Table = [head]
    for one in compared:
        found = one.found
        shows = f"{one.shows:.3f}" if one.shows is not None else "nothing"
        table.append([
            _name(one), f"{found.items:,}", f"{found.first:.3f}", f"{found.second:.3f}", apart(found),
            p_value(one.p), one.word, shows,
        ])  # fmt: skip
    return table


def _name(one: Compared) -> str:
    return f"{one.name} {one.metric}" + (f", {one.part}" if one.part != "all" else "")


def _inflated(comparison: Comparison) -> Iterator[str]:
    """What part of each difference comes from leaked items."""
    parts = {(one.name, one.part): one for one in comparison.leaked}
    for task in comparison.tasks:
        clean, leaked = parts.get((task.name, "clean")), parts.get((task.name, "leaked"))
        if leaked is None:
            continue
        if clean is None:
            yield f"{task.name}: all items are leaked; its difference says nothing of what was learnt."
            continue
        share = leaked.found.value * leaked.found.items / task.found.items
        yield (
            f"{task.name}: of the difference of {task.found.value:+.3f}, {share:+.3f} comes from the "
            f"{leaked.found.items:,} leaked items; on the {clean.found.items:,} clean ones it is "
            f"{clean.found.value:+.3f}, {clean.word}."
        )


def _remarks(comparison: Comparison) -> Iterator[str]:
    if any(one.word == "tied" for one in comparison.tasks):
        yield (
            "Tied does not mean equal: 'shows from' is the smallest true difference that so many items show four times "
            "in five."
        )
    tests = {one.found.test for one in (*comparison.tasks, *comparison.facets)}
    said = {
        "mcnemar": f"right or wrong by McNemar's test ({'exact' if comparison.exact else 'mid-p'})",
        "clustered t": "scores by a t-test of their mean difference, clustered where items belong together",
    }
    yield (
        f"Tested: {'; '.join(text for test, text in said.items() if test in tests)}. p is corrected for the number "
        "of tasks (Holm)."
    )
    left_out = sum(one.unpaired for one in comparison.tasks)
    if left_out:
        yield f"{left_out:,} items that one of the two alone has are left out."
    if comparison.missing:
        yield f"Evaluated on one of the two alone: {', '.join(comparison.missing)}."


def unanswered_lines(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """Questions that a model behind the gateway did not answer."""
    for one in evaluations:
        for task in one.tasks:
            if task.unanswered:
                why = ", ".join(f"{reason} {count:,}" for reason, count in task.unanswered.items())
                count = sum(task.unanswered.values())
                yield f"\n{one.model.name}, {task.task}: {count:,} questions got no answer and count as wrong ({why})"


def judged_lines(found: Iterable[tuple[str, Judged]]) -> Iterator[str]:
    """Who judged, when and with what, of models and the judges of their tasks; and how often that could not be read."""
    unreadable: dict[tuple[str, str, str | None, str | None], dict[str, int]] = {}
    for model, one in found:
        # All turns together are a task too, so the most of one task is the count of all.
        counts = unreadable.setdefault((one.judge, one.date, one.prompts, one.references), {})
        counts[model] = max(counts.get(model, 0), one.unreadable)
    for (judge, date, prompts, references), counts in unreadable.items():
        files = [
            f"{name} {sha[:12] if sha else 'none'}" for name, sha in (("prompts", prompts), ("references", references))
        ]
        failed = ", ".join(f"{count:,} of {model}" for model, count in counts.items() if count)
        told = f" Verdicts that could not be read and are left out: {failed}." if failed else ""
        yield f"Judged by {judge}, {date}, and not by the harness; {', '.join(files)}.{told}"


def contamination_lines(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What each model had seen of the items, a paragraph for each task."""
    for one in evaluations:
        found = one.contamination
        for name, told in found.tasks.items():
            task = next(task for task in one.tasks if task.task == name)
            cards = ", ".join(f"{card} ({count:,})" for card, count in told.cards.items())
            leaked = f"{len(told.items):,} of {task.items:,} items ({len(told.items) / task.items:.1%})"
            yield f"\n{one.model.name}, {name}: {leaked} are in its training data, {cards}:"
            yield f"  {_parts(task, told)}"
        if found.unchecked:
            yield f"\n{one.model.name}: not searched for the items, as it is not here: {', '.join(found.unchecked)}"


def _parts(task: TaskResult, told: Contaminated) -> str:
    """What the score is on all, the clean and the leaked items, and what of it comes from the leak."""
    value = task.metrics[task.metric]["value"]
    if told.clean is None or value is None:
        return f"{told.flagged:.3f} on these, and there are no others"
    said = (
        f"{task.metric} {value:.3f} on all, {told.clean:.3f} on the clean ones, {told.flagged:.3f} on the leaked ones"
    )
    sign = 1 if task.higher_is_better.get(task.metric, True) else -1
    lifted = (value - told.clean) * sign
    return f"{said}: the leak lifts it by {lifted:.3f}" if round(lifted, 3) > 0 else said


def _figure(task: TaskResult) -> str:
    figure = task.metrics[task.metric]
    return f"{figure['value']:.3f}" + (f" ± {figure['error']:.3f}" if figure["error"] is not None else "")
