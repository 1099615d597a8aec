"""The models of a models file: who answers for which role, under which terms, at what price, and whether they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.llms.check_model import ModelCheck
from bezoar_data.llms.providers.base import builtin_class

_SHOWN = 20
"""Ids of a server's own list that are shown."""


@dataclass(frozen=True, slots=True)
class Answering:
    """A role, or one of its fallbacks, and the model that answers for it."""

    role: str
    model: Model

    def as_json(self) -> dict[str, Any]:
        model = self.model
        return {
            "role": self.role,
            "provider": model.provider,
            "model": model.model,
            "address": model.base_url,
            "price": None if model.price is None else model.price.model_dump(mode="json"),
            "output_licence": model.output_licence.model_dump(mode="json", exclude_none=True),
        }


def answering(roles: Mapping[str, Model]) -> list[Answering]:
    """Each role with its model and its fallbacks, at each of their endpoints, in the order of the file."""
    return [
        Answering(role if i == 0 else f"{role}, fallback {i}", _as_asked(there))
        for role, first in roles.items()
        for i, model in enumerate(first.fallback_chain())
        for there in model.at_each()
    ]


def _as_asked(model: Model) -> Model:
    """With what its kind knows of price and terms without being told."""
    kind = builtin_class(model.provider)
    return kind.as_asked(model) if kind is not None else model


def listed(models: Sequence[Answering]) -> str:
    """A line for each model."""
    rows = [(one.role, _name(one.model), price_of(one.model), terms_of(one.model)) for one in models]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    )


def checked(models: Sequence[Answering], checks: Sequence[ModelCheck]) -> str:
    """What came of asking each model, with the remedy where it did not answer."""
    lines: list[str] = []
    for one, check in zip(models, checks, strict=True):
        lines.append(f"{one.role}: {_name(one.model)}")
        if check.ok:
            tokens = "" if check.completion_tokens is None else f", {check.completion_tokens} tokens"
            cost = "" if not check.cost else f", ${check.cost:.6f}"
            lines.append(f"  answered {check.answer!r:.80} in {check.seconds:.1f} s{tokens}{cost}")
        lines += [f"  {problem.in_a_line()}" for problem in check.problems]
        if check.known:
            more = f" and {len(check.known) - _SHOWN} more" if len(check.known) > _SHOWN else ""
            lines.append(f"  its server has: {', '.join(check.known[:_SHOWN])}{more}")
        lines += [f"  price: {price_of(one.model)}", f"  terms of its answers: {terms_of(one.model)}"]
    return "\n".join(lines)


def price_of(model: Model) -> str:
    price = model.price
    if price is None:
        return "no price given"
    if not (price.input or price.output):
        return "free"
    return f"${price.input:g} in, ${price.output:g} out (read {price.read})"


def terms_of(model: Model) -> str:
    licence = model.output_licence
    if licence.id == "unknown":
        return "terms unknown"
    commercial = {"yes": "commercial use allowed", "no": "no commercial use"}.get(licence.commercial)
    return f"{licence.id}, {commercial or 'commercial use unknown'}"


def _name(model: Model) -> str:
    return f"{model.provider} {model.model}" + (f" at {model.base_url}" if model.base_url else "")
