"""The pipeline file: what to make, in which steps. Read, checked and located; not yet looked up or compiled.

Whether a step exists and takes these settings is asked on the floor that knows the steps; here stands what can be
said of the file alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from bezoar_data.config.base import Strict
from bezoar_data.config.files.discovery import refuse_other_kind
from bezoar_data.config.files.left_out import leave_out
from bezoar_data.config.files.overrides import apply_overrides
from bezoar_data.config.files.recorded import ANSWERS, AnswersFiles
from bezoar_data.config.files.step_graph import check_graph, default_id
from bezoar_data.config.keys_in_files import keys_in
from bezoar_data.config.paths import expand_home, normalized
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import check
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

STEP_ID = r"^[a-zA-Z0-9_-]+$"
MODULE_STEP = r"^(?!distilabel:)[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
USE = r"^([a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*|distilabel:[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$"

_Fraction = Annotated[float, Field(gt=0, lt=1)]


class StepUse(Strict):
    """One use of a step."""

    model_config = ConfigDict(title="Step")

    use: Annotated[str, Field(pattern=USE)] = Field(
        description="which step: a registered name such as orca.explain, distilabel:ClassName, or my.module:ClassName.",
        examples=["orca.explain"],
    )
    id: Annotated[str, Field(pattern=STEP_ID)] = Field(
        default_factory=lambda written: default_id(written["use"]),
        description="The step's name in this pipeline: letters, digits, '_' and '-'. "
        "By default the step's own name, with '-' for '.'.",
        examples=["explain-again"],
    )
    after: str | tuple[str, ...] | None = Field(
        default=None,
        description="The id, or list of ids, of the steps whose rows this one takes. By default the step written "
        "before it; an empty list starts a new branch, for a second source.",
        examples=["load_flan", ["first", "second"], []],
    )
    join: Literal["union", "join"] | None = Field(
        default=None,
        description="How rows of several steps meet: 'union' takes all rows, 'join' puts the columns of equal rows "
        "together.",
        examples=["union"],
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="For steps that are not ours: the step's name of a column, and the row's name of it.",
        examples=[{"instruction": "inputs"}],
    )
    writes: tuple[str, ...] | None = Field(
        default=None,
        description="For steps of a module of your own: the columns it writes, so that the steps after it can be "
        "checked without importing it.",
        examples=[["score"]],
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="The step's settings.", examples=[{"model": "teacher"}]
    )


class ReviewGate(Strict):
    """What people must have done before the dataset may be published, and what annotators are told."""

    rows: Annotated[int, Field(ge=0)] = Field(
        default=0, description="The least number of rows that people reviewed.", examples=[200]
    )
    kappa: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        default=None, description="The least agreement of each judge with people, as Cohen's kappa.", examples=[0.6]
    )
    licence: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Under which the responses may be used that people correct: an SPDX id. Annotators are told.",
        examples=["CC-BY-4.0"],
    )
    contact: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Whom annotators ask.", examples=["Anna, anna@example.org"]
    )


class PipelineFile(Strict):
    """A pipeline: steps that make a dataset."""

    model_config = ConfigDict(title="Pipeline of bezoar-data")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)] = Field(
        description="lower-case letters, digits, '_' and '-', starting with a letter or digit.", examples=["orca"]
    )
    version: Literal[1] = Field(description="The version of this file format: 1.", examples=[1])
    description: str = Field(
        default="", description="What the pipeline makes, in a sentence.", examples=["Explanation tuning on FLAN rows"]
    )
    card: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The card this run fills in: a path relative to this file.",
        examples=["../cards/orca.md"],
    )
    models: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The models file, which names a model for each role: a path relative to this file.",
        examples=["models/offline.yaml"],
    )
    answers: AnswersFiles = ANSWERS
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=42, description="The seed of all random choices.", examples=[42]
    )
    splits: dict[Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]+$")], _Fraction] = Field(
        default_factory=dict,
        description="Names of splits (letters, digits and '_') and the fraction of rows each gets; the rest is train.",
        examples=[{"validation": 0.2}],
    )
    tolerate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="The fraction of rows that may fail before the run counts as failed.", examples=[0.05]
    )
    max_file_size: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4} ?(MB|GB)$")] = Field(
        default="1GB",
        description="The most of a file in memory (about three times as much as on disk), a number with MB or GB; a "
        "larger split goes on in another file.",
        examples=["500MB"],
    )
    max_cost: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="The most that the run may cost, in US dollars.", examples=[5.0]
    )
    review: ReviewGate | None = Field(
        default=None,
        description="What people must have reviewed before `publish` or a recipe lets the dataset through.",
        examples=[{"rows": 200, "kappa": 0.6}],
    )
    steps: Annotated[tuple[StepUse, ...], Field(min_length=1)] = Field(
        description="The steps. A list is a chain: each takes the rows of the one before it.",
        examples=[[{"use": "load_flan", "with": {"path": "seeds/flan.jsonl"}}, {"use": "orca.system_message"}]],
    )

    @property
    def max_file_bytes(self) -> int:
        """`max_file_size` in bytes."""
        number, unit = self.max_file_size[:-2], self.max_file_size[-2:]
        return int(number) << (30 if unit == "GB" else 20)

    def parents(self, index: int) -> tuple[str, ...]:
        """Ids of the steps whose rows the step at `index` takes."""
        after = self.steps[index].after
        if after is None:
            return (self.steps[index - 1].id,) if index else ()
        return (after,) if isinstance(after, str) else after

    def edges(self) -> tuple[tuple[str, str], ...]:
        """Pairs (step, step that takes its rows), in the order of the file."""
        return tuple((parent, step.id) for i, step in enumerate(self.steps) for parent in self.parents(i))


@dataclass(frozen=True)
class LoadedPipeline:
    """A checked pipeline file with the places of its values. `overridden` holds what `--set` said."""

    file: PipelineFile
    document: Document
    path: Path
    overridden: frozenset[YamlPath] = frozenset()

    def resolve(self, path: str, at: YamlPath = ()) -> Path:
        """A path written in this file at `at`: relative to the file's folder, or to the current one if by `--set`."""
        if any(at[: len(o)] == o for o in self.overridden):
            return expand_home(path)
        return normalized(self.path.parent / expand_home(path))

    @property
    def answers(self) -> tuple[Path, ...]:
        """The files of recorded answers."""
        return tuple(self.resolve(name, ("answers", i)) for i, name in enumerate(self.file.answers))

    def setting_path(self, step_id: str, setting: str) -> YamlPath:
        """Where a step's setting stands, for `document.place` and `resolve`."""
        index = next(i for i, step in enumerate(self.file.steps) if step.id == step_id)
        return ("steps", index, "with", setting)


