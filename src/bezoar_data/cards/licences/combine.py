"""What follows when things under several licences are made into one dataset.

The rules, each as cautious as it can be read:

- a licence that nobody knows leaves the whole unknown;
- one that forbids changes leaves no licence under which the dataset could be shared;
- share-alike licences name those under which what is made of them may be shared: the dataset's is one that all of them
  name; if there is none, they are in conflict. One that allows commerce cannot take in a part that forbids it;
- all others let each row stay under its own licence: the dataset's is all of them together (`MIT AND CC-BY-4.0`);
- commercial use is allowed where every part allows it, forbidden where one part forbids it, else unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, product

from bezoar_data.cards.licences.table import LicenceTable
from bezoar_data.config.files.licence_terms import LicenceTerms, Permission

_WORSE: dict[Permission, int] = {"yes": 0, "unknown": 1, "no": 2}
_MOST_WAYS = 256
"""Choices between `OR`s that are looked at; more than any real dataset has."""


@dataclass(frozen=True, slots=True)
class CombinedLicence:
    """The dataset's licence as an SPDX expression (None: unknown, or none is possible), and what stands against it."""

    expression: str | None
    commercial: Permission
    conflicts: tuple[str, ...] = ()


def worst(verdicts: Iterable[Permission]) -> Permission:
    """The least permissive of some verdicts on commercial use; `yes` where nothing was said against it."""
    return max(verdicts, key=_WORSE.__getitem__, default="yes")


def combine(parts: Sequence[Sequence[frozenset[str]]], table: LicenceTable) -> CombinedLicence:
    """The outcome for parts with the ways in which each one's licence can be kept: the best over all choices.

    A part without any way has an unknown licence.
    """
    if not parts or not all(parts):
        stated = [min((_verdict(way, table) for way in ways), key=_WORSE.__getitem__) for ways in parts if ways]
        return CombinedLicence(None, worst([*stated, "unknown"]))
    choices = islice(product(*parts), _MOST_WAYS)
    outcomes = [_joined(sorted(frozenset().union(*choice)), table) for choice in choices]
    return min(outcomes, key=lambda o: (len(o.conflicts), _WORSE[o.commercial], _asks(o.expression, table)))


def allowed_under(expression: str, ways: Sequence[frozenset[str]], table: LicenceTable) -> str | None:
    """Why a dataset whose parts ask for `expression` may not be shared under a licence of these ways; None: it may."""
    for name in sorted(frozenset().union(*table.alternatives(expression))):
        terms = table.terms(name) or LicenceTerms()
        if terms.share_alike and not any(way & {*terms.share_alike} for way in ways):
            return f"{name} asks that what is made of it is shared under {_either(terms.share_alike)}"
        if terms.commercial == "no" and not any(_verdict(way, table) == "no" for way in ways):
            return f"{name} forbids commercial use, and what is made of it must forbid it too"
    return None


def _joined(names: Sequence[str], table: LicenceTable) -> CombinedLicence:
    terms = {name: table.terms(name) for name in names}
    known = {name: t for name, t in terms.items() if t is not None}
    commercial = worst(t.commercial if t else "unknown" for t in terms.values())
    conflicts = [*_no_changes(known), *_apart(known)]
    strict = {name: t for name, t in known.items() if t.share_alike}
    if strict:
        common = [
            n for n in next(iter(strict.values())).share_alike if all(n in t.share_alike for t in strict.values())
        ]
        free = [n for n in known if known[n].commercial == "no" and n not in strict]
        common = [n for n in common if not free or _forbids(n, table)] if common else common
        if not common:
            conflicts.append(_no_common(strict, free))
        else:
            best = next((n for n in common if n in strict), common[0])
            names = [best, *(n for n in names if terms[n] is None or known[n].limit)]
    if conflicts:
        return CombinedLicence(None, worst([commercial, "unknown"]), tuple(conflicts))
    if len(known) < len(terms):
        return CombinedLicence(None, worst([commercial, "unknown"]))
    duties = [name for name in names if table.licences[name].duties] or list(names[:1])
    return CombinedLicence(" AND ".join(sorted(set(duties))) or None, commercial)


def _no_changes(known: dict[str, LicenceTerms]) -> list[str]:
    return [
        f"{name} does not allow changed versions to be shared, and this is one"
        for name, terms in known.items()
        if not terms.changes
    ]


def _apart(known: dict[str, LicenceTerms]) -> list[str]:
    pairs = ((name, other) for name, terms in known.items() for other in terms.apart if other in known)
    return [f"{name} and {other} cannot be joined" for name, other in pairs]


def _no_common(strict: dict[str, LicenceTerms], free: Sequence[str]) -> str:
    asked = "; ".join(f"{name} asks for {_either(terms.share_alike)}" for name, terms in strict.items())
    against = f"; {_and(free)} forbids commercial use, which none of these can take in" if free else ""
    return f"no licence satisfies all share-alike terms: {asked}{against}"


def _asks(expression: str | None, table: LicenceTable) -> tuple[bool, bool, str]:
    """How much a licence asks for: an unknown one most, one with share-alike more than one without."""
    names = frozenset().union(*table.alternatives(expression or ""))
    return expression is None, any((table.terms(n) or LicenceTerms()).share_alike for n in names), expression or ""


def _forbids(name: str, table: LicenceTable) -> bool:
    terms = table.terms(name)
    return terms is not None and terms.commercial == "no"


def _verdict(way: frozenset[str], table: LicenceTable) -> Permission:
    return worst((table.terms(name) or LicenceTerms()).commercial for name in way)


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
