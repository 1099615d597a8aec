"""`stage.json`: what a stage was made from and what it measured, with every stage before it.

It is a model's lock: the model card is made from it alone, and `publish` holds the folder against it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.files.recipe import TOKENIZERS_OWN, LoadedRecipe
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.trained import FORMAT
from bezoar_data.training.data.template import Template
from bezoar_data.training.models import told_base
from bezoar_data.training.stages.base import Done

if TYPE_CHECKING:
    from bezoar_data.training.planned import Planned

SOFTWARE = ("bezoar-data", "torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate")

_HANDED_ON = ("key", "stage", "use", "from", "data", "settings", "notes", "adapter", "quantisation", "metrics")
"""What a later stage's file tells of an earlier one."""


def stage_file(
    recipe: LoadedRecipe,
    planned: Planned,
    template: Template,
    done: Done,
    before: Mapping[str, Any] | None,
    result: Path,
) -> dict[str, Any]:
    """The file of a stage that is done. `before` is the file of the one it started from, None after the base; `result`
    holds what is to be published."""
    file = recipe.file
    return {
        "format": FORMAT,
        "key": planned.key,
        "stage": planned.stage.id,
        "use": planned.stage.use,
        "from": planned.start,
        "recipe": {
            "name": file.name,
            "description": file.description,
            "sha256": hashlib.sha256(recipe.path.read_bytes()).hexdigest(),
        },
        "policy": file.policy.model_dump(mode="json"),
        "base": told_base(recipe),
        "stands_on": _stands_on(recipe, planned, before),
        "data": _told_data(planned),
        "settings": dict(planned.settings.given) if planned.settings is not None else None,
        "notes": list(planned.settings.notes) if planned.settings is not None else [],
        "adapter": dict(planned.adapter) if planned.adapter is not None else None,
        "quantisation": file.quantisation,
        "template": {
            "name": "tokenizer" if file.template == TOKENIZERS_OWN else Path(file.template).name,
            "sha256": hashlib.sha256(template.source.encode()).hexdigest(),
        },
        **_told_forecast(planned),
        "software": {name: version(name) for name in SOFTWARE},
        "metrics": dict(done.metrics),
        "times": dict(done.times),
        "files": {p.name: sha256_of(p) for p in sorted(result.iterdir()) if p.is_file()},
        "lineage": [*before["lineage"], {key: before[key] for key in _HANDED_ON}] if before is not None else [],
    }


def _stands_on(recipe: LoadedRecipe, planned: Planned, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The weights that the stage's adapter needs; None where its result stands alone."""
    if planned.adapter is None:
        return None
    if before is None:
        return told_base(recipe)
    standing: dict[str, Any] | None = before["stands_on"]
    return standing if standing is not None else {"stage": before["stage"]}


def _told_forecast(planned: Planned) -> dict[str, Any]:
    """How it was computed, on what, and what was expected of it."""
    found = planned.forecast
    if found is None:
        return {}
    return {"speed": found.speed.as_json(), "machine": found.machine.as_json(), "estimate": found.as_json()}


def _told_data(planned: Planned) -> dict[str, Any] | None:
    card, examples = planned.card, planned.examples
    if card is None or examples is None:
        return None
    licence = card.own.get("licence") or {}
    return {
        "card": card.name,
        "lock": card.lock,
        "demo": bool(card.own.get("demo")),
        "licence": {
            "result": licence.get("result") or "unknown",
            "commercial": licence.get("commercial") or "unknown",
            "conflicts": list(licence.get("conflicts") or ()),
            "attribution": list(licence.get("attribution") or ()),
        },
        "terms": card.own.get("terms"),
        **planned.stage.model_dump(mode="json", include={"where", "split", "view"}),
        "passed_over": planned.passed_over,
        "rows": {side: counted.as_json() for side, counted in examples.counts.items()},
    }
