"""The JSON schemas of the files people write, for their editors, with every step's settings, and of the lines that
`--events` writes: made from the code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bezoar_data.config.files.json_schema import (
    ablation_schema,
    card_schema,
    expectations_schema,
    models_schema,
    pipeline_schema,
    recipe_schema,
    schema_of,
    suite_schema,
)
from bezoar_data.config.yaml.document import parse_yaml
from bezoar_data.llms.providers.base import builtin_providers
from bezoar_data.steps.catalogue.entry import StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external.registry import distilabel_steps
from bezoar_data.training.stages.registry import stage_configs


def schema_texts() -> Mapping[str, str]:
    """The text of each schema file, by its name."""
    from bezoar_data.runs.event_lines import Line

    steps = {name: _settings(entry) for name, entry in load_catalogue().items()}
    schemas = {
        "pipeline.schema.json": pipeline_schema(steps, distilabel_steps()),
        "models.schema.json": models_schema(sorted(builtin_providers())),
        "recipe.schema.json": recipe_schema(stage_configs()),
        "suite.schema.json": suite_schema(),
        "ablation.schema.json": ablation_schema(),
        "expectations.schema.json": expectations_schema(),
        "card.schema.json": card_schema(),
        "events.schema.json": schema_of(Line),
    }
    return {name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in schemas.items()}


def _settings(entry: StepEntry) -> Mapping[str, Any]:
    """The schema of a step's settings. What its example in the catalogue sets are examples of the settings too."""
    written = parse_yaml(entry.example, "example").value if entry.example else []
    given: dict[str, Any] = {}
    for use in written if isinstance(written, list) else []:
        if use.get("use") == entry.use:
            given |= use.get("with", {})
    properties = {
        name: {**field, "examples": [given[name]]} if name in given and "examples" not in field else field
        for name, field in entry.schema["properties"].items()
    }
    return {**entry.schema, "properties": properties}
