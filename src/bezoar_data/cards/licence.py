"""What a card says of the data's licence: the result, a verdict on commercial use, and the reasons in plain sentences.

The result is `unknown` unless the card's author states one, and then it is said to be the author's word. Nothing is
concluded here from the terms of sources and models: they are listed, so that a reader can judge. `unknown` is a real
answer, and never turns into `yes` because a fact is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bezoar_data.spec.clean import clean_text

UNKNOWN: Literal["unknown"] = "unknown"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence with its reasons: plain sentences, without markup."""

    result: str
    commercial: Literal["yes", "no", "unknown"]
    reasons: tuple[str, ...]
    stated: bool
    """Whether the card's author stated it."""


def licence_of(lock: Mapping[str, Any], stated: Any) -> Licence:
    """The licence of a dataset. `stated` is the `license` of the card's author: a name, a list of names, or None."""
    names = [str(n) for n in (stated if isinstance(stated, list) else [stated]) if n not in (None, UNKNOWN)]
    terms = [*map(_source_terms, lock["sources"]), *map(_model_terms, lock["models"])]
    if names:
        result = ", ".join(names)
        first = f"{result}, as stated by the card's author; it was not checked against the terms below."
        return Licence(clean_text(result, one_line=True), UNKNOWN, (_line(first), *terms), stated=True)
    first = "Nobody has stated a licence for this data, so it is unknown."
    last = "How these terms combine has not been worked out, so commercial use is unknown."
    return Licence(UNKNOWN, UNKNOWN, (first, *terms, last), stated=False)


def _source_terms(source: Mapping[str, Any]) -> str:
    licence = source["licence"]
    says = f"its licence is stated as {licence}." if licence else "nobody has stated its licence."
    return _line(f"Source {source['name']}: {says}")


def _model_terms(model: Mapping[str, Any]) -> str:
    terms = model["output_licence"]
    name = terms.get("id") or UNKNOWN
    if name == UNKNOWN:
        says = "the terms of its outputs are unknown."
    else:
        says = f"the terms of its outputs are {name}; commercial use of them: {terms.get('commercial') or UNKNOWN}."
    note = f" {terms['note']}" if terms.get("note") else ""
    return _line(f"Model {model['model']} ({model['role']}): {says}{note}")


def _line(sentence: str) -> str:
    return clean_text(" ".join(sentence.split()), one_line=True)
