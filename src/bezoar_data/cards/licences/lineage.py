"""What a card says of the data's licence: the result, a verdict on commercial use, and the reasons in plain sentences.

Everything a run's lock names is a part: each source, each model whose answers stand in the rows, each judge, and what
people corrected. The parts' terms come from the lock and from the table of known ones; `combine` says what follows. A
missing fact gives `unknown`, which is a real answer, and never `yes`. It is information, not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bezoar_data.cards.licences.combine import CombinedLicence, allowed_under, best_permission, combine, permission
from bezoar_data.cards.licences.table import KnownSource, LicenceTable, Ways, licence_table
from bezoar_data.config.files.licence_terms import LicenceTerms, Permission, worst
from bezoar_data.config.sanitize import clean_text
from bezoar_data.runs.lock import Lock, LockedModel, LockedSource

UNKNOWN: Permission = "unknown"
HUB = "https://huggingface.co/datasets/"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence with its reasons: plain sentences, without markup."""

    result: str
    """An SPDX expression, the author's own words, or `unknown`."""
    commercial: Permission
    reasons: tuple[str, ...]
    stated: bool
    """Whether the card's author stated it."""
    conflicts: tuple[str, ...] = ()
    attribution: tuple[str, ...] = ()
    """Who is to be named, a sentence each."""

    link: str | None = None
    """Where it stands."""
    misstated: bool = False
    """Whether its author states one that allows the commercial use that a part forbids."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing the data is made of: the ways in which its terms can be kept, and a sentence about them."""

    ways: Ways
    sentence: str
    commercial: Permission = "yes"
    """What was stated beside the terms, where it says less than they do."""
    attribution: str | None = None


def licence_of(lock: Lock, stated: Any, own: Mapping[str, Any] | None = None) -> Licence:
    """The licence of a dataset.

    `stated` are the licences that the card's author states, see `hub_keys.stated_names`: a name, several that hold
    together, or None. `own` is the card's `bezoar: terms:`.
    """
    table = licence_table().with_own(own or {})
    used = [model for model in lock.models if model.steps]
    judges = (*lock.judges, *lock.judging.attributes, *lock.judging.comparisons)
    judging = {judge.step for judge in judges}
    bare = [source for source in lock.sources if source.kept == 0 and lock.counts.kept]
    sources = [part for source in lock.sources if source not in bare for part in _source_parts(source, table)]
    models = [_model_part(model, judging.issuperset(model.steps), table) for model in used]
    parts = [*sources, *models, *_people(lock, table)]
    outcome = combine([part.ways for part in parts], table)
    outcome = outcome.given(worst([outcome.commercial, *(part.commercial for part in parts)]), table)
    names = [str(n) for n in (stated if isinstance(stated, list | tuple) else [stated]) if n not in (None, UNKNOWN)]
    sentences = [one_line(part.sentence) for part in parts]
    sentences += [
        one_line(f"Source {s.name}: none of its rows came into the data, so its terms do not hold for it.")
        for s in bare
    ]
    attribution = tuple(dict.fromkeys(one_line(part.attribution) for part in parts if part.attribution))
    name = " AND ".join(f"({n})" if len(names) > 1 and " " in n else n for n in names)
    made = _as_stated(name, outcome, table) if names else _as_derived(outcome)
    first, last = one_line(made.reasons[0]), one_line(_verdict_sentence(made.commercial))
    reasons = (first, *sentences, *(f"Conflict: {one_line(c)}." for c in made.conflicts), last)
    result = clean_text(made.result, one_line=True)
    return replace(made, result=result, reasons=reasons, attribution=attribution, link=table.link(made.result))


def _as_derived(outcome: CombinedLicence) -> Licence:
    if outcome.conflicts:
        first = "The terms of what this data is made of contradict each other, so there is no licence for the whole."
    elif outcome.expression is None:
        first = "Not all terms of what this data is made of are known, so its licence is unknown."
    else:
        first = f"{outcome.expression} follows from the terms of what this data is made of."
    return Licence(outcome.expression or UNKNOWN, outcome.commercial, (first,), False, outcome.conflicts)


