"""What a card says of the data's licence: the result, a verdict on commercial use, and the reasons in plain sentences.

Everything a run's lock names is a part: each source, each model whose answers stand in the rows, each judge, and what
people corrected. The parts' terms come from the lock and from the table of known ones; `combine` says what follows. A
missing fact gives `unknown`, which is a real answer, and never `yes`. It is information, not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.cards.licences.combine import CombinedLicence, allowed_under, combine, worst
from bezoar_data.cards.licences.table import KnownSource, LicenceTable, licence_table
from bezoar_data.config.files.licence_terms import LicenceTerms, Permission
from bezoar_data.config.sanitize import clean_text
from bezoar_data.runs.lock import HumanReview, Lock, LockedModel, LockedSource

UNKNOWN: Permission = "unknown"
OTHER = "other"
"""The Hub's word for a licence that is not in its list."""

HUB = "https://huggingface.co/datasets/"
_HUB_NAMES = {"ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl", "PDDL-1.0": "pddl"}
_NOT_OF_THEHUB = ("AND", "OR", "WITH", "LicenseRef-")


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

    @property
    def hub(self) -> str:
        """The value of the Hub's key `license`."""
        if self.result == UNKNOWN:
            return UNKNOWN
        if any(word in self.result for word in _NOT_OF_THEHUB):
            return OTHER
        return _HUB_NAMES.get(self.result, self.result.lower())


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing the data is made of: the ways in which its terms can be kept, and a sentence about them."""

    ways: tuple[frozenset[str], ...]
    sentence: str
    commercial: Permission = "yes"
    """What was stated beside the terms, where it says less than they do."""
    attribution: str | None = None
    named: tuple[frozenset[str], ...] = ()
    """Licences that are spoken of, where they do not bind."""


def licence_of(lock: Lock, stated: Any, own: Mapping[str, Any] | None = None) -> Licence:
    """The licence of a dataset.

    `stated` is the `license` of the card's author: a name, a list of names, or None. `own` is the card's
    `bezoar: terms:`.
    """
    table = licence_table().with_own(own or {})
    used = [model for model in lock.models if model.steps]
    judges = (*lock.judges, *lock.judging.attributes, *lock.judging.comparisons)
    judging = {judge.step for judge in judges}
    bare = [source for source in lock.sources if source.kept == 0 and lock.counts.kept]
    sources = [part for source in lock.sources if source not in bare for part in _source_parts(source, table)]
    models = [_model_part(model, judging.issuperset(model.steps), table) for model in used]
    parts = [*sources, *models, *_people(lock.review)]
    outcome = combine([part.ways for part in parts], table)
    if against := _loosened(parts, stated, table):
        outcome = CombinedLicence(None, worst([outcome.commercial, UNKNOWN]), (*outcome.conflicts, *against))
    commercial = worst([outcome.commercial, *(part.commercial for part in parts)])
    outcome = CombinedLicence(outcome.expression, commercial, outcome.conflicts)
    names = [str(n) for n in (stated if isinstance(stated, list) else [stated]) if n not in (None, UNKNOWN)]
    sentences = [one_line(part.sentence) for part in parts]
    sentences += [
        one_line(f"Source {s.name}: none of its rows came into the data, so its terms do not hold for it.")
        for s in bare
    ]
    attribution = tuple(dict.fromkeys(one_line(part.attribution) for part in parts if part.attribution))
    made = _as_stated(" AND ".join(names), outcome, table) if names else _as_derived(outcome)
    result, verdict, first, conflicts, last = made
    reasons = (one_line(first), *sentences, *(f"Conflict: {one_line(c)}." for c in conflicts), one_line(last))
    return Licence(clean_text(result, one_line=True), verdict, reasons, bool(names), conflicts, attribution)


def _loosened(parts: Sequence[_Part], stated: Any, table: LicenceTable) -> tuple[str, ...]:
    """What the card says of licences that hold here, against what is known of them."""
    names = [str(n) for n in (stated if isinstance(stated, list) else [stated]) if n not in (None, UNKNOWN)]
    ways = [way for part in parts for way in (*part.ways, *part.named)]
    ways += [way for name in names for way in table.alternatives(name)]
    held = frozenset().union(*ways)
    return tuple(sentence for name, sentence in table.loosened.items() if name in held)


def _as_derived(outcome: CombinedLicence) -> tuple[str, Permission, str, tuple[str, ...], str]:
    if outcome.conflicts:
        first = "The terms of what this data is made of contradict each other, so there is no licence for the whole."
    elif outcome.expression is None:
        first = "Not all terms of what this data is made of are known, so its licence is unknown."
    else:
        first = f"{outcome.expression} follows from the terms of what this data is made of."
    result = outcome.expression or UNKNOWN
    return result, outcome.commercial, first, outcome.conflicts, _verdict_sentence(outcome.commercial)


def _as_stated(
    name: str, outcome: CombinedLicence, table: LicenceTable
) -> tuple[str, Permission, str, tuple[str, ...], str]:
    """The author's own statement, held against what follows from the parts."""
    ways = table.alternatives(name)
    conflicts = outcome.conflicts
    first = f"{name}, as stated by the card's author"
    if not ways or outcome.expression is None:
        first += "; it was not confirmed by the terms below."
    elif against := allowed_under(outcome.expression, ways, table):
        conflicts = (*conflicts, f"the author states {name}, but {against}")
        first += "; the terms below do not allow it."
    else:
        first += "; the terms below allow it."
    said = min((worst((table.terms(n) or LicenceTerms()).commercial for n in way) for way in ways), default=UNKNOWN)
    verdict = worst([outcome.commercial, said, *((UNKNOWN,) if conflicts else ())])
    return name, verdict, first, conflicts, _verdict_sentence(verdict)


