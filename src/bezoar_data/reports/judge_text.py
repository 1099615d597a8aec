"""Reports on judges as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bezoar_data.config.sanitize import clean_text
from bezoar_data.measures.intervals import Estimate
from bezoar_data.runs.judged import (
    AcceptCounts,
    AgreementSlice,
    LockedJudging,
    PeopleAgreement,
    RatingAgreement,
    RatingCalibration,
)


def compared_text(report: PeopleAgreement) -> str:
    """How far two label columns agree."""
    return clean_text("\n".join(_compared(report)))


def calibrated_text(report: RatingCalibration) -> str:
    """Which rating cut was chosen, and what every cut gives."""
    return clean_text("\n".join(_calibrated(report)))


def known_text(judges: Sequence[AcceptCounts], judging: LockedJudging) -> str:
    """What the rows show of their judges."""
    return clean_text("\n".join(_known(judges, judging)))


def _compared(report: PeopleAgreement) -> Iterator[str]:
    ours, theirs = report.columns
    missing = ", ".join(f"{n:,} without {name}" for name, n in (report.missing or {}).items() if n)
    yield f"{ours} against {theirs}: {_rows(report.rows)} with both{f' ({missing})' if missing else ''}"
    if report.strangers:
        yield f"  {report.strangers:,} labels are for rows that are not here"
    yield from _measures(report)
    yield ""
    yield from _table(report, ours, theirs)
    if report.slices:
        yield ""
        yield from _slices(report.slices)
    if report.length:
        yield ""
        yield _length(report.length, ours, theirs)
    if report.interval and (units := report.interval["units"]) < report.rows:
        yield f"\nIntervals are bootstrapped over the {units:,} seeds that the rows come of."


def _measures(report: RatingAgreement) -> Iterator[str]:
    yield f"  equal labels    {percent(report.agreement)}"
    yield f"  Cohen's kappa   {plain(report.kappa)}"
    if report.weighted_kappa and report.difference:
        yield f"  weighted kappa  {plain(report.weighted_kappa)}   quadratic"
        yield f"  difference      {plain(report.difference, signed=True)}   mean of first minus second"


def _table(report: RatingAgreement, ours: str, theirs: str) -> Iterator[str]:
    labels = report.labels
    wide = max(7, *(len(label) for label in labels)) + 1
    side = max(len(ours), *(len(label) for label in labels))
    yield f"  {ours} down, {theirs} across"
    yield f"  {'':<{side}}{''.join(f'{label:>{wide}}' for label in labels)}"
    for label, counts in zip(labels, report.table, strict=True):
        yield f"  {label:<{side}}{''.join(f'{n:>{wide},}' for n in counts)}"


def _slices(slices: Sequence[AgreementSlice]) -> Iterator[str]:
    names = [f"{part.column} = {part.value}" for part in slices]
    wide = max(map(len, names))
    for name, part in zip(names, slices, strict=True):
        weighted = part.weighted_kappa
        kappa = f"weighted kappa {plain(weighted)}" if weighted else f"kappa {plain(part.kappa)}"
        yield f"  {name:<{wide}}  {part.rows:>7,} rows  equal {percent(part.agreement)}  {kappa}"


def _length(length: Mapping[str, Any], ours: str, theirs: str) -> str:
    verdict = "biased by length" if length["biased"] else "no bias by length is shown"
    if "judge_longer" in length:
        difference = plain(Estimate(**length["difference"]), signed=True)
        return (
            f"  length: {ours} takes the longer answer {length['judge_longer']:.1%} of the time, {theirs} "
            f"{length['people_longer']:.1%}; difference {difference}: {verdict}"
        )
    effect = plain(Estimate(**length["effect"]), signed=True)
    return (
        f"  length: {ours} minus {theirs} is {length['shortest_third']:+.2f} on the shortest third and "
        f"{length['longest_third']:+.2f} on the longest; difference {effect}: {verdict}"
    )


def _calibrated(report: RatingCalibration) -> Iterator[str]:
    yield f"{report.rating}: {_rows(report.rows)} that people labelled, {report.good:,} of them good"
    yield f"  good: {report.good_if}"
    yield f"  {'cut':>6} {'rows':>8} {'good':>8}   precision                good rows taken"
    for cut in report.cuts:
        mark = "  <- chosen" if cut == report.chosen else ""
        shares = f"{percent(cut.precision):<24} {percent(cut.recall)}"
        yield f"  {cut.rating:>6g} {cut.taken:>8,} {cut.good:>8,}   {shares}{mark}"
    yield f"  All precisions lie in their intervals at once with {report.level:.0%} confidence."
    if report.chosen:
        low = report.chosen.precision.low or 0.0
        yield f"  Take rows with {report.rating} >= {report.chosen.rating:g}: at least {low:.1%} are good."
    else:
        yield f"  No cut is shown to reach {report.wanted:.1%}."
        if report.needed:
            yield f"  About {report.needed:,} labelled rows at the best cut would show it, if its share stays so."
    if report.rows_sharing_seeds:
        yield (
            f"  {_rows(report.rows_sharing_seeds)} share seeds with others: the intervals take each row for an "
            "independent one, and are too narrow."
        )


def _known(judges: Sequence[AcceptCounts], judging: LockedJudging) -> Iterator[str]:
    for judge in judges:
        yield f"{judge.name}: {judge.accepted:,} accepted, {judge.rejected:,} rejected"
    for one in judging.agreement:
        yield f"{one.columns[0]} against {one.columns[1]}: {_rows(one.rows)} with both"
        yield from _measures(one)
    for repeat in judging.repeated:
        yield f"{repeat.name}, asked several times: {_rows(repeat.status.rows)}"
        yield f"  two of its verdicts are equal  {percent(repeat.status.agreement)}"
        yield f"  two of its ratings are equal   {percent(repeat.rating.agreement)}"
        yield f"  all verdicts are equal         {percent(repeat.status.unanimous)}"
    for compared in judging.comparisons:
        counts = ", ".join(f"{getattr(compared, name):,} {name}" for name in ("a", "b", "tie", "inconsistent"))
        yield f"{compared.name}, comparing: {_rows(compared.rows)} ({counts})"
        yield f"  the same in both orders  {percent(compared.consistent)}"
        bias = "biased by position" if compared.biased else "no bias by position is shown"
        leaned = f"{compared.leaned_to_first:,} towards the first, {compared.leaned_to_second:,} towards the second"
        yield f"  where not, it leaned     {leaned}: {bias}"
    for scored in judging.attributes:
        means = ", ".join(f"{name} {mean:.2f}" for name, mean in scored.means.items())
        yield f"{scored.name or 'attributes'}: {_rows(scored.rows)}, {means}"
    if not (judging.agreement or judging.repeated or judging.comparisons):
        yield "One judge, asked once: its own verdicts do not show how reliable they are. Name people's labels:"
        yield f"  --columns {_rated(judges, judging)} human_rating --labels labels.jsonl"


def _rated(judges: Sequence[AcceptCounts], judging: LockedJudging) -> str:
    """A column of ratings that the dataset has."""
    if judges:
        return f"{judges[0].name}_rating"
    scored = judging.attributes[0]
    measured = next(iter(scored.means), "helpfulness")
    return f"{scored.name}_{measured}" if scored.name else measured


def percent(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not defined"
    return f"{estimate.value:.1%} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"


def plain(estimate: Estimate, *, signed: bool = False) -> str:
    if estimate.value is None:
        return "not defined"
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.2f} ({estimate.low:{sign}.2f} to {estimate.high:{sign}.2f})"


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"
