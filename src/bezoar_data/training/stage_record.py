"""Makes the record of a stage that is done: its `stage.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import TOKENIZERS_OWN, LoadedRecipe
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.stage_record import StageData, StageRecord, StageSummary
from bezoar_data.training.bases import describe_base
from bezoar_data.training.data.template import Template
from bezoar_data.training.planned import PlannedStage, PlannedTraining
from bezoar_data.training.stages.base import Done

SOFTWARE = ("bezoar-data", "torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate")


def stage_record(
    recipe: LoadedRecipe,
    planned: PlannedStage,
    template: Template,
    done: Done,
    before: StageRecord | None,
    result: Path,
    beside: Sequence[StageRecord | None] = (),
) -> StageRecord:
    """The record of a stage that is done. `before` is that of the one it started from, None after the base, `beside`
    those of others it needed; `result` holds what is to be published."""
    file, training = recipe.file, planned.training
    estimate = training.estimate if training else None
    return StageRecord(
        key=planned.key,
        stage=planned.stage.id,
        use=planned.stage.use,
        start=planned.start,
        recipe={
            "name": file.name,
            "description": file.description,
            "sha256": hashlib.sha256(recipe.path.read_bytes()).hexdigest(),
        },
        policy=file.policy.model_dump(mode="json"),
        base=describe_base(recipe),
        base_lineage=_base_lineage(recipe, planned, before),
        data=_data(training, file.reasoning) if training else None,
        settings=dict(training.settings.given) if training else None,
        notes=training.settings.notes if training else (),
        adapter=training.adapter if training else None,
        quantisation=file.quantisation,
        template={
            "name": "tokenizer" if file.template == TOKENIZERS_OWN else Path(file.template).name,
            "sha256": hashlib.sha256(template.served.encode()).hexdigest(),
        },
        kernels=estimate.kernels.as_json() if estimate else None,
        machine=estimate.machine.as_json() if estimate else None,
        estimate=estimate.as_json() if estimate else None,
        software={name: version(name) for name in SOFTWARE},
        metrics=dict(done.metrics),
        times=dict(done.times),
        files={p.name: sha256_of(p) for p in sorted(result.iterdir()) if p.is_file()},
        lineage=tuple(_lineage(before, *beside)),
    )


def _lineage(*records: StageRecord | None) -> Iterator[StageSummary]:
    """The stages of all that it was made from, each once."""
    seen: set[str] = set()
    for record in records:
        for one in (*record.lineage, record.summary()) if record is not None else ():
            if one.key not in seen:
                seen.add(one.key)
                yield one


def _base_lineage(recipe: LoadedRecipe, planned: PlannedStage, before: StageRecord | None) -> Mapping[str, Any] | None:
    """The weights that the stage's adapter needs; None where its result stands alone."""
    if planned.training is None or planned.training.adapter is None:
        return None
    if before is None:
        return describe_base(recipe)
    return before.base_lineage if before.base_lineage is not None else {"stage": before.stage}


def _data(training: PlannedTraining, reasoning: str) -> StageData:
    card = training.card
    licence = card.own.get("licence") or {}
    return StageData(
        card=card.name,
        lock=card.lock,
        demo=bool(card.own.get("demo")),
        licence={
            "result": licence.get("result") or "unknown",
            "commercial": licence.get("commercial") or "unknown",
            "conflicts": list(licence.get("conflicts") or ()),
            "attribution": list(licence.get("attribution") or ()),
        },
        terms=card.own.get("terms"),
        where=training.rows.where,
        **card.stage.model_dump(mode="json", include={"split", "view"}),
        passed_over=training.rows.passed_over,
        rows={side: counted.as_json() for side, counted in training.examples.counts.items()},
        train_on=training.rows.train_on,
        reasoning=reasoning,
    )
