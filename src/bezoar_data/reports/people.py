"""What people said of two models, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bezoar_data.reports.mt_bench import BESIDE, MEANS, beside
from bezoar_data.reports.table import Table, apart, p_value, rendered

if TYPE_CHECKING:
    from bezoar_data.evaluation.people import Compared
    from bezoar_data.measures.agreement import Agreement
    from bezoar_data.measures.intervals import Estimate

LEVELS = {-2: "clearly worse", -1: "slightly worse", 0: "equal", 1: "slightly better", 2: "clearly better"}


def people_text(compared: Compared | None, *, markdown: bool = False) -> str:
    """How acceptable the answers of both are and whose are preferred, with intervals, beside their lengths."""
    if compared is None:
        return "Nobody has answered yet."
    first, second = compared.names
    people = f"{compared.people:,} " + ("person" if compared.people == 1 else "people")
    counted = f"{people}, {compared.judged:,} of {compared.pairs:,} pairs, {compared.judgments:,} judgments"
    lines = [f"{second} against {first}, by people who saw neither name: {counted}.", ""]
    lines += rendered(_table(compared), markdown)
    lines += ["", *rendered([["", *BESIDE, "p", "verdict"], _preference(compared)], markdown)]
    lines += ["", f"{second} is", "", *rendered(_levels(compared), markdown), ""]
    if agreed := _agreements(compared):
        lines += [
            "Agreement:",
            "",
            *rendered([["on", "judged", "agree", "kappa", "weighted kappa"], *agreed], markdown),
            "",
        ]
    lines += _remarks(compared)
    return "\n".join(lines)


def _table(compared: Compared) -> Table:
    more = compared.more_acceptable
    figures = [_figure(one) for one in compared.acceptable]
    return [
        ["", *compared.names, "difference (95 %)", "p", "verdict"],
        ["acceptable", *figures, apart(more), p_value(more.p), compared.acceptance_word],
    ]


def _preference(compared: Compared) -> list[str]:
    first, second = compared.names
    return [f"{second} against {first}", *beside(compared.win), p_value(compared.p), compared.word]


def _levels(compared: Compared) -> Table:
    total = compared.judgments
    counts = [f"{count:,} ({count / total:.0%})" for count in compared.levels.values()]
    return [[LEVELS[level] for level in compared.levels], counts]


def _remarks(compared: Compared) -> Iterator[str]:
    yield f"The answer that stood first was chosen in {_figure(compared.first_chosen)} of the choices."
    if compared.judge is not None and (longer := compared.judge.longer) is not None:
        yield f"The longer answer is chosen by the judge in {longer.judge:.0%}, by people in {longer.people:.0%}."
    if compared.word == "tied":
        yield "Tied does not say that they are equal: so few pairs could not show more."
    yield MEANS
    yield "Intervals are of 95 %, over prompts; the preference's p is from a sign test without ties."


def _agreements(compared: Compared) -> Table:
    judge = compared.judge.agreement if compared.judge is not None else None
    found = {
        "acceptable": compared.on_acceptance,
        "better, worse, equal": compared.on_choice,
        "the five levels": compared.on_levels,
        "better, worse, equal: judge and most people": judge,
    }
    return [_agreed(name, one) for name, one in found.items() if one is not None]


def _agreed(name: str, found: Agreement) -> list[str]:
    weighted = _figure(found.weighted_kappa) if found.weighted_kappa is not None else "-"
    return [name, f"{found.rows:,}", _figure(found.share), _figure(found.kappa), weighted]


def _figure(one: Estimate) -> str:
    if one.value is None:
        return "not defined"
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
