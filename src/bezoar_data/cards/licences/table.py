"""The table of known licences, sources and models (`terms.yaml`), with what a card adds of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from bezoar_data.config.files.licence_terms import LicenceTerms, Permission

_UNSTATED = frozenset(["", "unknown", "other", "none", "noassertion"])


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A well-known dataset of the Hub."""

    licence: str
    by: str
    made_with: tuple[str, ...] = ()
    """Terms of the models whose answers stand in it."""
    parts: bool = False
    """Whether it holds parts under licences of their own."""


@dataclass(frozen=True, slots=True)
class LicenceTable:
    """What is known: by licence, by source, by model."""

    licences: Mapping[str, LicenceTerms]
    aliases: Mapping[str, str]
    sources: Mapping[str, KnownSource]
    models: Sequence[tuple[re.Pattern[str], str]]
    loosened: Mapping[str, str] = field(default_factory=dict)
    """By licence what a card says of it against what is known, as a sentence that names both statements."""

    def terms(self, name: str) -> LicenceTerms | None:
        return self.licences.get(name)

    def model_terms(self, model: str) -> str | None:
        """The name of the terms that hold for a model's answers, going by its id."""
        return next((terms for pattern, terms in self.models if pattern.match(model)), None)

    def alternatives(self, expression: str) -> tuple[frozenset[str], ...]:
        """The ways in which a licence expression can be kept: in each, all the licences named. None where it cannot be
        read, or states nothing.

        `A OR B` gives two ways, `A AND B` one. Names are SPDX's, as far as SPDX has them.
        """
        spelled = re.sub(r"(?<=[A-Za-z0-9.]) (?=(BY|SA|NC|ND|[0-9])\b)", "-", expression.strip())
        if spelled.lower() in _UNSTATED:
            return ()
        named = re.sub(r"[^\s()]+", lambda word: self.aliases.get(word[0].lower(), word[0]), spelled)
        return _ways(named)

    def with_own(self, own: Mapping[str, Any]) -> LicenceTable:
        """This table with a card's `bezoar: terms:`. Of a licence that is known they may ask for more, never for less:
        what they leave out of it stands, and is told as `loosened`."""
        added, loosened = dict(self.licences), {}
        for name, values in own.items():
            stated = LicenceTerms.model_validate(values)
            # By whatever name the card calls it: `cc-by-nc-4.0` is CC-BY-NC-4.0.
            ways = self.alternatives(name)
            known_as = next(iter(ways[0])) if len(ways) == 1 and len(ways[0]) == 1 else name
            known = self.licences.get(known_as)
            added[known_as] = stated if known is None else _stricter(known, stated)
            if known is not None and (looser := list(_looser(known, stated))):
                here, there = (", ".join(said) for said in zip(*looser, strict=True))
                loosened[known_as] = f"the card says of {known_as} {here}; known is {there}"
        return replace(self, licences=added, loosened=loosened)


_WORSE: Mapping[Permission, int] = {"yes": 0, "unknown": 1, "no": 2}


def _stricter(known: LicenceTerms, stated: LicenceTerms) -> LicenceTerms:
    """All that either of two statements about one licence asks for."""
    both = [names for names in (known.share_alike, stated.share_alike) if names]
    said = stated.model_dump(include={"url", "read", "copy_read"} & stated.model_fields_set)
    commercial = stated.commercial if "commercial" in stated.model_fields_set else known.commercial
    return known.model_copy(
        update={
            **said,
            "commercial": max(known.commercial, commercial, key=_WORSE.__getitem__),
            "attribution": known.attribution or stated.attribution,
            "share_alike": tuple(name for name in both[0] if all(name in names for names in both)) if both else (),
            "changes": known.changes and stated.changes,
            "duties": known.duties or (stated.duties and "duties" in stated.model_fields_set),
            "apart": tuple(dict.fromkeys((*known.apart, *stated.apart))),
            "limit": ", and ".join(dict.fromkeys(limit for limit in (known.limit, stated.limit) if limit)),
        }
    )


def _looser(known: LicenceTerms, stated: LicenceTerms) -> Iterator[tuple[str, str]]:
    """What a statement leaves out of what is known of a licence: as stated, and as known."""
    for name in sorted(stated.model_fields_set - {"url", "read", "copy_read"}):
        here, there = getattr(stated, name), getattr(known, name)
        if name == "commercial":
            less = _WORSE[here] < _WORSE[there]
        elif name == "changes":
            less = here and not there
        elif name == "share_alike":
            less = bool(there) and not {*here} <= {*there}
        else:
            less = bool(there) and not here
        if less:
            yield f"{name}: {_spelled(here)}", f"{name}: {_spelled(there)}"


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


@cache
def _ways(expression: str) -> tuple[frozenset[str], ...]:
    from license_expression import ExpressionError, get_spdx_licensing

    licensing = get_spdx_licensing()
    try:
        parsed = licensing.parse(expression, validate=False)
    except ExpressionError:
        return ()
    if parsed is None:
        return ()
    normal = licensing.dnf(parsed)
    ways = normal.args if isinstance(normal, licensing.OR) else (normal,)
    return tuple(frozenset(str(s) for s in (w.args if isinstance(w, licensing.AND) else (w,))) for w in ways)


@cache
def licence_table() -> LicenceTable:
    """The shipped table."""
    from ruamel.yaml import YAML

    table = YAML(typ="safe", pure=True).load(files(__package__).joinpath("terms.yaml").read_text("utf-8"))
    return LicenceTable(
        licences={name: LicenceTerms.model_validate(terms) for name, terms in table["licences"].items()},
        aliases=table["aliases"],
        sources={name: _source(**values) for name, values in table["sources"].items()},
        models=tuple((re.compile(m["pattern"], re.IGNORECASE), m["terms"]) for m in table["models"]),
    )


def _source(licence: str, by: str, made_with: Sequence[str] = (), parts: bool = False) -> KnownSource:
    return KnownSource(licence, by, tuple(made_with), parts)
