"""The section of a card on its judges: who they are, what they said, and how far they can be relied on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.runs.judged import ColumnAgreement, JudgeCounts, PeopleAgreement, PeopleMeasures, RaterAgreement
from bezoar_data.runs.lock import Lock

_BASED_ON = "Intervals hold 95 % of the time; rows that come of the same seeds are resampled together."


def judge(context: CardContext) -> str:
    lock = context.lock
    parts = [*_verdicts(lock), *_attributes(lock), *_comparisons(lock)]
    if not parts:
        return "No judge took part."
    parts = [*_reliability(lock), *parts]
    if any(one.rejected and lock.kept_all_of(one.step) for one in lock.judges):
        parts.append("Rejected rows stay in the data, so that they can be studied; training selects by the verdict.")
    return "\n\n".join(parts)


def _verdicts(lock: Lock) -> Iterator[str]:
    for one in lock.judges:
        judged = one.accepted + one.rejected
        said = (
            f"It accepted {md.number(one.accepted)} and rejected {md.number(one.rejected)} of {md.rows(judged)}: "
            f"{md.share(one.accepted, judged)} accepted."
            if judged
            else "It judged no row."
        )
        if one.kind == "panel":
            yield f"The panel {md.code(one.name)} puts the verdicts of several judges together. {said}"
        else:
            yield f"{_who('The judge', one.name, one.step, lock)} {said}{_unjudged(one.unjudged)}"
        if one.ratings:
            ratings = sorted(one.ratings.items(), key=_by_rating)
            yield md.table(("Rating", "Rows"), [(md.text(rating), md.number(n)) for rating, n in ratings], "lr")
        yield from _about(one, lock)


def _attributes(lock: Lock) -> Iterator[str]:
    for one in lock.judging.attributes:
        unsafe = f" It found {md.rows(one.unsafe)} unsafe." if one.unsafe else ""
        who = _who("Attributes were scored by", one.name or one.step, one.step, lock)
        yield f"{who} It scored {md.rows(one.rows)}.{unsafe}{_unjudged(one.unjudged)}"
        if one.means:
            yield md.table(
                ("Attribute", "Mean"), [(md.text(name), f"{mean:.2f}") for name, mean in one.means.items()], "lr"
            )
        yield from _about(one, lock)


def _comparisons(lock: Lock) -> Iterator[str]:
    for one in lock.judging.comparisons:
        counts = (
            ("the answer `a`", one.a),
            ("the answer `b`", one.b),
            ("a tie", one.tie),
            ("inconsistent", one.inconsistent),
        )
        said = ", ".join(f"{md.number(n)} {words}" for words, n in counts)
        leaned = f"{md.number(one.leaned_to_first)} times towards the first place"
        leaned += f" and {md.number(one.leaned_to_second)} times towards the second"
        yield " ".join(
            (
                _who("Pairs were compared by", one.name, one.step, lock),
                f"Each pair was shown in both orders. Of {md.rows(one.rows)}: {said}.",
                f"The verdict was the same in both orders for {md.percent(one.consistent)}.",
                f"Where it changed, it leaned {leaned}:",
                f"{'a bias' if one.biased else 'no bias'} by position is shown.{_unjudged(one.unjudged)}",
            )
        )
        yield from _about(one, lock)


def _about(one: JudgeCounts, lock: Lock) -> Iterator[str]:
    """What else a reader should know of a judge's counts."""
    if not lock.kept_all_of(one.step):
        yield "Counted where the judge stands: steps after it took rows out, or put them together."
    alike = one.alike
    if alike is None or lock.by_rules(one.step):
        return
    if alike.one_reason:
        yield (
            f"**{md.number(alike.commonest_reason)} of {md.number(alike.verdicts)} verdicts give the same reason**, "
            f"“{md.text(md.shorten(alike.reason or '', 200))}” ({md.number(alike.reasons)} different ones in all): "
            "look at them before you rely on this judge."
        )
    if alike.one_rating:
        what = f"{md.number(alike.commonest_rating)} of {md.number(alike.verdicts)} verdicts"
        yield f"{what} give {md.text(alike.rating or '')}."