def _as_stated(name: str, outcome: CombinedLicence, table: LicenceTable) -> Licence:
    """The author's own statement, held against what follows from the parts."""
    ways = table.alternatives(name)
    against = [allowed_under(choice, ways, table) for choice in outcome.choices] if ways else []
    first = f"{name}, as stated by the card's author"
    conflicts = outcome.conflicts
    misstated = outcome.commercial == "no" and any(permission(way, table) != "no" for way in ways)
    if against and None not in against:
        conflicts = (*conflicts, f"the author states {name}, but {against[0]}")
        first += "; the terms below do not allow it."
    elif misstated:
        conflicts = (*conflicts, f"the author states {name}, but a part of the data forbids commercial use")
        first += "; the terms below do not allow it."
    elif not against or outcome.expression is None:
        first += "; it was not confirmed by the terms below."
    else:
        first += "; the terms below allow it."
    said = best_permission(ways, table) if ways else UNKNOWN
    verdict = worst([outcome.commercial, said, *((UNKNOWN,) if conflicts else ())])
    disputed = "".join(_disputes(ways, table))
    return Licence(name, verdict, (first[:-1] + disputed + ".",), True, conflicts, misstated=misstated)


def _verdict_sentence(verdict: Permission) -> str:
    return {
        "yes": "Every part allows commercial use, so commercial use of the whole is allowed.",
        "no": "At least one part forbids commercial use, so commercial use of the whole is not allowed.",
        "unknown": "No part is known to forbid commercial use, but not every part is known to allow it: it is unknown.",
    }[verdict]


def _source_parts(source: LockedSource, table: LicenceTable) -> list[_Part]:
    url = source.url or ""
    name = url.removeprefix(HUB) if url.startswith(HUB) else source.name
    known_as = table.source(name)
    stated, known = source.licence, known_as.licence if known_as else None
    says = f"its licence is stated as {stated}" if stated else "nobody has stated its licence"
    commercial: Permission = "yes"
    if stated and known:
        ways = table.stated_and_known(stated, known)
        if not ways:
            says += f", but it is known as {known}: which of them holds is unknown"
            commercial = either_forbids(stated, known, table)
    else:
        ways = table.alternatives(stated or known or "")
        if known:
            says += f", but it is known to be {known}"
        elif stated and not ways:
            says += ", which is not a licence that could be read"
    credit = _credit(name, url, ways, known_as, table)
    parts = [_Part(ways, f"Source {name}: {says}{_limits(ways, table)}.", commercial, credit)]
    if known_as and known_as.parts:
        text = f"Source {name}: it holds parts under licences of their own, which are not known here."
        parts.append(_Part((), text))
    for terms in known_as.made_with if known_as else ():
        ways = (frozenset([terms]),)
        text = f"Source {name}: it holds answers of a model under {terms}{_limits(ways, table)}."
        parts.append(_Part(ways, text, attribution=shown(f"contains material from {name}", ways, table)))
    return parts


def either_forbids(stated: str, known: str, table: LicenceTable) -> Permission:
    """What is left of commercial use where two statements contradict each other: `no` if one of them forbids it."""
    return worst(["unknown", *(best_permission(table.alternatives(one), table) for one in (stated, known))])


def _credit(name: str, url: str, ways: Ways, known_as: KnownSource | None, table: LicenceTable) -> str | None:
    if words := shown(f"contains material from {name}", ways, table):
        return words
    if not any((table.terms(n) or LicenceTerms()).attribution for way in ways for n in way):
        return None
    under = " or ".join(sorted(" and ".join(sorted(way)) for way in ways))
    maker = f" by {known_as.by}" if known_as else ""
    address = f" ({url})" if url else ""
    return f"Contains material from {name}{maker}{address}, used under {under}; changes were made."


