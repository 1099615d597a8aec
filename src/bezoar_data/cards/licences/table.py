"""The table of known licences, sources and models (`terms.yaml`), with what a card adds of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bezoar_data.config.files.licence_terms import LicenceTerms

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
        """This table with a card's `bezoar: terms:`, which have the last word."""
        added = {name: LicenceTerms.model_validate(terms) for name, terms in own.items()}
        return LicenceTable({**self.licences, **added}, self.aliases, self.sources, self.models)


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
