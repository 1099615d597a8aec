"""The JSON schemas of the files people write, for their editors: made from the code, with every step's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bezoar_data.spec.schema import models_schema, pipeline_schema
from bezoar_data.steps.catalogue import load_catalogue


def schema_texts() -> Mapping[str, str]:
    """The text of each schema file, by its name."""
    steps = {name: dict(entry.schema) for name, entry in load_catalogue().items()}
    schemas = {"pipeline.schema.json": pipeline_schema(steps), "models.schema.json": models_schema()}
    return {name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in schemas.items()}
