"""JSON schemas of the files a person writes, made from the models that check them: for editors and for other tools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bezoar_data.config.files.ablation import AblationFile
from bezoar_data.config.files.card_front_matter import CardFront
from bezoar_data.config.files.expectations import ExpectationsFile
from bezoar_data.config.files.models import ModelsFile
from bezoar_data.config.files.pipeline import MODULE_STEP, PipelineFile
from bezoar_data.config.files.recipe import Stage, TrainingStage, recipe_model
from bezoar_data.config.files.suite import SuiteFile
from bezoar_data.config.files.trainer_settings import LORA, QUANTISATION, shared_settings, trainer_settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema(
    steps: Mapping[str, Mapping[str, Any]] | None = None, others: Collection[str] = ()
) -> dict[str, Any]:
    """The JSON schema of pipeline files.

    `steps` maps the name of each registered step to the JSON schema of its settings (self-contained: without `$ref`
    to definitions of its own); an editor then offers the names, and the settings of the step that is used. `others` are
    names without settings. With either, any other name must be that of a class in a module.
    """
    schema = schema_of(PipelineFile)
    if steps:
        step = schema["$defs"]["StepUse"]
        use = step["properties"]["use"]
        module = {"type": use.pop("type"), "pattern": MODULE_STEP}
        use.pop("pattern")
        step["properties"]["use"] = {**use, "anyOf": [{"enum": [*sorted(steps), *sorted(others)]}, module]}
        step["allOf"] = [
            {
                "if": {"properties": {"use": {"const": name}}, "required": ["use"]},
                "then": {"properties": {"with": with_examples(settings)}},
            }
            for name, settings in sorted(steps.items())
        ]
    return schema


def models_schema(providers: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON schema of models files. An editor offers the kinds of `providers`; others stay allowed beside them."""
    schema = schema_of(ModelsFile)
    if providers:
        kind = schema["$defs"]["Model"]["properties"]["provider"]
        kind["anyOf"] = [{"enum": list(providers)}, {"type": kind.pop("type"), "minLength": kind.pop("minLength")}]
    return schema


def card_schema() -> dict[str, Any]:
    """The JSON schema of the front matter of cards."""
    return schema_of(CardFront)


def suite_schema() -> dict[str, Any]:
    """The JSON schema of suites."""
    return schema_of(SuiteFile)


def ablation_schema() -> dict[str, Any]:
    """The JSON schema of ablations."""
    return schema_of(AblationFile)


def expectations_schema() -> dict[str, Any]:
    """The JSON schema of expectations."""
    return schema_of(ExpectationsFile)


def recipe_schema(stages: Sequence[type[Stage]]) -> dict[str, Any]:
    """The JSON schema of recipes with these kinds of stages, and with the settings of the training libraries."""
    schema = schema_of(recipe_model(tuple(stages)))
    definitions = schema["$defs"]
    trainers = {stage.__name__: stage.trainer for stage in stages if issubclass(stage, TrainingStage)}
    shared = {"SharedSettings": shared_settings(tuple(trainers.values()))}
    for name, settings in {**shared, **trainer_settings()}.items():
        definitions[name] = {"description": f"Settings of {name}.", **with_examples(settings)}
    taken = [(schema, "training", "SharedSettings"), (schema, "adapter", LORA), (schema, "quantisation", QUANTISATION)]
    for stage, trainer in trainers.items():
        taken += [(definitions[stage], "training", trainer), (definitions[stage], "adapter", LORA)]
    for owner, key, name in taken:
        said = owner["properties"][key]
        kept = {k: v for k, v in said.items() if k in ("description", "examples", "default")}
        wanted: dict[str, Any] = {"$ref": f"#/$defs/{name}"}
        owner["properties"][key] = {**kept, **({"anyOf": [wanted, {"type": "null"}]} if "anyOf" in said else wanted)}
    return schema


def with_examples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of some settings, with the default as the example of those that have none."""
    properties = {
        name: field if "examples" in field else {**field, "examples": [field.get("default")]}
        for name, field in settings.get("properties", {}).items()
    }
    return {**settings, "properties": properties}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model of ours."""
    schema = {"$schema": DIALECT, **model.model_json_schema(by_alias=True)}
    for definition in (schema, *schema.get("$defs", {}).values()):
        for field in definition.get("properties", {}).values():
            field.pop("title", None)  # made of the field's name: an editor shows the description instead
            if "patternProperties" in field:
                field["additionalProperties"] = False  # as the check does; JSON schema alone lets other keys pass
    return schema
