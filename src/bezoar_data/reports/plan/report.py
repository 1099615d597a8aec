"""A plan for a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bezoar_data.plan.result import Plan, PlannedStep
from bezoar_data.reports.page import element, piece
from bezoar_data.reports.plan.mermaid import plan_mermaid
from bezoar_data.reports.plan.text import plan_text

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a run would ask, cost and write. `print` it; a notebook shows it by itself. `plan` holds the values."""

    plan: Plan

    @property
    def steps(self) -> Iterator[PlannedStep]:
        return iter(self.plan)

    def as_json(self) -> dict[str, Any]:
        return {"ok": True, **self.plan.as_json()}

    def as_text(self, width: int = _WIDTH) -> str:
        return plan_text(self.plan, width)

    def as_mermaid(self) -> str:
        """The steps as a Mermaid diagram."""
        return plan_mermaid(self.plan)

    def __str__(self) -> str:
        return self.as_text()

    def _repr_html_(self) -> str:
        return piece(element("pre", self.as_text()))
