"""What a model card says of the weights' licence: what follows from the base and the data, whether they may be used
commercially, and whether they may be published, with the reasons in plain sentences.

Whether the terms of training data hold for what was trained on it is not settled; here they are taken to, which is the
cautious reading. A missing fact gives `unknown`, which is a real answer. It is information, not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.cards.licences.combine import best_permission, combine
from bezoar_data.cards.licences.lineage import UNKNOWN, Licence, either_forbids, one_line, shown
from bezoar_data.cards.licences.table import LicenceTable, Ways, licence_table
from bezoar_data.config.files.licence_terms import LicenceTerms, Permission, worst
from bezoar_data.config.sanitize import clean_text
from bezoar_data.runs.stage_record import StageData, StageRecord


@dataclass(frozen=True, slots=True)
class WeightsLicence:
    """The licence, and besides whether the weights may be published."""

    licence: Licence
    publish: Permission
    concerns: tuple[tuple[str, str], ...]
    """What stands against publishing: the concern's name, and a sentence."""


@dataclass(frozen=True, slots=True)
class _Part:
    ways: Ways
    commercial: Permission
    sentence: str
    conflicts: tuple[str, ...] = ()
    attribution: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def licence_of_weights(stage: StageRecord) -> WeightsLicence:
    """The licence of what a stage left. Its record holds all it was made from."""
    data = list(data_of(stage))
    table = licence_table()
    for one in data:
        table = table.with_own(one.terms or {})
    parts = [*_base(stage.base, table), *(_data(one, table) for one in data)]
    outcome = combine([part.ways for part in parts], table)
    outcome = outcome.given(worst([outcome.commercial, *(part.commercial for part in parts)]), table)
    commercial = outcome.commercial
    conflicts = tuple(dict.fromkeys([*(c for part in parts for c in part.conflicts), *outcome.conflicts]))
    expression = None if conflicts else outcome.expression
    if conflicts:
        first = "The terms of the base and the data contradict each other, so there is no licence for the weights."
    elif not parts:
        first = "Nobody's terms hold for the weights."
    elif expression is None:
        first = "Not all terms of the base and the data are known, so the licence of the weights is unknown."
    else:
        first = f"{expression} follows from the terms of the base and the data."
    concerns = tuple((name, one_line(text)) for name, text in _concerns(stage, data, parts, expression, conflicts))
    publish: Permission = "yes"
    if concerns:
        publish = "no" if conflicts or any(name in ("demo", "policy") for name, _ in concerns) else "unknown"
    reasons = (first, *(p.sentence for p in parts), *(f"Conflict: {c}." for c in conflicts), _on_commerce(commercial))
    attribution = tuple(dict.fromkeys(a for part in parts for a in part.attribution))
    licence = Licence(
        clean_text(expression or UNKNOWN, one_line=True),
        commercial,
        tuple(map(one_line, reasons)),
        stated=False,
        conflicts=conflicts,
        attribution=attribution,
        link=table.link(expression or UNKNOWN),
    )
    return WeightsLicence(licence, publish, concerns)


def data_of(stage: StageRecord) -> Iterator[StageData]:
    """What the stage and all before it were trained on, each dataset once, in their order."""
    seen = set()
    for one in stage.stages:
        data = one.data
        if data is not None and data.lock not in seen:
            seen.add(data.lock)
            yield data


def _base(base: Mapping[str, Any], table: LicenceTable) -> Iterator[_Part]:
    if "make" in base:
        return
    name, stated = base.get("model") or base["gguf"], base.get("licence")
    by_name = table.model_terms(str(name))
    ways = table.alternatives(stated or by_name or "")
    if stated and by_name and not (ways := table.stated_and_known(stated, by_name)):
        says = f"its licence is stated as {stated}, but by its name it is {by_name}: which of them holds is unknown"
        yield _Part((), either_forbids(stated, by_name, table), f"Base {name}: {says}.")
        return
    if not ways:
        says = (
            f"its licence is stated as {stated}, which is none that could be read" if stated else "no licence is stated"
        )
        yield _Part((), UNKNOWN, f"Base {name}: {says}.")
        return
    verdict = best_permission(ways, table)
    named = sorted(frozenset().union(*ways))
    credit = shown(f"made from {name}", ways, table)
    if credit is None and any((table.terms(n) or LicenceTerms()).attribution for n in named):
        credit = f"Made from {name}, used under {' or '.join(named)}; changes were made."
    says = f"is stated as {stated}" if stated else f"is {by_name}, going by its name"
    sentence = f"Base {name}: its licence {says}; commercial use: {verdict}."
    yield _Part(ways, verdict, sentence, attribution=(credit,) if credit else ())


def _data(data: StageData, table: LicenceTable) -> _Part:
    licence = data.licence
    result, stated = str(licence.get("result") or UNKNOWN), licence.get("commercial")
    commercial: Permission = stated if stated in ("yes", "no") else UNKNOWN
    conflicts = tuple(f"in the data {data.card}, {c}" for c in licence.get("conflicts") or ())
    ways = () if result == UNKNOWN or conflicts else table.alternatives(result)
    says = "its licence is unknown" if result == UNKNOWN else f"{result} by its card"
    limits = tuple(
        f"the data {data.card} holds answers under {name}, whose terms {terms.limit}"
        for name in sorted(frozenset().union(*ways))
        if (terms := table.terms(name)) is not None and terms.limit
    )
    sentence = f"Data {data.card} (build {data.lock}): {says}; commercial use: {commercial}."
    return _Part(ways, commercial, sentence, conflicts, tuple(map(str, licence.get("attribution") or ())), limits)


def _concerns(
    stage: StageRecord,
    data: Sequence[StageData],
    parts: Sequence[_Part],
    expression: str | None,
    conflicts: Sequence[str],
) -> Iterator[tuple[str, str]]:
    if "make" in stage.base:
        yield "demo", "its base is a tiny one with random weights"
    if named := [one.card for one in data if one.demo]:
        yield "demo", f"it was trained on demo rows: {', '.join(named)}"
    if conflicts:
        yield "unknown-licence", f"its licences are in conflict: {'; '.join(conflicts)}"
    elif parts and expression is None:
        yield "unknown-licence", "the licence of its base or of its data is unknown"
    for limit in dict.fromkeys(limit for part in parts for limit in part.limits):
        yield "restricted-terms", limit
    verdict = worst(part.commercial for part in parts)
    if stage.policy["commercial"] and (verdict != "yes" or conflicts):
        yield "policy", "the recipe asks for what may be used commercially, and that is not known of these weights"


def _on_commerce(verdict: Permission) -> str:
    return {
        "yes": "Base and data allow commercial use, so commercial use of the weights is taken to be allowed.",
        "no": "The base or the data forbid commercial use, so commercial use of the weights is taken to be forbidden.",
        "unknown": "Nothing is known to forbid commercial use, but not all is known to allow it: it is unknown.",
    }[verdict]
