"""`checks`: judges by rules, without a model. It answers what `judge.accept` asks, and nothing else.

The rules (`measures.checks`) see the form of an answer and whether it gives the reference's answer, never whether it is
true. What they accept has no fault that they know; its reason says what it was held against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from bezoar_data._version import __version__
from bezoar_data.config.files.models import Model, OutputLicence, Price
from bezoar_data.llms.providers.base import Completion, Provider, Refusal, Request
from bezoar_data.llms.providers.common.material import material_of
from bezoar_data.measures.checks.verdict import RuleVerdict, judge

_WANTED = {"reason", "rating", "status"}


class Checks(Provider):
    """Judges by rules. Asks nobody, costs nothing, and says the same of the same answer everywhere."""

    kind: ClassVar[str] = "checks"
    revision: ClassVar[str | None] = __version__
    needs_network: ClassVar[bool] = False
    rules: ClassVar[bool] = True
    answers: ClassVar[frozenset[str] | None] = frozenset({"judge.accept"})

    @classmethod
    def as_asked(cls, model: Model) -> Model:
        nobodys = OutputLicence(id="CC0-1.0", commercial="yes", note="Rules, no model.")
        return model.model_copy(update={"price": Price(input=0, output=0, read=date.min), "output_licence": nobodys})

    async def complete(self, request: Request) -> Sequence[Completion]:
        material = read_material(request)
        verdict = judge(material["response"], material["instruction"], material.get("reference", ""))
        text = json.dumps(_as_asked(verdict, request.schema), ensure_ascii=False)
        return [Completion(text, "stop", 0, 0) for _ in request.samples]


def read_material(request: Request) -> Mapping[str, str]:
    """The pieces shown to a judge, by tag, as they were before they were escaped. Raises `Refusal`."""
    wanted = set((request.schema or {}).get("properties", _WANTED))
    pieces = material_of(request.messages) if wanted == _WANTED else None
    if pieces is None:
        raise Refusal(400, "checks judges by rules: it answers judge.accept, and nothing else")
    return pieces


def _as_asked(verdict: RuleVerdict, schema: Mapping[str, Any] | None) -> dict[str, object]:
    """The verdict on the scale of the rubric, whose worst rating rejects and whose best accepts."""
    scale = (schema or {}).get("properties", {}).get("rating", {}).get("enum", range(1, 6))
    worst, best = min(scale), max(scale)
    if verdict.status == "Accept":
        rating = max(worst + 1, best - (5 - verdict.rating))
    else:
        rating = min(worst + verdict.rating - 1, best - 2 if best - worst > 1 else worst)
    return {"reason": verdict.reason, "rating": rating, "status": verdict.status}
