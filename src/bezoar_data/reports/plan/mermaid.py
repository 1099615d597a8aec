"""A plan's DAG as a Mermaid flowchart, for a README or a notebook."""

from __future__ import annotations

from bezoar_data.config.sanitize import clean_text
from bezoar_data.plan.result import Plan, PlannedStep
from bezoar_data.reports.plan.text import money, number, rows


def plan_mermaid(plan: Plan) -> str:
    """The flowchart. A step that waits for all rows has a double border."""
    lines = ["flowchart TD"]
    names = {step.id: f"s{i}" for i, step in enumerate(plan.steps)}
    for step in plan.steps:
        left, right = ("[[", "]]") if step.waits else ("([", "])") if step.kind == "source" else ("[", "]")
        lines.append(f'  {names[step.id]}{left}"{_label(step)}"{right}')
    lines += [f"  {names[before]} --> {names[after]}" for before, after in plan.edges]
    return "\n".join(lines)


def _label(step: PlannedStep) -> str:
    parts = [step.id, rows(step)]
    for use in step.models:
        cost = f", {money(use.cost)}" if use.cost is not None and use.cost.high else ""
        parts.append(f"{use.role}: {number(use.requests, 'requests')}{cost}")
    # Mermaid reads quotation marks and markup in labels as its own.
    plain = (clean_text(part).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") for part in parts)
    return "<br>".join(plain)