def _verdict_sentence(verdict: Permission) -> str:
    return {
        "yes": "Every part allows commercial use, so commercial use of the whole is allowed.",
        "no": "At least one part forbids commercial use, so commercial use of the whole is not allowed.",
        "unknown": "No part is known to forbid commercial use, but not every part is known to allow it: it is unknown.",
    }[verdict]


def _source_parts(source: LockedSource, table: LicenceTable) -> list[_Part]:
    url = source.url or ""
    name = url.removeprefix(HUB) if url.startswith(HUB) else source.name
    known_as = table.sources.get(name)
    stated = source.licence
    licence = stated or (known_as.licence if known_as else None)
    ways = table.alternatives(licence) if licence else ()
    says = f"its licence is stated as {stated}" if stated else "nobody has stated its licence"
    if known_as and not stated:
        says += f", but it is known to be {known_as.licence}"
    if known_as and stated and table.alternatives(known_as.licence) != ways:
        says += f", but it is known as {known_as.licence}: which of them holds is unknown"
        ways = ()
    if licence and not ways and "known as" not in says:
        says += ", which is no licence that could be read"
    parts = [
        _Part(
            ways, f"Source {name}: {says}{_limits(ways, table)}.", attribution=_credit(name, url, ways, known_as, table)
        )
    ]
    if known_as and known_as.parts:
        text = f"Source {name}: it holds parts under licences of their own, which are not known here."
        parts.append(_Part((), text))
    for terms in known_as.made_with if known_as else ():
        text = f"Source {name}: it holds answers of a model under {terms}{_limits((frozenset([terms]),), table)}."
        parts.append(_Part((frozenset([terms]),), text))
    return parts


def _credit(
    name: str, url: str, ways: Sequence[frozenset[str]], known_as: KnownSource | None, table: LicenceTable
) -> str | None:
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
    name = terms.id or UNKNOWN
    note = f" {terms.note}" if terms.note else ""
    guessed = ""
    found = table.model_terms(model.model)
    if name == UNKNOWN and found:
        name, guessed = found, ", going by the model's name"
    ways = table.alternatives(name)
    if found and ways != table.alternatives(found):
        known = table.terms(found) or LicenceTerms()
        says = (
            f"the terms of its outputs are stated as {name} (commercial use: {terms.commercial}), but it is known to "
        )
        says += f"be under {found} (commercial use: {known.commercial}): which of them holds is unknown"
        return _Part(
            (), f"{who}: {says}.{note}", worst([terms.commercial, known.commercial]), named=(*ways, frozenset([found]))
        )
    if not ways:
        return _Part((), f"{who}: the terms of its outputs are unknown.{note}")
    stated = terms.commercial
    own = [table.terms(n) for way in ways for n in way]
    if stated == UNKNOWN and all(t is not None and t.commercial != UNKNOWN for t in own):
        stated = "yes"  # nothing was said beside a licence that is known
    allowed = best_permission(ways, table)
    commercial = worst([stated, allowed])
    says = f"the terms of its outputs are {name}{guessed}; commercial use of them: {commercial}"
    if terms.commercial == "yes" != allowed:
        says += f", as is known of {name}, though it is stated as 'yes'"
    binding = tuple(frozenset(n for n in way if (t := table.terms(n)) is None or t.limit) for way in ways)
    return _Part(binding, f"{who}: {says}{_limits(ways, table)}.{note}", commercial, named=ways)


def best_permission(ways: Sequence[frozenset[str]], table: LicenceTable) -> Permission:
    """What a licence with these ways of keeping it says of commercial use, at best."""
    verdicts: list[Permission] = [worst((table.terms(n) or LicenceTerms()).commercial for n in way) for way in ways]
    return min(verdicts, key=("yes", "unknown", "no").index)


def commercial_use(licence: str) -> Permission:
    """Whether a licence allows commercial use, by the table of known licences."""
    table = licence_table()
    ways = table.alternatives(licence)
    return best_permission(ways, table) if ways else UNKNOWN


def _people(review: HumanReview | None) -> Iterator[_Part]:
    """What people corrected is theirs, and nobody has said that it is free to use."""
    if review is not None and review.corrected:
        yield _Part((), f"People corrected {review.corrected} answers: nobody has stated under which licence.")


def _limits(ways: Sequence[frozenset[str]], table: LicenceTable) -> str:
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
    return "".join(sentences)


def one_line(sentence: str) -> str:
    return clean_text(" ".join(sentence.split()), one_line=True)
