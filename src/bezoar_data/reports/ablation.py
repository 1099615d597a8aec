"""What an ablation has found, for people: for the terminal, as Markdown, and as a page that stands alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.evaluation.ablated import Ablated, Found, VariantResult
from bezoar_data.reports.page import Html, element, page, piece, table
from bezoar_data.reports.table import Table, p_value, rendered

PAGE, MARKDOWN = "report.html", "report.md"
_METHOD = (
    "The intervals (95 %) and p are over items and seeds together: a two-way layout, paired by item and seed, as the "
    "readers and cases of Hillis (2007). Over items alone, the luck of a training would pass for an effect. p is "
    "corrected for all comparisons of this page (Holm)."
)
_WIDE, _HIGH, _MARGIN = 420, 22, 8


@dataclass(frozen=True, slots=True)
class AblationReport:
    """A finished ablation. `print` it; a notebook shows it by itself. `found` holds the values."""

    found: Ablated
    folder: Path
    """Where `ablation.json` and the page lie."""

    def as_json(self) -> dict[str, Any]:
        return {"ok": True, "folder": str(self.folder), **self.found.as_json()}

    def as_markdown(self) -> str:
        title = f"# {self.found.name}\n\n"
        return title + "\n".join(self._lines(markdown=True)) + "\n"

    def as_html(self) -> str:
        return page(self.found.name, element("h1", self.found.name), *self._html())

    def __str__(self) -> str:
        return "\n".join([*self._lines(markdown=False), "", f"the page: {self.folder / PAGE}"])

    def _repr_html_(self) -> str:
        return piece(*self._html())

    def _lines(self, *, markdown: bool) -> Iterator[str]:
        yield from (_title(self.found), "")
        yield from rendered(_overview(self.found), markdown)
        for task in _tasks(self.found):
            yield from ("", _task_line(self.found, task), "")
            yield from rendered(_of_task(self.found, task), markdown)
        yield ""
        for remark in _remarks(self.found):
            yield f"{remark}\n" if markdown else remark

    def _html(self) -> Iterator[Html]:
        yield element("p", _title(self.found))
        head, *rows = _overview(self.found)
        yield table(head, rows, numbers=frozenset({2, 3, 4, 5}))
        for task in _tasks(self.found):
            yield element("h2", task)
            yield element("p", _task_line(self.found, task))
            head, *rows = _of_task(self.found, task)
            yield table(head, rows, numbers=frozenset({1, 3, 5, 6}))
            yield _picture(self.found, task)
        for remark in _remarks(self.found):
            yield element("p", remark, classes="dim")


def _title(found: Ablated) -> str:
    about = found.description and f"{found.description}{'' if found.description[-1] in '.?!' else '.'} "
    seeds = f"{len(found.seeds)} seed{'s' if len(found.seeds) > 1 else ''}"
    return (
        f"{about}Variants of {found.pipeline}, each trained by {found.recipe} with {seeds} and evaluated on "
        f"{found.suite}; {found.trainings} different trainings."
    )


def _overview(found: Ablated) -> Table:
    lines = [["variant", "what", "rows", "learnt", "LLM answers", "cost", "verdict"]]
    for one in found.variants:
        if one.data is None:
            lines.append([one.name, one.change, "-", "-", "-", "-", "failed"])
            continue
        cost = f"${one.data.cost:,.4f}" if one.data.cost is not None else "no price"
        verdict = "-" if one is found.whole else _said(one, one.verdict)
        counts = map(_count, (one.data.rows, one.data.learnt, one.data.answers))
        lines.append([one.name, one.change, *counts, cost, verdict])
    return lines


def _of_task(found: Ablated, task: str) -> Table:
    lines = [["variant", "score", "by seed", "effect", "95 %", "p", "shows from", "verdict", "a point takes"]]
    for one in found.variants:
        score = next((s for s in one.scores if s.task == task), None)
        if score is None:
            continue
        said = next((f for f in one.found if f.task == task), None)
        told = [one.name, f"{score.value:.3f}", " ".join(f"{value:.3f}" for value in score.by_seed)]
        if said is None:
            lines.append([*told, *["-"] * 6])
            continue
        e = said.effect
        lines.append([
            *told, f"{e['value']:+.3f}", f"{e['low']:+.3f} to {e['high']:+.3f}",
            p_value(said.p), f"{said.shows:.3f}" if said.shows is not None else "-",
            _said(one, said.verdict), _per_point(said),
        ])  # fmt: skip
    return lines


def _said(one: VariantResult, verdict: str) -> str:
    """The verdict, and of what it is: of the steps that are left out, or of the change."""
    what = one.change.removeprefix("without ") if one.left_out else "the change"
    return f"{what}: {verdict}"


def _per_point(said: Found) -> str:
    if said.verdict != "helps" or said.answers_per_point is None:
        return "-"
    if said.answers_per_point <= 0 and (said.cost_per_point or 0) <= 0:
        return "nothing"
    calls = f"{said.answers_per_point:,.1f} LLM answers"
    return calls if said.cost_per_point is None else f"${said.cost_per_point:,.4f}, {calls}"


def _tasks(found: Ablated) -> list[str]:
    return [score.task for score in found.whole.scores]


def _task_line(found: Ablated, task: str) -> str:
    metric = next(score.metric for score in found.whole.scores if score.task == task)
    items = next((f.effect["items"] for one in found.variants for f in one.found if f.task == task), None)
    counted = f", {items:,} items" if items is not None else ""
    return f"{task}, {metric}{counted}; an effect is what the step, or the change, adds to the score:"


def _remarks(found: Ablated) -> Iterator[str]:
    yield _METHOD
    if len(found.seeds) == 1:
        yield (
            "One training of each: the intervals are over items alone. That another training would say the same is not "
            "shown."
        )
    elif len(found.seeds) == 2:
        yield "Two seeds say little of how trainings spread: a verdict may be wrong up to twice as often as 5 %."
    if not found.data_seeds:
        yield "The data were made once: what another seed of theirs would change is in no interval."
    if any(one.verdict == "tied" for variant in found.variants for one in variant.found):
        yield "Tied does not say that nothing is there: less than 'shows from' could not have been seen."
    for one in found.variants:
        if one.failed is not None:
            yield f"{one.name} failed: {one.failed}"
        elif one.same_as is not None:
            yield f"{one.name} was not trained: its rows are those of {one.same_as}."
    counts = {one.data.learnt for one in found.variants if one.data is not None}
    if len(counts) > 1:
        yield (
            "Variants learnt from different numbers of rows: where the recipe counts epochs, more rows are more steps, "
            "and an effect is that of both; 'max_steps' holds the steps equal."
        )
    yield _requests(found)


def _requests(found: Ablated) -> str:
    data = [one.data for one in found.variants if one.data is not None]
    largest = max(one.answers for one in data) * max(len(set(found.data_seeds)), 1)
    if not largest:
        return "No model was asked for the data."
    asked = sum(one.asked for one in data)
    return (
        f"{asked:,} requests were sent for all variants; the largest alone needs {_count(largest)} answers. A "
        "question that several ask is paid once, and each variant's cost is given as if it alone were made."
    )


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _picture(found: Ablated, task: str) -> Html:
    """Effects with their intervals beside a line at nothing."""
    shown = [(one, f.effect) for one in found.variants for f in one.found if f.task == task]
    if not shown:
        return Html("")
    most = max(0.01, *(abs(e[end]) for _, e in shown for end in ("low", "high")))
    half = _WIDE / 2

    def x(value: float) -> str:
        return f"{_MARGIN + half + value / most * half:.1f}"

    high = _HIGH * len(shown) + 2 * _MARGIN
    parts: list[Html] = [_line(x(0), _MARGIN / 2, x(0), high - _MARGIN / 2, "#98a4b0")]
    for i, (one, e) in enumerate(shown):
        y = _MARGIN + _HIGH * (i + 0.5)
        parts.append(_line(x(e["low"]), y, x(e["high"]), y, "#5b6672"))
        parts.append(element("circle", cx=x(e["value"]), cy=f"{y:.1f}", r="4", fill=_colour(one, task)))
        label = {"x": str(_WIDE + 3 * _MARGIN), "y": f"{y + 4:.1f}", "fill": "currentColor"}
        parts.append(element("text", one.name, **label))
    size = {"width": str(_WIDE + 260), "height": f"{high:.0f}", "viewBox": f"0 0 {_WIDE + 260} {high:.0f}"}
    return element("svg", *parts, role="img", **size)


def _colour(one: VariantResult, task: str) -> str:
    verdict = next(f.verdict for f in one.found if f.task == task)
    return {"helps": "#17703a", "hurts": "#a8281e", "tied": "#98a4b0"}[verdict]


def _line(x1: str, y1: float, x2: str, y2: float, colour: str) -> Html:
    ends = {"x1": x1, "y1": f"{y1:.1f}", "x2": x2, "y2": f"{y2:.1f}", "stroke": colour, "stroke-width": "1.5"}
    return element("line", **ends)
