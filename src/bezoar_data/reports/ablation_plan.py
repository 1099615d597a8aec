"""`ablate --plan`: what all variants ask together, how much is trained and evaluated, and what that can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.ablation import AblationFile
from bezoar_data.measures.over_seeds import AGAIN, SEED_SPREAD, smallest_effect
from bezoar_data.measures.paired import DISCORDANT
from bezoar_data.plan.interval import Interval, total
from bezoar_data.plan.result import Plan
from bezoar_data.reports.plan.text import money, number
from bezoar_data.reports.table import rendered


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """What running an ablation would ask, cost and take. `print` it."""

    file: AblationFile
    plans: Mapping[str, Sequence[Plan]]
    """Of each variant, one for each seed of the data: what it asks beside what those before it have asked."""
    changes: Mapping[str, str]
    stages: int
    """Stages of one training."""
    tasks: Sequence[Mapping[str, Any]]
    max_cost: float | None

    @property
    def trainings(self) -> int:
        return len(self.plans) * len(self.file.seeds)

    @property
    def requests(self) -> Interval | None:
        """To send for all variants."""
        each = [plan.requests for plans in self.plans.values() for plan in plans]
        return None if None in each else total(one for one in each if one is not None)

    @property
    def cost(self) -> Interval | None:
        each = [plan.cost for plans in self.plans.values() for plan in plans]
        return None if None in each else total(one for one in each if one is not None)

    @property
    def comparisons(self) -> int:
        """Which are corrected for each other."""
        return len(self.file.variants) * len(self.tasks)

    def shows(self, task: Mapping[str, Any]) -> float | None:
        """The smallest true difference that the task shows four times in five."""
        return smallest_effect(task["items"], len(self.file.seeds), comparisons=self.comparisons)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "name": self.file.name,
            "variants": {
                name: {"change": self.changes[name], "data": [plan.as_json() for plan in plans]}
                for name, plans in self.plans.items()
            },
            "requests": _json(self.requests),
            "cost": _json(self.cost),
            "trainings": self.trainings,
            "stages": self.trainings * self.stages,
            "evaluations": self.trainings,
            "tasks": [
                {"task": task["task"], "items": task["items"], "smallest_difference": self.shows(task)}
                for task in self.tasks
            ],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        file = self.file
        yield f"{file.name}{f': {file.description}' if file.description else ''}"
        yield ""
        table = [["variant", "what", "rows", "requests to send", "cost"]]
        for name, plans in self.plans.items():
            rows = None if any(p.rows is None for p in plans) else plans[0].rows
            asked = [p.requests for p in plans if p.requests is not None]
            costs = [p.cost for p in plans if p.cost is not None]
            table.append([
                name, self.changes[name], number(rows),
                number(total(asked)) if len(asked) == len(plans) else "unknown",
                money(total(costs)) if len(costs) == len(plans) else "unknown",
            ])  # fmt: skip
        yield from rendered(table, markdown=False)
        yield ""
        yield f"  requests     {number(self.requests, 'to send')}: a question that several variants ask is asked once"
        yield f"  cost         {money(self.cost) if self.cost is not None else 'unknown: see `bezoar-data plan`'}"
        if self.max_cost is not None:
            yield f"  budget       ${self.max_cost:,.4g} for all variants together"
        seeds = f"{len(self.plans)} variants x {len(file.seeds)} seeds"
        stages = f", {self.stages} stages each" if self.stages > 1 else ""
        yield f"  trainings    {self.trainings:,} ({seeds}{stages}); variants with the same rows share theirs"
        yield f"  evaluations  {self.trainings:,}, on {', '.join(str(task['task']) for task in self.tasks)}"
        yield ""
        table = [["task", "items", "shows a difference from"]]
        for task in self.tasks:
            shows = self.shows(task)
            table.append([task["task"], f"{task['items']:,}", f"{shows:.3f}" if shows is not None else "nothing"])
        yield from rendered(table, markdown=False)
        yield ""
        yield (
            f"So large a true difference is found four times in five, corrected for {self.comparisons} comparisons, if "
            f"two models differ on {DISCORDANT:.0%} of the items, {AGAIN:.0%} of that with every seed again, and "
            f"trainings spread by {SEED_SPREAD}. All three are assumed."
        )
        if len(file.seeds) < 3:
            yield "With fewer than three seeds the luck of a training is hardly known: write more under 'seeds'."


def _json(value: Interval | None) -> dict[str, float] | None:
    return None if value is None else {"low": value.low, "likely": value.likely, "high": value.high}
