"""The table of known licences, sources and models (`terms.yaml`), with what a card adds of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from bezoar_data.config.files.licence_names import in_spdx
from bezoar_data.config.files.licence_terms import LicenceTerms, Permission, worst

Ways = tuple[frozenset[str], ...]
"""The ways in which a licence can be kept: in each, all the licences named. None: it is unknown."""

_SPDX = "https://spdx.org/licenses/"
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
    """Other spellings of these names, in lower case."""
    sources: Mapping[str, KnownSource]
    """By their Hub id, in lower case."""
    models: Sequence[tuple[re.Pattern[str], str]]
    disputed: Mapping[str, str] = field(default_factory=dict)
    """Licences of which a card says less than is known: both statements, as half a sentence."""

    def terms(self, name: str) -> LicenceTerms | None:
        return self.licences.get(name)

    def source(self, name: str) -> KnownSource | None:
        return self.sources.get(name.lower())

    def model_terms(self, model: str) -> str | None:
        """The name of the terms that hold for a model's answers, going by its id."""
        return next((terms for pattern, terms in self.models if pattern.search(model)), None)

    def alternatives(self, expression: str) -> Ways:
        """The ways in which a licence expression can be kept; none where it cannot be read, or states nothing.

        `A OR B` gives two ways, `A AND B` one. Names are SPDX's, as far as SPDX has them.
        """
        spelled = re.sub(r"(?<=[A-Za-z0-9.]) (?=(BY|SA|NC|ND|[0-9])\b)", "-", expression.strip())
        if spelled.lower() in _UNSTATED:
            return ()
        named = re.sub(r"[^\s()]+", lambda word: self.aliases.get(word[0].lower(), word[0]), spelled)
        return _ways(named)

    def link(self, expression: str) -> str | None:
        """Where a licence stands; of an expression, where the first of its parts stands that SPDX does not have, else
        SPDX's list. None: nobody knows."""
        names = sorted(frozenset().union(*self.alternatives(expression)))
        own = [name for name in names if name.startswith("LicenseRef-") or not in_spdx(name)]
        if own or not names:
            return next((terms.url for name in own if (terms := self.terms(name)) and terms.url), None)
        return f"{_SPDX}{names[0]}.html" if len(names) == 1 else _SPDX

    def stated_and_known(self, stated: str, known: str) -> Ways:
        """The ways of a licence that somebody states for what is known to be under another; none where the statement
        leaves out what is known: which of them holds is unknown."""
        ways, kept = self.alternatives(stated), self.alternatives(known)
        return ways if all(any(way >= one for one in kept) for way in ways) else ()

    def with_own(self, own: Mapping[str, Any]) -> LicenceTable:
        """This table with a card's `bezoar: terms:`. They may add to what is known of a licence and ask for more, and
        never for less: then it is `disputed`, and nothing follows from it."""
        licences, aliases, disputed = dict(self.licences), dict(self.aliases), dict(self.disputed)
        for written, given in own.items():
            ways = self.alternatives(written)
            name = next(iter(ways[0])) if len(ways) == 1 and len(ways[0]) == 1 else written
            terms, known = LicenceTerms.model_validate(given), licences.get(name)
            aliases.setdefault(name.lower(), name)
            if known is None:
                licences[name] = terms
                continue
            licences[name] = _strictest(known, terms)
            if against := list(_against(known, terms)):
                said, holds = ("; ".join(one) for one in zip(*against, strict=True))
                disputed[name] = f"the card says of {name}: {said}; known of it is: {holds}; which holds is unknown"
        return replace(self, licences=licences, aliases=aliases, disputed=disputed)


def _against(known: LicenceTerms, own: LicenceTerms) -> Iterator[tuple[str, str]]:
    """Where a card asks for less than what is known, or says the opposite: what it says, and what is known."""
    said = own.model_fields_set
    # A licence whose text allows commerce is another one where it is forbidden, and must not go by its name.
    opposite = (known.commercial, own.commercial) == ("yes", "no")
    if "commercial" in said and (opposite or worst([known.commercial, own.commercial]) != own.commercial):
        yield f"commercial use: {own.commercial}", f"commercial use: {known.commercial}"
    if "attribution" in said and known.attribution and not own.attribution:
        yield "nobody has to be named", "its maker has to be named"
    if "duties" in said and known.duties and not own.duties:
        yield "nothing has to be kept", "a notice at least has to be kept"
    if "changes" in said and own.changes and not known.changes:
        yield "what is made of it may be shared", "what is made of it may not be shared"
    if "share_alike" in said and known.share_alike and not _narrower(own.share_alike, known.share_alike):
        free = f"it is shared under {' or '.join(own.share_alike) or 'any licence'}"
        yield free, f"it is shared under {' or '.join(known.share_alike)}"
    if "apart" in said and not {*own.apart} >= {*known.apart}:
        yield "it can be joined with anything", f"it cannot be joined with {' or '.join(known.apart)}"
    if "limit" in said and known.limit and not own.limit:
        yield "its terms limit nothing else", f"its terms {known.limit}"
    if "notice" in said and known.notice and own.notice != known.notice:
        yield f"what has to be shown: {own.notice or 'nothing'}", f"what has to be shown: {known.notice}"


def _strictest(known: LicenceTerms, own: LicenceTerms) -> LicenceTerms:
    """What is known, and what a card asks for beyond it."""
    said = own.model_fields_set
    verdicts: list[Permission] = [known.commercial, own.commercial if "commercial" in said else "yes"]
    if any(_against(known, own)):
        verdicts.append("unknown")
    shared = tuple(n for n in known.share_alike if n in own.share_alike) or known.share_alike or own.share_alike
    limits = [limit for limit in (known.limit, own.limit) if limit]
    return known.model_copy(
        update={
            "commercial": worst(verdicts),
            "attribution": known.attribution or own.attribution,
            "share_alike": shared,
            "changes": known.changes and own.changes,
            "duties": known.duties or ("duties" in said and own.duties),
            "apart": tuple(dict.fromkeys([*known.apart, *own.apart])),
            "limit": ", and ".join(dict.fromkeys(limits)),
            "notice": known.notice or own.notice,
            "url": known.url or own.url,
            "read": known.read or own.read,
            "copy_read": known.copy_read or own.copy_read,
        }
    )


def _narrower(own: Sequence[str], known: Sequence[str]) -> bool:
    return bool(own) and {*own} <= {*known}


@cache
def _ways(expression: str) -> Ways:
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
    names = {name.lower(): name for name in table["licences"]}
    return LicenceTable(
        licences={name: LicenceTerms.model_validate(terms) for name, terms in table["licences"].items()},
        aliases={**names, **table["aliases"]},
        sources={name.lower(): _source(**values) for name, values in table["sources"].items()},
        models=tuple((re.compile(m["pattern"], re.IGNORECASE), m["terms"]) for m in table["models"]),
    )


def _source(licence: str, by: str, made_with: Sequence[str] = (), parts: bool = False) -> KnownSource:
    return KnownSource(licence, by, tuple(made_with), parts)
