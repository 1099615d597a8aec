"""The suite file: what a model is tested on. Read and located; nothing is evaluated here.

A task is one of the LM Evaluation Harness, by its name there or in a task file of its format, and keeps all that is
written in it. A suite adds what differs: shots, how many items, the harness's settings of generation, and files of
one's own in place of the Hub's dataset.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.paths import expand_home, normalized, similar_file_hint
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import check
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

_Name = Annotated[str, Field(min_length=1)]
_VARIABLE = re.compile(r"^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?(?=/|$)")


class DataFile(Strict):
    """A file of items in place of a task's dataset."""

    file: _Name = Field(
        description="JSON, JSON Lines, CSV, TSV or Parquet, packed or not; relative to this file. It may begin with an "
        "environment variable.",
        examples=["my-questions.jsonl", "$BEZOAR_TEST_DATA/gsm8k/test.jsonl"],
    )
    field: _Name | None = Field(
        default=None, description="The key of a JSON file that holds its list of items.", examples=["examples"]
    )
    columns: tuple[_Name, ...] | None = Field(
        default=None,
        description="The names of the columns, where a CSV or TSV file has no line of them.",
        examples=[["question", "answer"]],
    )
    rows: tuple[int, int | None] | None = Field(
        default=None,
        description="The first row to take and the one after the last, as in Python: [-250, null] is the last 250.",
        examples=[[0, 250], [-250, None]],
    )


class SuiteTask(Strict):
    """One task of a suite."""

    task: _Name = Field(
        description="Its name in the LM Evaluation Harness, or a task file relative to this one that ends in .yaml.",
        examples=["arc_challenge", "tasks/qasc.yaml"],
    )
    shots: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Examples before each item. By default as the task says.", examples=[25]
    )
    limit: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Only the first so many items.", examples=[250]
    )
    facet: _Name | None = Field(
        default=None,
        description="What it tests; tables group tasks by it.",
        examples=["knowledge", "reasoning", "code"],
    )
    metric: _Name | None = Field(
        default=None,
        description="The metric that comparisons are made on, with its filter after a comma where there are several. "
        "By default the task's first.",
        examples=["acc_norm", "exact_match,strict-match"],
    )
    chat_template: bool | None = Field(
        default=None,
        description="Whether prompts go through the model's chat template; as the suite says by default.",
        examples=[True],
    )
    generation: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of generation over the task's own, by the harness's names.",
        examples=[{"max_gen_toks": 256}],
    )
    data: dict[_Name, _Name | DataFile] = Field(
        default_factory=dict,
        description="Files in place of the task's dataset, by split.",
        examples=[{"test": "my-questions.jsonl"}],
    )
    group_by: _Name | None = Field(
        default=None,
        description="The column whose equal values mark items that belong together (questions on one passage): they "
        "are one draw in errors and intervals.",
        examples=["passage_id"],
    )


class SuiteFile(Strict):
    """A suite: tasks that models are compared on."""

    model_config = ConfigDict(title="Suite of bezoar-data")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)] = Field(
        description="lower-case letters, digits, '_' and '-', starting with a letter or digit.", examples=["local"]
    )
    version: Literal[1] = Field(description="The version of this file format: 1.", examples=[1])
    description: str = Field(
        default="", description="What the suite tests, in a sentence.", examples=["Small, offline"]
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=1234,
        description="The seed that draws shots and samples; by default the harness's own.",
        examples=[1234],
    )
    chat_template: bool = Field(
        default=False, description="Whether prompts go through the model's chat template.", examples=[True]
    )
    batch_size: Annotated[int, Field(gt=0)] = Field(default=8, description="Requests at a time.", examples=[8])
    tasks: Annotated[tuple[SuiteTask, ...], Field(min_length=1)] = Field(
        description="The tasks.", examples=[[{"task": "arc_challenge", "shots": 25}]]
    )


@dataclass(frozen=True)
class LoadedSuite:
    """A checked suite file with the places of its values."""

    file: SuiteFile
    document: Document
    path: Path
    warnings: tuple[Problem, ...] = ()

    def resolve(self, path: str) -> Path:
        """A path written in this file: relative to its folder, its environment variable filled in."""
        filled = _VARIABLE.sub(lambda m: os.environ.get(m[1], m[0]), path)
        return normalized(self.path.parent / expand_home(filled))

    def task_file(self, task: SuiteTask) -> Path | None:
        """The file of a task that is not the harness's own."""
        return self.resolve(task.task) if task.task.endswith((".yaml", ".yml")) else None

    def data(self, task: SuiteTask) -> Mapping[str, DataFile]:
        """The files of a task's splits, their paths as they are on this machine."""
        given = {split: DataFile(file=one) if isinstance(one, str) else one for split, one in task.data.items()}
        return {split: one.model_copy(update={"file": str(self.resolve(one.file))}) for split, one in given.items()}


def load_suite(path: Path) -> LoadedSuite:
    """Read and check a suite. Raises `InputError` with every mistake found; the harness is not imported.

    What only this machine lacks, a variable of the environment and the files in its folder, is a warning.
    """
    document = load_yaml(path, lenient=True)
    file, problems = check(document, SuiteFile)
    if file is not None:
        problems += _check_files(LoadedSuite(file, document, path))
    raise_errors(problems)
    if file is None:
        raise InputError(problems)
    return LoadedSuite(file, document, path, tuple(problems))


def _check_files(suite: LoadedSuite) -> Iterator[Problem]:
    """Files that are not there, and tasks that stand twice."""
    seen: set[str] = set()
    for i, task in enumerate(suite.file.tasks):
        at: YamlPath = ("tasks", i, "task")
        if task.task in seen:
            yield suite.document.problem("duplicate-id", f"the task '{task.task}' stands here twice", at)
        seen.add(task.task)
        file = suite.task_file(task)
        if file is not None and not file.is_file():
            hint = similar_file_hint(file)
            yield suite.document.problem("missing-file", f"there is no task file {file}", at, hint=hint)
        for split, one in task.data.items():
            written = one if isinstance(one, str) else one.file
            where: YamlPath = ("tasks", i, "data", split, *(() if isinstance(one, str) else ("file",)))
            variable = _VARIABLE.match(written)
            if variable and not os.environ.get(variable[1]):
                message = f"the environment variable {variable[1]} is not set"
                place, hint = suite.document.place(where), f"export {variable[1]}=FOLDER"
                yield Problem("missing-variable", message, place, hint, level="warning")
            elif not (path := suite.resolve(written)).is_file():
                hint = similar_file_hint(path)
                yield suite.document.problem("missing-file", f"there is no file {path}", where, hint=hint)
