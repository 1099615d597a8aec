"""`train --plan`: the stages with their rows, tokens, steps and memory, and what is done already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bezoar_data.config.words import many, size_of, time_of

if TYPE_CHECKING:
    from bezoar_data.training.data.datasets import StageCard
    from bezoar_data.training.data.examples import StageRows
    from bezoar_data.training.planned import PlannedStage, Prepared, ReadRecipe


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


def rows_as_json(read: ReadRecipe, missing: Sequence[str]) -> dict[str, Any]:
    """What is known of the plan where packages are missing: no tokens, steps and estimates, no keys."""
    file = read.recipe.file
    unchecked = "tokens, steps, memory, what is done already, the base, the template, the trainers' settings"
    return {
        "ok": True,
        "recipe": file.name,
        "folder": str(read.folder.path),
        "base": file.base.name or "made by the recipe",
        "weights": None,
        "stages": [
            {"id": stage.id, "use": stage.use, "from": file.start(i), **_rows(read.cards.get(i), read.rows.get(i))}
            for i, stage in enumerate(file.stages)
        ],
        "warnings": [
            f"not checked: {unchecked}: training needs {', '.join(missing)} (pip install 'bezoar-data[train]')",
        ],
    }


def plan_text(plan: Mapping[str, Any]) -> str:
    """The plan for people."""
    return "\n".join(_lines(plan))


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    yield f"{plan['recipe']}: {many(len(plan['stages']), 'stage')} into {plan['folder']}"
    weights = plan["weights"]
    tried = any("key" in stage for stage in plan["stages"])
    known = f"{weights:,} weights" if weights else "on the Hub and not here: no estimates" if tried else "not looked at"
    yield f"base: {plan['base']}, {known}"
    for stage in plan["stages"]:
        yield f"{stage['id']}: {stage['use']}, from {stage['from']}{', done already' if stage.get('done') else ''}"
        if stage.get("again"):
            yield f"  trained again: {'; '.join(stage['again'])}"
        if stage["card"] is not None:
            yield from _of_training(stage)
    for warning in plan["warnings"]:
        yield f"warning: {warning}"


def _of_training(stage: Mapping[str, Any]) -> Iterator[str]:
    train, held_out = (side.get("examples", side["rows"]) for side in stage["rows"].values())
    yield f"  {stage['card']} build {stage['lock']}: {many(train, 'row')}, {held_out:,} held out"
    if stage["passed_over"]:
        which = f"; taken are those for which {stage['where']}" if stage["where"] else ""
        yield f"  {many(stage['passed_over'], 'row')} of its split skipped{which}"
    if "steps" in stage:
        train = stage["rows"]["train"]
        yield (
            f"  {train['tokens']:,} tokens an epoch, {train['learnt_tokens']:,} of them learnt; "
            f"{stage['steps']:,} steps of {many(stage['rows_per_step'], 'row')}, {stage['epochs']:.1f} epochs"
        )
        yield f"  {stage['computed']}"
        yield from _estimates(stage["estimate"])
    for note in stage["notes"]:
        yield f"  {note}"


def _estimates(estimate: Mapping[str, Any]) -> Iterator[str]:
    if estimate["memory"] is not None:
        parts = ", ".join(f"{name} {size_of(size)}" for name, size in estimate["memory"].items())
        yield f"  about {size_of(estimate['memory_bytes'])} at most, beside the program itself: {parts}"
    if estimate["seconds"] is not None:
        low, high = estimate["seconds"]
        yield f"  about {time_of(low)} to {time_of(high)} ({estimate['basis']})"
    elif estimate["memory"] is not None:
        yield f"  no estimate of time: {estimate['basis']}"


def _stage(prepared: Prepared, planned: PlannedStage) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": planned.stage.id,
        "use": planned.stage.use,
        "from": planned.start,
        "key": planned.key,
        "done": prepared.finished(planned) is not None,
        "again": list(planned.again),
    }
    if (training := planned.training) is None:
        return value | _rows(None, None)
    settings, estimate = training.settings, training.estimate
    return value | {
        **_rows(training.card, training.rows),
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


def _rows(card: StageCard | None, rows: StageRows | None) -> dict[str, Any]:
    """The rows of a stage, as far as nobody has made examples of them."""
    if card is None or rows is None:
        return {"card": None}
    return {
        "card": card.name,
        "lock": card.lock,
        "where": rows.where,
        "passed_over": rows.passed_over,
        "rows": {"train": {"rows": len(rows.train)}, "validation": {"rows": len(rows.held_out)}},
        "notes": list(rows.notes),
    }
