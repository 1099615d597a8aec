"""What follows when things under several licences are made into one dataset.

The rules, each as cautious as it can be read:

- a licence that nobody knows leaves the whole unknown;
- one that forbids changes leaves no licence under which the dataset could be shared;
- share-alike licences name those under which what is made of them may be shared: the dataset's is one that all of them
  name; if there is none, they are in conflict. One that allows commerce cannot take in a part that forbids it;
- some cannot be part of what is shared under some others: Apache's terms do not fit into version 2 of the GPL;
- all others let each row stay under its own licence: the dataset's is all of them together (`MIT AND CC-BY-4.0`);
- commercial use is allowed where every part allows it, forbidden where one part forbids it, else unknown;
- a licence that allows it is not that of a dataset of which a part forbids it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

from bezoar_data.cards.licences.table import LicenceTable, Ways
from bezoar_data.config.files.licence_terms import LicenceTerms, Permission, best, worst

_ORDER: tuple[Permission, ...] = ("yes", "unknown", "no")
_MOST_WAYS = 256
"""Choices between `OR`s that are looked at; more than any real dataset has."""


@dataclass(frozen=True, slots=True)
class CombinedLicence:
    """The dataset's licence as an SPDX expression (None: unknown, or none is possible), and what stands against it."""

    expression: str | None
    commercial: Permission
    conflicts: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """The expressions of all choices that the parts leave (`A OR B`), this one among them if it is known."""

    def given(self, verdict: Permission, table: LicenceTable) -> CombinedLicence:
        """With what was said of commercial use beside the licences: if that forbids it, none that allows it holds."""
        forbidden = verdict == "no"
        choices = [c for c in self.choices if not forbidden or best_permission(table.alternatives(c), table) == "no"]
        expression = self.expression if self.expression in choices else None
        return replace(self, commercial=verdict, expression=expression, choices=tuple(choices))


def best_permission(ways: Ways, table: LicenceTable) -> Permission:
    """What a licence with these ways of keeping it says of commercial use, at best."""
    return best(permission(way, table) for way in ways)


def permission(way: frozenset[str], table: LicenceTable) -> Permission:
    """What licences that hold together say of commercial use."""
    return worst((table.terms(name) or LicenceTerms()).commercial for name in way)


def combine(parts: Sequence[Ways], table: LicenceTable) -> CombinedLicence:
    """The outcome for parts with the ways in which each one's licence can be kept: the best over all choices.

    A part without any way has an unknown licence, and with it the whole; `choices` are those of the other parts.
    """
    known = [ways for ways in parts if ways]
    choices = islice(product(*known), _MOST_WAYS)
    outcomes = [_joined(sorted(frozenset().union(*choice)), table) for choice in choices]
    outcomes.sort(key=lambda o: (len(o.conflicts), _ORDER.index(o.commercial), _asks(o.expression, table)))
    found = dict.fromkeys(o.expression for o in outcomes if o.expression is not None)
    if len(known) < len(parts) or not parts:
        commercial = worst([*(best_permission(ways, table) for ways in known), "unknown"])
        return CombinedLicence(None, commercial, choices=tuple(found))
    return replace(outcomes[0], choices=tuple(found))


def allowed_under(expression: str, ways: Ways, table: LicenceTable) -> str | None:
    """Why a dataset whose parts ask for `expression` may not be shared under a licence of these ways; None: it may.

    Whoever states `A OR B` lets everyone choose, so that each of them must be allowed.
    """
    for name in sorted(frozenset().union(*table.alternatives(expression))):
        terms = table.terms(name) or LicenceTerms()
        for way in ways:
            said = " and ".join(sorted(way))
            asked = [table.terms(n) for n in way]
            if terms.share_alike and not way & {*terms.share_alike}:
                return f"{name} asks that what is made of it is shared under {_either(terms.share_alike)}, not {said}"
            if terms.commercial == "no" and permission(way, table) != "no":
                return (
                    f"{name} forbids commercial use, and what is made of it must forbid it too, which {said} does not"
                )
            if (terms.attribution or terms.notice) and not any(t is None or t.attribution for t in asked):
                return f"{name} asks that its maker is named, which {said} does not ask of others"
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
        fit = [n for n in common if not any(n in t.apart for t in known.values())]
        if not common:
            conflicts.append(_no_common(strict, free))
        elif not fit:
            conflicts += [
                f"{name} and {n} cannot be joined" for name, t in known.items() for n in common if n in t.apart
            ]
        else:
            shared = next((n for n in fit if n in strict), fit[0])
            names = [shared, *(n for n in names if terms[n] is None or known[n].limit)]
    if conflicts:
        return CombinedLicence(None, worst([commercial, "unknown"]), tuple(conflicts))
    if len(known) < len(terms) or any(name in table.disputed for name in terms):
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
    """A share-alike licence may leave a choice of others: it is looked at with those."""
    pairs = ((name, other) for name, terms in known.items() for other in terms.apart if other in known)
    return [f"{name} and {other} cannot be joined" for name, other in pairs if not known[other].share_alike]


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


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
