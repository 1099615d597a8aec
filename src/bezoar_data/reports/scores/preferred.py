"""How often a stage's answers are preferred, by judges and by people, on its card. Beside every win rate stand lengths,
different words and what the preference goes with: models and people prefer long answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import bezoar_data.cards.sections.markdown as md
from bezoar_data.evaluation.mt_bench.record import OVERALL
from bezoar_data.reports.mt_bench import BESIDE, MEANS, beside
from bezoar_data.reports.scores.figures import NONE, with_interval
from bezoar_data.reports.table import apart

if TYPE_CHECKING:
    from bezoar_data.evaluation.mt_bench.record import Pairs
    from bezoar_data.evaluation.people import Compared
    from bezoar_data.measures.agreement import Agreement

_RIGHT = "r" * len(BESIDE)


def by_judges(pairs: Sequence[Pairs]) -> Iterator[str]:
    """Of the pairs' second models."""
    rows = []
    for pair in pairs:
        for told in pair.judges:
            rate = told.win_rates[pair.setting.reading].get(OVERALL)
            failed = f"{told.unreadable[pair.setting.reading]:,} of {told.turns:,}"
            cells = beside(rate) if rate is not None else [NONE] * len(BESIDE)
            rows.append((md.code(pair.setting.task), md.text(pair.first), md.code(told.judge), failed, *cells))
    if rows:
        yield "Compared in both orders by a judge, it is preferred so often:"
        yield md.table(("Task", "Against", "Judge", "Unreadable", *BESIDE), rows, f"lllr{_RIGHT}")
        yield MEANS


def by_people(compared: Sequence[Compared]) -> Iterator[str]:
    """Of the second models: what people said who were told neither name."""
    if not compared:
        return
    yield "### People"
    yield "People read its answers beside another model's, and were told neither name."
    rows, rates = [], []
    for one in compared:
        first, own = one.acceptable
        counts = [md.number(count) for count in (one.people, one.judged, one.judgments)]
        figures = [
            with_interval(first),
            with_interval(own),
            apart(one.more_acceptable),
            one.acceptance_word,
            agreed(one.on_acceptance),
        ]
        rows.append((md.text(one.names[0]), *counts, *figures))
        rates.append((md.text(one.names[0]), *beside(one.win), one.word, agreed(one.on_choice)))
    yield "Is the answer acceptable?"
    head = ("Against", "People", "Prompts", "Judgments", "The other's", "Its own", "Difference", "Verdict", "Two agree")
    yield md.table(head, rows, "lrrrrrrlr")
    yield "Which answer is better?"
    yield md.table(("Against", *BESIDE, "Verdict", "Two agree"), rates, f"l{_RIGHT}lr")
    yield f"{MEANS} The last column is how often two people say the same, with Cohen's kappa in brackets."


def agreed(found: Agreement | None) -> str:
    """How often two people say the same, and Cohen's kappa."""
    if found is None or found.share.value is None:
        return NONE
    kappa = f"{found.kappa.value:.2f}" if found.kappa.value is not None else "not defined"
    return f"{found.share.value:.0%} ({kappa})"
