"""The ablation file: what of a pipeline is left out or changed, to see what it is worth. Nothing runs here.

Each variant's data trains the recipe and is evaluated on the suite, once for each seed, beside the pipeline as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.discovery import refuse_other_kind
from bezoar_data.config.files.pipeline import STEP_ID
from bezoar_data.config.paths import normalized, similar_file_hint
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.validation import check
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

_Path = Annotated[str, Field(min_length=1)]
_Id = Annotated[str, Field(pattern=STEP_ID)]
_Seed = Annotated[int, Field(ge=0, lt=2**32)]
_NAME = r"^[a-z0-9][a-z0-9_-]*$"
_VariantName = Annotated[str, Field(pattern=_NAME, max_length=60)]


class Variant(Strict):
    """The pipeline with something left out or changed."""

    without: tuple[_Id, ...] = Field(
        default=(),
        description="Ids of steps to leave out; what came to them goes to the steps after them.",
        examples=[["near-duplicates"]],
    )
    settings: dict[Annotated[str, Field(min_length=1)], Any] = Field(
        default_factory=dict,
        alias="set",
        description="Settings to change, named as in `run --set`: thresholds, prompts, shares of a mixture.",
        examples=[{"steps.near-duplicates.threshold": 0.6}],
    )
    models: _Path | None = Field(
        default=None,
        description="A models file in place of the pipeline's: a path relative to this file.",
        examples=["../pipelines/models/openai.yaml"],
    )
    teacher: _Path | None = Field(
        default=None, description="The model that answers, as in `run --teacher`.", examples=["ollama:qwen2.5:7b"]
    )
    judge: _Path | None = Field(default=None, description="Who judges, in the same way.", examples=["openai:gpt-4o"])

    @property
    def named(self) -> dict[str, str]:
        """Models in one word, by role."""
        return {role: word for role, word in (("teacher", self.teacher), ("judge", self.judge)) if word}


class AblationFile(Strict):
    """An ablation: variants of a pipeline, each trained and evaluated beside the whole of it."""

    model_config = ConfigDict(title="Ablation of bezoar-data")

    name: Annotated[str, Field(pattern=_NAME, max_length=80)] = Field(
        description="lower-case letters, digits, '_' and '-', starting with a letter or digit.", examples=["orca-steps"]
    )
    version: Literal[1] = Field(description="The version of this file format: 1.", examples=[1])
    description: str = Field(
        default="", description="What it asks, in a sentence.", examples=["What is each step of orca worth?"]
    )
    pipeline: _Path = Field(
        description="The pipeline: a path relative to this file.", examples=["../pipelines/orca.yaml"]
    )
    recipe: _Path = Field(
        description="The recipe that trains on the pipeline's card: a path relative to this file.",
        examples=["../recipes/tiny.yaml"],
    )
    stage: _Id | None = Field(
        default=None, description="The stage that is evaluated; by default the recipe's last.", examples=["orca"]
    )
    suite: _Path = Field(
        description="What the models are evaluated on: a path relative to this file.",
        examples=["../suites/local.yaml"],
    )
    limit: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="At most this many rows from each source.", examples=[200]
    )
    settings: dict[Annotated[str, Field(min_length=1)], Any] = Field(
        default_factory=dict,
        alias="set",
        description="Settings of the pipeline to change in every variant, named as in `run --set`.",
        examples=[{"steps.load_flan.path": "my_flan.jsonl"}],
    )
    models: _Path | None = Field(
        default=None,
        description="A models file in place of the pipeline's, for every variant: a path relative to this file.",
        examples=["../pipelines/models/offline.yaml"],
    )
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)] = Field(
        description="Seeds of training, in place of the recipe's: every variant is trained once with each.",
        examples=[[1, 2, 3, 4, 5]],
    )
    data_seeds: tuple[_Seed, ...] = Field(
        default=(),
        description="Seeds of the data, one for each of `seeds`: then every training has data of its own. Left out, "
        "the data are made once, with the pipeline's seed.",
        examples=[[11, 12, 13, 14, 15]],
    )
    whole: _VariantName = Field(
        default="whole", description="What the pipeline as it is is called.", examples=["whole"]
    )
    variants: Annotated[dict[_VariantName, Variant], Field(min_length=1)] = Field(
        description="The variants, by name.",
        examples=[{"no-judge": {"without": ["judge-accept"]}}],
    )


@dataclass(frozen=True)
class LoadedAblation:
    """A checked ablation file with the places of its values."""

    file: AblationFile
    document: Document
    path: Path

    def resolve(self, path: str) -> Path:
        """A path written in this file: relative to its folder."""
        return normalized(self.path.parent / path)

    @property
    def pipeline(self) -> Path:
        return self.resolve(self.file.pipeline)

    @property
    def recipe(self) -> Path:
        return self.resolve(self.file.recipe)

    @property
    def suite(self) -> Path:
        return self.resolve(self.file.suite)

    @property
    def variants(self) -> dict[str, Variant]:
        """All variants, the whole pipeline first, each with what is changed in all of them."""
        file = self.file
        written = {file.whole: Variant(), **file.variants}
        return {
            name: one.model_copy(
                update={"settings": {**file.settings, **one.settings}, "models": one.models or file.models}
            )
            for name, one in written.items()
        }

    def only_leaves_out(self, name: str) -> bool:
        """Whether a variant leaves steps out and changes nothing else."""
        variant = self.file.variants.get(name, Variant())
        return bool(variant.without) and not (variant.settings or variant.models or variant.named)

    def change(self, name: str) -> str:
        """What a variant leaves out or changes, in words."""
        one = self.file.variants.get(name, Variant())
        parts = [f"without {', '.join(one.without)}"] if one.without else []
        parts += [f"{setting.removeprefix('steps.')} = {value}" for setting, value in one.settings.items()]
        parts += [f"{role} {word}" for role, word in (("models", one.models), *one.named.items()) if word]
        return "; ".join(parts) or "the pipeline as it is"


def load_ablation(path: Path) -> LoadedAblation:
    """Read an ablation file and check it by itself. What it names is only looked for. Raises `InputError`."""
    refuse_other_kind(path, "ablation")
    document = load_yaml(path, lenient=True)
    file, problems = check(document, AblationFile)
    if file is not None:
        problems += _check(LoadedAblation(file, document, path))
    raise_errors(problems)
    if file is None:
        raise InputError(problems)
    return LoadedAblation(file, document, path)


def _check(ablation: LoadedAblation) -> Iterator[Problem]:
    file, document = ablation.file, ablation.document
    for key in ("pipeline", "recipe", "suite", "models"):
        yield from _missing(ablation, getattr(file, key), (key,))
    for key, seeds in (("seeds", file.seeds), ("data_seeds", file.data_seeds)):
        if len(set(seeds)) < len(seeds):
            yield document.problem("duplicate-seed", "a seed appears twice: the same training again", (key,))
    if file.data_seeds and len(file.data_seeds) != len(file.seeds):
        message = f"{len(file.data_seeds)} seeds of data for {len(file.seeds)} trainings"
        hint = "write one for each of 'seeds', or leave it out: then the data are made once"
        yield document.problem("bad-value", message, ("data_seeds",), hint=hint, key=True)
    if file.whole in file.variants:
        message = f"'{file.whole}' is the pipeline as it is, and cannot be a variant"
        hint = "give the variant another name, or say 'whole:' what the pipeline as it is is called"
        yield document.problem("duplicate-name", message, ("variants", file.whole), hint=hint, key=True)
    yield from _seed_set(ablation, file.settings, ("set",))
    for name, variant in file.variants.items():
        at: YamlPath = ("variants", name)
        if not (variant.without or variant.settings or variant.models or variant.named):
            hint = "name something: without, set, models, teacher or judge"
            yield document.problem("no-change", f"'{printable(name)}' is the pipeline as it is", at, hint=hint)
        yield from _missing(ablation, variant.models, (*at, "models"))
        yield from _seed_set(ablation, variant.settings, (*at, "set"))


def _missing(ablation: LoadedAblation, written: str | None, at: YamlPath) -> Iterator[Problem]:
    if written is not None and not (path := ablation.resolve(written)).is_file():
        message, hint = f"there is no file '{printable(written, 200)}'", similar_file_hint(path)
        yield ablation.document.problem("missing-file", message, at, hint=hint)


def _seed_set(ablation: LoadedAblation, settings: dict[str, Any], at: YamlPath) -> Iterator[Problem]:
    if "seed" in settings:
        hint = "write it under 'data_seeds'"
        yield ablation.document.problem("bad-override", "the data's seed is not a setting", (*at, "seed"), hint=hint)
