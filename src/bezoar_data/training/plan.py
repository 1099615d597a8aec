"""`train --plan`: the stages with their rows, tokens, steps and memory, and what is done already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bezoar_data.spec.recipe_file import LoadedRecipe
from bezoar_data.training.settings import with_defaults

if TYPE_CHECKING:
    from bezoar_data.training.chain import Planned
    from bezoar_data.training.train import Prepared


def plan_as_json(prepared: Prepared) -> dict[str, Any]:
    """The plan as plain values."""
    file = prepared.recipe.file
    return {
        "ok": True,
        "recipe": file.name,
        "folder": str(prepared.folder.path),
        "base": file.base.model or "made by the recipe",
        "weights": _weights(prepared.recipe),
        "weights_bytes": weights_bytes(prepared.recipe),
        "stages": [_stage(prepared, planned) for planned in prepared.stages],
        "warnings": list(prepared.warnings),
    }


def plan_text(prepared: Prepared) -> str:
    """The plan for people."""
    return "\n".join(_lines(plan_as_json(prepared)))


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    yield f"{plan['recipe']}: {len(plan['stages'])} stages into {plan['folder']}"
    weights, size = plan["weights"], plan["weights_bytes"]
    known = (
        f", {weights:,} weights, {size / 2**20:,.1f} MiB loaded" if weights and size else ", its size is not known here"
    )
    yield f"base: {plan['base']}{known}"
    for stage in plan["stages"]:
        yield f"{stage['id']}: {stage['use']}, from {stage['from']}{', done already' if stage['done'] else ''}"
        if stage["card"] is None:
            continue
        train, held_out = stage["rows"]["train"], stage["rows"]["validation"]
        yield f"  {stage['card']} build {stage['lock']}: {train['examples']:,} rows, {held_out['examples']:,} held out"
        yield (
            f"  {train['tokens']:,} tokens an epoch, {train['learnt_tokens']:,} of them learnt; "
            f"{stage['steps']:,} steps of {stage['rows_per_step']} rows, {stage['epochs']:.1f} epochs"
        )
        for note in stage["notes"]:
            yield f"  {note}"
    for warning in plan["warnings"]:
        yield f"warning: {warning}"


def _stage(prepared: Prepared, planned: Planned) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": planned.stage.id,
        "use": planned.stage.use,
        "from": planned.start,
        "key": planned.key,
        "done": prepared.finished(planned) is not None,
        "card": None,
    }
    if planned.card is None or planned.examples is None or planned.settings is None:
        return value
    full = with_defaults(planned.stage.use, planned.settings.given)
    batch = full["per_device_train_batch_size"] * full["gradient_accumulation_steps"]
    rows = {side: counted.as_json() for side, counted in planned.examples.counts.items()}
    steps = planned.settings.steps
    return value | {
        "card": planned.card.name,
        "lock": planned.card.lock,
        "rows": rows,
        "steps": steps,
        "rows_per_step": batch,
        "epochs": steps * batch / len(planned.examples.train),
        "notes": list(planned.settings.notes),
    }


def _weights(recipe: LoadedRecipe) -> int | None:
    """How many weights the base has, from its shape alone; None where the shape is not here."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

    base = recipe.file.base
    if base.make is not None:
        config = LlamaConfig(**base.make.model_dump())
    else:
        from pathlib import Path

        from bezoar_data.training.models import base_start

        start = base_start(recipe, Path())
        try:
            config = AutoConfig.from_pretrained(start.weights, **start.options())
        except (OSError, ValueError):
            return None
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def weights_bytes(recipe: LoadedRecipe) -> int | None:
    """Roughly what the base's weights take in memory while an adapter is trained; activations come on top."""
    weights = _weights(recipe)
    if weights is None:
        return None
    if (recipe.file.quantisation or {}).get("load_in_4bit"):
        return weights // 2
    return weights * (2 if recipe.file.adapter is not None else 4)
