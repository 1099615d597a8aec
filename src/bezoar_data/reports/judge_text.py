"""Reports on judges as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bezoar_data.config.sanitize import clean_text

Value = Mapping[str, Any]


def compared_text(report: Value) -> str:
    """How far two label columns agree."""
    return clean_text("\n".join(_compared(report)))


def calibrated_text(report: Value) -> str:
    """Which rating cut was chosen, and what every cut gives."""
    return clean_text("\n".join(_calibrated(report)))


def known_text(known: Value) -> str:
    """What the rows show of their judges."""
    return clean_text("\n".join(_known(known)))


def _compared(report: Value) -> Iterator[str]:
    ours, theirs = report["columns"]
    missing = ", ".join(f"{n:,} without {name}" for name, n in report["missing"].items() if n)
    yield f"{ours} against {theirs}: {_rows(report['rows'])} with both{f' ({missing})' if missing else ''}"
    if report["strangers"]:
        yield f"  {report['strangers']:,} labels are for rows that are not here"
    yield from _measures(report)
    yield ""
    yield from _table(report, ours, theirs)
    if report["slices"]:
        yield ""
        yield from _slices(report["slices"])
    if report["length"]:
        yield ""
        yield _length(report["length"], ours, theirs)
    units = report["interval"]["units"]
    if units < report["rows"]:
        yield f"\nIntervals are bootstrapped over the {units:,} seeds that the rows come of."


def _measures(report: Value) -> Iterator[str]:
    yield f"  equal labels    {percent(report['agreement'])}"
    yield f"  Cohen's kappa   {plain(report['kappa'])}"
    if "weighted_kappa" in report:
        yield f"  weighted kappa  {plain(report['weighted_kappa'])}   quadratic"
        yield f"  difference      {plain(report['difference'], signed=True)}   mean of first minus second"


def _table(report: Value, ours: str, theirs: str) -> Iterator[str]:
    labels = report["labels"]
    wide = max(7, *(len(label) for label in labels)) + 1
    side = max(len(ours), *(len(label) for label in labels))
    yield f"  {ours} down, {theirs} across"
    yield f"  {'':<{side}}{''.join(f'{label:>{wide}}' for label in labels)}"
    for label, counts in zip(labels, report["table"], strict=True):
        yield f"  {label:<{side}}{''.join(f'{n:>{wide},}' for n in counts)}"


def _slices(slices: Sequence[Value]) -> Iterator[str]:
    names = [f"{part['column']} = {part['value']}" for part in slices]
    wide = max(map(len, names))
    for name, part in zip(names, slices, strict=True):
        which = "weighted_kappa" if "weighted_kappa" in part else "kappa"
        kappa = f"{which.replace('_', ' ')} {plain(part[which])}"
        yield f"  {name:<{wide}}  {part['rows']:>7,} rows  equal {percent(part['agreement'])}  {kappa}"


def _length(length: Value, ours: str, theirs: str) -> str:
    verdict = "biased by length" if length["biased"] else "no bias by length is shown"
    if "judge_longer" in length:
        return (
            f"  length: {ours} takes the longer answer {length['judge_longer']:.1%} of the time, {theirs} "
            f"{length['people_longer']:.1%}; difference {plain(length['difference'], signed=True)}: {verdict}"
        )
    return (
        f"  length: {ours} minus {theirs} is {length['shortest_third']:+.2f} on the shortest third and "
        f"{length['longest_third']:+.2f} on the longest; difference {plain(length['effect'], signed=True)}: {verdict}"
    )


def _calibrated(report: Value) -> Iterator[str]:
    yield f"{report['rating']}: {_rows(report['rows'])} that people labelled, {report['good']:,} of them good"
    yield f"  good: {report['good_if']}"
    yield f"  {'cut':>6} {'rows':>8} {'good':>8}   precision                good rows taken"
    for cut in report["cuts"]:
        mark = "  <- chosen" if cut == report["chosen"] else ""
        shares = f"{percent(cut['precision']):<24} {percent(cut['recall'])}"
        yield f"  {cut['rating']:>6g} {cut['taken']:>8,} {cut['good']:>8,}   {shares}{mark}"
    yield f"  All precisions lie in their intervals at once with {report['level']:.0%} confidence."
    if report["chosen"]:
        low = report["chosen"]["precision"]["low"]
        yield f"  Take rows with {report['rating']} >= {report['chosen']['rating']:g}: at least {low:.1%} are good."
    else:
        yield f"  No cut is shown to reach {report['wanted']:.1%}."
        if report["needed"]:
            yield f"  About {report['needed']:,} labelled rows at the best cut would show it, if its share stays so."
    if report["rows_sharing_seeds"]:
        yield (
            f"  {_rows(report['rows_sharing_seeds'])} share seeds with others: the intervals take each row for an "
            "independent one, and are too narrow."
        )


def _known(known: Value) -> Iterator[str]:
    for judge in known["judges"]:
        yield f"{judge['name']}: {judge['accepted']:,} accepted, {judge['rejected']:,} rejected"
    for one in known["agreement"]:
        yield f"{one['columns'][0]} against {one['columns'][1]}: {_rows(one['rows'])} with both"
        yield from _measures(one)
    for one in known["repeated"]:
        yield f"{one['name']}, asked several times: {_rows(one['status']['rows'])}"
        yield f"  two of its verdicts are equal  {percent(one['status']['agreement'])}"
        yield f"  two of its ratings are equal   {percent(one['rating']['agreement'])}"
        yield f"  all verdicts are equal         {percent(one['status']['unanimous'])}"
    for one in known["comparisons"]:
        counts = ", ".join(f"{one[name]:,} {name}" for name in ("a", "b", "tie", "inconsistent"))
        yield f"{one['name']}, comparing: {_rows(one['rows'])} ({counts})"
        yield f"  the same in both orders  {percent(one['consistent'])}"
        told = "biased by position" if one["biased"] else "no bias by position is shown"
        leaned = f"{one['leaned_to_first']:,} towards the first, {one['leaned_to_second']:,} towards the second"
        yield f"  where not, it leaned     {leaned}: {told}"
    for one in known["attributes"]:
        name = one["name"] or "attributes"
        yield f"{name}: {_rows(one['rows'])}, {', '.join(f'{k} {v:.2f}' for k, v in one['means'].items())}"
    if not any(known[kind] for kind in ("agreement", "repeated", "comparisons")):
        yield "One judge, asked once: its own verdicts do not tell how reliable they are. Name people's labels:"
        yield "  --columns gpt4_rating human_rating --labels labels.jsonl"


def percent(estimate: Value) -> str:
    if estimate["value"] is None:
        return "not defined"
    return f"{estimate['value']:.1%} ({100 * estimate['low']:.1f}-{100 * estimate['high']:.1f})"


def plain(estimate: Value, *, signed: bool = False) -> str:
    if estimate["value"] is None:
        return "not defined"
    sign = "+" if signed else ""
    return f"{estimate['value']:{sign}.2f} ({estimate['low']:{sign}.2f} to {estimate['high']:{sign}.2f})"


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"