@dataclass(frozen=True)
class ReadPipeline:
    """A pipeline file as far as it could be read, without mistaken keys. `file` is None where nothing could be."""

    file: PipelineFile | None
    document: Document
    overridden: frozenset[YamlPath]
    problems: tuple[Problem, ...]
    steps_sound: bool
    """Whether the steps are free of mistakes of their own. Otherwise `file` has others in their place."""


def read_pipeline_file(path: Path | str, overrides: Sequence[str] = (), without: Sequence[str] = ()) -> ReadPipeline:
    """Read and check a pipeline file, without some steps and with `--set` overrides, and give back its mistakes with
    what could be read, so that others can be looked for. Raises `InputError` where nothing can be read at all."""
    refuse_other_kind(Path(path), "pipeline")
    document, left_out = leave_out(load_yaml(Path(path), lenient=True), without)
    document, overridden, problems = apply_overrides(document, overrides)
    problems += left_out
    file, found = check(document, PipelineFile)
    problems += found
    graph = check_graph(document)
    problems += graph
    problems += _check_splits(document)
    problems += keys_in(document, shapes=False)
    left = file or _without_mistakes(document.value)
    sound = left is not None and left.steps != _NO_STEPS and not graph
    return ReadPipeline(left, document, overridden, tuple(problems), sound)


_NO_STEPS = (StepUse(use="none"),)


def _without_mistakes(value: Any) -> PipelineFile | None:
    """The file of those keys alone that are right, each looked at by itself, so that mistakes in what they name can be
    found beside those in others."""
    if not isinstance(value, dict):
        return None
    left = PipelineFile(name="unnamed", version=1, steps=_NO_STEPS)
    for key in value.keys() & PipelineFile.model_fields.keys():
        try:
            one = {"name": "unnamed", "version": 1, "steps": [{"use": "none"}], key: value[key]}
            read = PipelineFile.model_validate_json(json.dumps(one), strict=True)
        except ValidationError:
            continue
        left = left.model_copy(update={key: getattr(read, key)})
    return left


def _check_splits(document: Document) -> list[Problem]:
    splits = document.value.get("splits") if isinstance(document.value, dict) else None
    if not isinstance(splits, dict):
        return []
    problems: list[Problem] = []
    if "train" in splits:
        hint = "leave it out"
        message = "'train' is what the other splits leave over, and is not written"
        problems.append(document.problem("bad-value", message, ("splits", "train"), hint=hint, key=True))
    fractions = [f for f in splits.values() if isinstance(f, int | float) and not isinstance(f, bool)]
    if len(fractions) == len(splits) > 1 and all(0 < f < 1 for f in fractions) and sum(fractions) >= 1:
        message = f"the splits sum to {sum(fractions):g}, so that nothing is left for 'train'"
        hint = "make their sum less than 1"
        problems.append(document.problem("bad-value", message, ("splits",), hint=hint, key=True))
    return problems
