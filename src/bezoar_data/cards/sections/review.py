"""The section of a card on what people said of the rows."""

from __future__ import annotations

from collections.abc import Iterator

from bezoar_data.cards.sections import markdown as md
from bezoar_data.runs.judged import HumanReview, ProtocolReview


def _licences(found: HumanReview) -> str:
    return ", ".join(
        f"{md.number(rows)} × {'not stated' if name == 'unknown' else md.code(name)}"
        for name, rows in found.licences.items()
    )


def _rated(found: ProtocolReview) -> Iterator[str]:
    yield (
        f"They rated {md.number(found.responses)} responses to {md.number(found.prompts)} prompts by HelpSteer2's "
        "protocol (arXiv 2406.08673): five scales from 0 to 4; three people each, two more where helpfulness spread by "
        f"more than 2 (more than three rated {md.number(found.more_asked)}); of these the three who agree most count, "
        f"and their mean, rounded, is the label. Enough people rated {md.number(found.settled)}; "
        f"{md.number(found.labelled)} have labels. Of the prompts, {md.number(found.dropped)} are dropped, as the "
        "helpfulness of these three spreads by more than 2 on a response: their rows say so in "
        f"{md.code('review_dropped')}, and leave for no training and no export."
    )
    rows = [
        [one.scale, md.number(one.before.pairs), md.estimate(one.before.kappa),
         md.number(one.after.pairs), md.estimate(one.after.kappa)]
        for one in found.scales
    ]  # fmt: skip
    yield "How far two people agree, as quadratic-weighted kappa: in all ratings, and in those that count."
    yield md.table(["scale", "pairs", "kappa, all", "pairs that count", "kappa, those"], rows, "lrrrr")


def reviewed(found: HumanReview, kept: int, annotators: str | None) -> Iterator[str]:
    """Paragraphs on a review; `kept` is how many rows there are, and `annotators` what is said of those who did it."""
    people = "1 person" if found.people == 1 else f"{found.people:,} people"
    yield (
        f"{people} reviewed {md.number(found.rows)} of {md.rows(kept)}, with {md.number(found.answers)} answers; "
        f"{md.number(found.even)} of these rows were drawn evenly from all."
    )
    if annotators:
        yield f"Who they were, and how they worked: {md.text(annotators)}"
    else:
        yield (
            "Who they were, how they were found, paid and guided is not stated. The author writes it under "
            "`bezoar: about: annotators:` in the card's template."
        )
    said = {**found.status, **found.preference}
    if said:
        yield "They said: " + ", ".join(f"{md.number(n)} × {md.code(name)}" for name, n in said.items()) + "."
    if found.divided:
        yield f"On {md.rows(found.divided)} they were evenly divided: there the judge's verdict stands."
    if found.discarded or found.drafts:
        yield f"Answers discarded: {md.number(found.discarded)}; left as drafts: {md.number(found.drafts)}."
    if found.corrected:
        yield (
            f"They corrected {md.rows(found.corrected)}: the corrected response is in "
            f"{md.code('review_response')}, beside the original. Under which licence: {_licences(found)}."
        )
    if between := found.between_people:
        yield (
            f"Two people agreed on {md.percent(between.agreement)} of {md.number(between.rows)} pairs of answers; "
            f"Cohen's kappa {md.estimate(between.kappa)}."
        )
    if found.protocol:
        yield from _rated(found.protocol)
    yield (
        f"In {md.code('final_status')} people's verdict goes before the judge's. How far the judge agrees with people "
        "is in the section on the judge."
    )