def _model_part(model: LockedModel, judges: bool, table: LicenceTable) -> _Part:
    """A licence of open weights binds who passes the weights on, not who uses answers, unless it forbids commerce.
    Terms of use bind answers too."""
    terms = model.output_licence
    role = f"{model.role}, a judge" if judges and model.role != "judge" else model.role
    who = f"Model {model.model} ({role})"
    if model.rules:
        return _Part((frozenset(),), f"{who}: rules, no model; what they say is under nobody's terms.")
    note = f" {terms.note}" if terms.note else ""
    by_name = table.model_terms(model.model)
    stated = None if not table.alternatives(terms.id) else terms.id
    if stated is None and (by_name is None or terms.id not in ("", UNKNOWN)):
        says = "the terms of its outputs are unknown"
        return _Part((), f"{who}: {says}.{note}", "no" if terms.commercial == "no" else UNKNOWN)
    name = stated or by_name or UNKNOWN
    ways = table.stated_and_known(name, by_name) if by_name else table.alternatives(name)
    if not ways and by_name:
        says = f"the terms of its outputs are stated as {name}, but by its name they are {by_name}"
        limits = _limits(table.alternatives(by_name), table)
        commercial = worst([terms.commercial, either_forbids(name, by_name, table)])
        return _Part((), f"{who}: {says}{limits}: which of them holds is unknown.{note}", commercial)
    allowed = best_permission(ways, table)
    said = terms.commercial
    if said == UNKNOWN and all((t := table.terms(n)) and t.commercial != UNKNOWN for way in ways for n in way):
        said = "yes"  # nothing was said beside a licence that is known
    commercial = worst([said, allowed])
    guessed = "" if stated else ", going by the model's name"
    says = f"the terms of its outputs are {name}{guessed}; commercial use of them: {commercial}"
    if said != allowed and terms.commercial != UNKNOWN:
        says += f" (stated: {said}; by what is known of {name}: {allowed})"
    binding = tuple(frozenset(n for n in way if _binds(table.terms(n))) for way in ways)
    credit = shown(f"contains answers of {model.model}", ways, table)
    return _Part(binding, f"{who}: {says}{_limits(ways, table)}.{note}", commercial, credit)


def _binds(terms: LicenceTerms | None) -> bool:
    return terms is None or bool(terms.limit) or terms.commercial == "no"


def shown(what: str, ways: Ways, table: LicenceTable) -> str | None:
    """What is said of a part whose terms want words to be shown: those words first."""
    wanted = {t.notice: n for way in ways for n in sorted(way) if (t := table.terms(n)) and t.notice}
    said = [f"{notice}: {what}, used under {name}." for notice, name in wanted.items()]
    return " ".join(said) or None


def commercial_use(licence: str, model: str | None = None, /) -> Permission:
    """Whether a licence allows commercial use, by the table of known licences. For weights with a `model`'s name, under
    which another is known, it is unknown, or forbidden by one of the two."""
    table = licence_table()
    known = table.model_terms(model) if model else None
    if known and not table.stated_and_known(licence, known):
        return either_forbids(licence, known, table)
    return best_permission(table.alternatives(licence), table)


def _people(lock: Lock, table: LicenceTable) -> Iterator[_Part]:
    """What people corrected is theirs: free to use under what they were told, or else under what the pipeline's author
    says of it."""
    if lock.review is None:
        return
    stated = lock.pipeline.review.licence if lock.pipeline.review else None
    for told, rows in lock.review.licences.items():
        name, who = (told, "as they were told") if told != UNKNOWN else (stated, "as the pipeline says")
        what = f"People corrected {rows} answers"
        if name is None:
            yield _Part((), f"{what}: nobody has stated under which licence.")
            continue
        ways = table.alternatives(name)
        read = "" if ways else ", which is not a licence that could be read"
        yield _Part(
            ways,
            f"{what}, under {name}, {who}{read}{_limits(ways, table)}.",
            attribution=_credit("people's corrections", "", ways, None, table),
        )


def _limits(ways: Ways, table: LicenceTable) -> str:
    """What the terms say beside licence and commerce, with when they were read."""
    sentences = []
    for name in sorted(frozenset().union(*ways)) if ways else ():
        terms = table.terms(name)
        if terms is None:
            sentences.append(f"; nothing is known here of {name}")
        elif terms.limit:
            when = f"read on {terms.read}" if terms.read else "nobody has noted when they were read"
            copy = f", {terms.copy_read}" if terms.copy_read else ""
            sentences.append(f"; its terms {terms.limit} ({when}{copy})")
    return "".join([*sentences, *_disputes(ways, table)])


def _disputes(ways: Ways, table: LicenceTable) -> Iterator[str]:
    for name in sorted(frozenset().union(*ways)) if ways else ():
        if name in table.disputed:
            yield f"; {table.disputed[name]}"


def one_line(sentence: str) -> str:
    return clean_text(" ".join(sentence.split()), one_line=True)