def _reliability(lock: Lock) -> Iterator[str]:
    judging, people = lock.judging, lock.judging.people
    measured: list[tuple[ColumnAgreement, str, RaterAgreement]] = [
        *((one, rows, part) for one in people.agreement for rows, part in one.by_draw),
        *((one, "", one) for one in judging.agreement),
    ]
    if measured:
        yield md.table(
            ("Labels", "Rows", "Equal", "Cohen's kappa", "Weighted kappa"),
            [
                (
                    f"{md.code(one.columns[0])} and {md.code(one.columns[1])}{f', {rows}' if rows else ''}",
                    md.number(part.rows),
                    md.percent(part.agreement),
                    md.estimate(part.kappa),
                    md.estimate(weighted) if (weighted := getattr(part, "weighted_kappa", None)) else "–",
                )
                for one, rows, part in measured
            ],
            "lrrrr",
        )
    for one in judging.repeated:
        verdicts, ratings = md.percent(one.status.agreement), md.percent(one.rating.agreement)
        yield (
            f"Asked several times about the same row, two verdicts of {md.code(one.name)} are equal for {verdicts}, "
            f"two of its ratings for {ratings}."
        )
    yield from _against_people(people)
    if measured or judging.repeated:
        yield _BASED_ON
    asked = [*((one.name, one.step) for one in lock.judges), *((one.name, one.step) for one in judging.comparisons)]
    if unknown := [name or step for name, step in asked if not people.of_judge(name)]:
        yield f"Agreement with people has not been measured for {', '.join(map(md.code, unknown))}."


def _against_people(people: PeopleMeasures) -> Iterator[str]:
    for one in people.agreement:
        if (one.length or {}).get("biased"):
            yield f"Measured against {md.code(one.columns[1])}, {md.code(one.columns[0])} is biased by length."
    for one in people.agreement:
        yield from _confusion(one)
    for one in people.agreement:
        if one.slices:
            yield f"How far {md.code(one.columns[0])} agrees with {md.code(one.columns[1])} in parts of the rows:"
            yield md.table(
                ("Rows with", "Rows", "Equal", "Cohen's kappa"),
                [
                    (
                        md.code(f"{part.column} = {part.value}"),
                        md.number(part.rows),
                        md.percent(part.agreement),
                        md.estimate(part.kappa),
                    )
                    for part in one.slices
                ],
                "lrrr",
            )
    for cut in people.calibration:
        if chosen := cut.chosen:
            taken = f"{md.code(cut.rating)} of {chosen.rating:g} or more"
            good = f"{md.percent(chosen.precision)} good ({md.code(cut.good_if)})"
            yield f"Of the rows with {taken}, people find {good}; exact intervals, for all cuts at once."
        else:
            yield (
                f"No cut of {md.code(cut.rating)} is shown to give {100 * cut.wanted:g} % good rows "
                f"({md.code(cut.good_if)}), of {md.rows(cut.rows)} that people labelled."
            )


def _confusion(one: PeopleAgreement) -> Iterator[str]:
    """Which labels are taken for which."""
    if one.labels and one.table:
        judge, people = one.columns
        yield f"Rows by what {md.code(judge)} said (lines) and what {md.code(people)} says (columns):"
        yield md.table(
            ("", *map(md.text, one.labels)),
            [(md.text(label), *map(md.number, row)) for label, row in zip(one.labels, one.table, strict=True)],
            "l" + "r" * len(one.labels),
        )


def _who(opening: str, name: str, step: str, lock: Lock) -> str:
    who = " or ".join(
        f"rules, no model ({md.code(m.model)})" if m.rules else f"the model {md.code(m.model)}"
        for m in lock.models
        if step in m.steps
    )
    return f"{opening} {md.code(name)}" + (f"{' is' if opening == 'The judge' else ','} {who}." if who else ".")


def _unjudged(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return ""
    counts = ", ".join(f"{md.number(n)} × {md.code(reason)}" for reason, n in reasons.items())
    return f" {md.rows(sum(reasons.values())).capitalize()} stayed without a verdict: {counts}."


def _by_rating(item: tuple[str, int]) -> tuple[int, float, str]:
    """Highest rating first, words last."""
    try:
        return (0, -float(item[0]), item[0])
    except ValueError:
        return (1, 0.0, item[0])
