"""`train --plan`: the stages with their rows, tokens, steps and memory, and what is done already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezoar_data.training.planned import PlannedStage, Prepared


def plan_as_json(prepared: Prepared) -> dict[str, Any]:
    """The plan as plain values."""
    file = prepared.recipe.file
    return {
        "ok": True,
        "recipe": file.name,
        "folder": str(prepared.folder.path),
        "base": file.base.name or "made by the recipe",
        "weights": prepared.model_config.weights if prepared.model_config is not None else None,
        "stages": [_stage(prepared, planned) for planned in prepared.stages],
        "warnings": list(prepared.warnings),
    }


def plan_text(prepared: Prepared) -> str:
    """The plan for people."""
    return "\n".join(_lines(plan_as_json(prepared)))


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    yield f"{plan['recipe']}: {len(plan['stages'])} stages into {plan['folder']}"
    weights = plan["weights"]
    known = f"{weights:,} weights" if weights else "on the Hub and not here: no estimates"
    yield f"base: {plan['base']}, {known}"
    for stage in plan["stages"]:
        yield f"{stage['id']}: {stage['use']}, from {stage['from']}{', done already' if stage['done'] else ''}"
        if stage["again"]:
            yield f"  trained again: {'; '.join(stage['again'])}"
        if stage["card"] is None:
            continue
        train, held_out = stage["rows"]["train"], stage["rows"]["validation"]
        yield f"  {stage['card']} build {stage['lock']}: {train['examples']:,} rows, {held_out['examples']:,} held out"
        if stage["passed_over"]:
            which = f"; taken are those for which {stage['where']}" if stage["where"] else ""
            yield f"  {stage['passed_over']:,} rows of its split passed over{which}"
        yield (
            f"  {train['tokens']:,} tokens an epoch, {train['learnt_tokens']:,} of them learnt; "
            f"{stage['steps']:,} steps of {stage['rows_per_step']} rows, {stage['epochs']:.1f} epochs"
        )
        yield f"  {stage['computed']}"
        yield from _estimates(stage["estimate"])
        for note in stage["notes"]:
            yield f"  {note}"
    for warning in plan["warnings"]:
        yield f"warning: {warning}"


def _estimates(estimate: Mapping[str, Any]) -> Iterator[str]:
    if estimate["memory"] is not None:
        parts = ", ".join(f"{name} {_size(size)}" for name, size in estimate["memory"].items())
        yield f"  about {_size(estimate['memory_bytes'])} at most, beside the program itself: {parts}"
    if estimate["seconds"] is not None:
        low, high = estimate["seconds"]
        yield f"  about {_time(low)} to {_time(high)} ({estimate['basis']})"
    elif estimate["memory"] is not None:
        yield f"  no estimate of time: {estimate['basis']}"


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _stage(prepared: Prepared, planned: PlannedStage) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": planned.stage.id,
        "use": planned.stage.use,
        "from": planned.start,
        "key": planned.key,
        "done": prepared.finished(planned) is not None,
        "again": list(planned.again),
        "card": None,
    }
    if (training := planned.training) is None:
        return value
    settings, estimate = training.settings, training.estimate
    return value | {
        "card": training.card.name,
        "lock": training.card.lock,
        "where": training.rows.where,
        "passed_over": training.rows.passed_over,
        "rows": {side: counted.as_json() for side, counted in training.examples.counts.items()},
        "steps": settings.steps,
        "rows_per_step": settings.rows_per_step,
        "epochs": settings.epochs(len(training.examples.train)),
        "notes": list(settings.notes),
        "computed": str(estimate.kernels),
        "speed": estimate.kernels.as_json(),
        "machine": estimate.machine.as_json(),
        "estimate": estimate.as_json(),
    }
