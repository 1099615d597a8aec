"""The section of a card on its judges: who they are, what they said, and how far they can be relied on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bezoar_data.cards.estimates import percent, plain
from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import Facts
from bezoar_data.runs.gate import against_people

_BASED_ON = "Intervals hold 95 % of the time; rows that come of the same seeds are resampled together."


def judge(facts: Facts) -> str:
    judges, judging = facts.lock["judges"], facts.lock.get("judging") or {}
    parts = [*_verdicts(facts), *_attributes(facts, judging), *_comparisons(facts, judging)]
    if not parts:
        return "No judge took part."
    if any(one["rejected"] for one in judges):
        parts.append("Rejected rows stay in the data, so that they can be studied; training selects by the verdict.")
    return "\n\n".join([*parts, *_reliability(judges, judging)])


def _verdicts(facts: Facts) -> Iterator[str]:
    for one in facts.lock["judges"]:
        judged = one["accepted"] + one["rejected"]
        said = (
            f"It accepted {md.number(one['accepted'])} and rejected {md.number(one['rejected'])} of {md.rows(judged)}: "
            f"{md.share(one['accepted'], judged)} accepted."
            if judged
            else "It judged no row."
        )
        if one.get("kind") == "panel":
            yield f"The panel {md.code(one['name'])} puts the verdicts of several judges together. {said}"
        else:
            yield f"{_who('The judge', one, facts)} {said}{_unjudged(one)}"
        if one["ratings"]:
            ratings = sorted(one["ratings"].items(), key=_by_rating)
            yield md.table(("Rating", "Rows"), [(md.text(rating), md.number(n)) for rating, n in ratings], "lr")


def _attributes(facts: Facts, judging: Mapping[str, Any]) -> Iterator[str]:
    for one in judging.get("attributes", ()):
        unsafe = f" It found {md.rows(one['unsafe'])} unsafe." if one["unsafe"] else ""
        who = _who("Attributes were scored by", {**one, "name": one["name"] or one["step"]}, facts)
        yield f"{who} It scored {md.rows(one['rows'])}.{unsafe}{_unjudged(one)}"
        if one["means"]:
            yield md.table(
                ("Attribute", "Mean"), [(md.text(name), f"{mean:.2f}") for name, mean in one["means"].items()], "lr"
            )


def _comparisons(facts: Facts, judging: Mapping[str, Any]) -> Iterator[str]:
    for one in judging.get("comparisons", ()):
        counts = [("the answer `a`", "a"), ("the answer `b`", "b"), ("a tie", "tie"), ("inconsistent", "inconsistent")]
        said = ", ".join(f"{md.number(one[key])} {words}" for words, key in counts)
        leaned = f"{md.number(one['leaned_to_first'])} times towards the first place"
        leaned += f" and {md.number(one['leaned_to_second'])} times towards the second"
        yield " ".join(
            (
                _who("Pairs were compared by", one, facts),
                f"Each pair was shown in both orders. Of {md.rows(one['rows'])}: {said}.",
                f"The verdict was the same in both orders for {percent(one['consistent'])}.",
                f"Where it changed, it leaned {leaned}:",
                f"{'a bias' if one['biased'] else 'no bias'} by position is shown.{_unjudged(one)}",
            )
        )


def _reliability(judges: Sequence[Mapping[str, Any]], judging: Mapping[str, Any]) -> Iterator[str]:
    people = judging.get("people") or {}
    measured = [*people.get("agreement", ()), *judging.get("agreement", ())]
    if measured:
        yield md.table(
            ("Labels", "Rows", "Equal", "Cohen's kappa", "Weighted kappa"),
            [
                (
                    f"{md.code(one['columns'][0])} and {md.code(one['columns'][1])}",
                    md.number(one["rows"]),
                    percent(one["agreement"]),
                    plain(one["kappa"]),
                    plain(one["weighted_kappa"]) if "weighted_kappa" in one else "–",
                )
                for one in measured
            ],
            "lrrrr",
        )
    for one in judging.get("repeated", ()):
        verdicts, ratings = percent(one["status"]["agreement"]), percent(one["rating"]["agreement"])
        yield (
            f"Asked several times about the same row, two verdicts of {md.code(one['name'])} are equal for {verdicts}, "
            f"two of its ratings for {ratings}."
        )
    for one in people.get("agreement", ()):
        if (one.get("length") or {}).get("biased"):
            yield f"Measured against {md.code(one['columns'][1])}, {md.code(one['columns'][0])} is biased by length."
    for one in people.get("agreement", ()):
        if (even := one.get("even") or {}).get("rows"):
            yield (
                f"On the {md.rows(even['rows'])} that were drawn evenly, {md.code(one['columns'][0])} equals what "
                f"people said for {percent(even['agreement'])}, with a kappa of {plain(even['kappa'])}."
            )
    for one in people.get("agreement", ()):
        if slices := one.get("slices"):
            yield f"How far {md.code(one['columns'][0])} agrees with {md.code(one['columns'][1])} in parts of the rows:"
            yield md.table(
                ("Rows with", "Rows", "Equal", "Cohen's kappa"),
                [
                    (
                        md.code(f"{part['column']} = {part['value']}"),
                        md.number(part["rows"]),
                        percent(part["agreement"]),
                        plain(part["kappa"]),
                    )
                    for part in slices
                ],
                "lrrr",
            )
    for one in people.get("calibration", ()):
        if chosen := one["chosen"]:
            taken = f"{md.code(one['rating'])} of {chosen['rating']:g} or more"
            good = f"{percent(chosen['precision'])} good ({md.code(one['good_if'])})"
            yield f"Of the rows with {taken}, people find {good}; exact intervals, for all cuts at once."
        else:
            yield (
                f"No cut of {md.code(one['rating'])} is shown to give {100 * one['wanted']:g} % good rows "
                f"({md.code(one['good_if'])}), of {md.rows(one['rows'])} that people labelled."
            )
    if measured or judging.get("repeated"):
        yield _BASED_ON
    asked = [*judges, *judging.get("comparisons", ())]
    unknown = [one["name"] or one["step"] for one in asked if not against_people(judging, one["name"])]
    if unknown:
        names = ", ".join(md.code(name) for name in unknown)
        yield f"Agreement with people has not been measured for {names}."


def _who(opening: str, one: Mapping[str, Any], facts: Facts) -> str:
    models = " or ".join(md.code(m["model"]) for m in facts.lock["models"] if one["step"] in m["steps"])
    return f"{opening} {md.code(one['name'])}" + (
        f"{' is' if opening == 'The judge' else ','} the model {models}." if models else "."
    )


def _unjudged(one: Mapping[str, Any]) -> str:
    reasons = one.get("unjudged") or {}
    if not reasons:
        return ""
    told = ", ".join(f"{md.number(n)} × {md.code(reason)}" for reason, n in reasons.items())
    return f" {md.rows(sum(reasons.values())).capitalize()} stayed without a verdict: {told}."


def _by_rating(item: tuple[str, int]) -> tuple[int, float, str]:
    """Highest rating first, words last."""
    try:
        return (0, -float(item[0]), item[0])
    except ValueError:
        return (1, 0.0, item[0])
