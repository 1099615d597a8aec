"""The suite file: what a model is tested on. Read and located; nothing is evaluated here.

A task is one of the LM Evaluation Harness, by its name there or in a task file of its format, and keeps all that is
written in it. A suite adds what differs: shots, how many items, the harness's settings of generation, and files of
one's own in place of the Hub's dataset. Or its answers are read by a judge, as MT-Bench's are (`judged`).
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
from bezoar_data.config.files.discovery import refuse_other_kind
from bezoar_data.config.paths import expand_home, normalized, similar_file_hint
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import check
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

_Name = Annotated[str, Field(min_length=1)]
HUB = "hf://"
_HUB_FILE = re.compile(
    r"hf://(?P<kind>datasets/|spaces/)?(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?/(?P<path>[^/].*)"
)
_JUDGED_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
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


class JudgedQuestions(Strict):
    """Questions in turns, as MT-Bench's, whose answers a judge reads. Files are FastChat's, or of their format."""

    questions: _Name = Field(
        description="JSON Lines of `question_id`, `category`, one or two `turns`: a path relative to this file, which "
        "may begin with an environment variable, or a file of the Hub.",
        examples=[
            "$BEZOAR_TEST_DATA/mt_bench/question.jsonl",
            "hf://spaces/lmsys/mt-bench/data/mt_bench/question.jsonl",
        ],
    )
    prompts: _Name = Field(
        description="The judge's prompts: FastChat's judge_prompts.jsonl, or others under its names.",
        examples=["$BEZOAR_TEST_DATA/mt_bench/judge_prompts.jsonl"],
    )
    references: _Name | None = Field(
        default=None,
        description="Reference answers that the judge is shown for math, reasoning and coding: FastChat's "
        "reference_answer/gpt-4.jsonl, or another model's answers in its format.",
        examples=["$BEZOAR_TEST_DATA/mt_bench/reference_gpt4.jsonl"],
    )
    reading: Literal["published", "strict"] = Field(
        default="published",
        description="How verdicts are read. `published`: as FastChat does, for comparability. `strict`: the last "
        "[[rating]] from 1 to 10; a judge whose verdict cannot be read is asked once more. Both are reported.",
        examples=["strict"],
    )
    max_tokens: Annotated[int, Field(gt=0)] = Field(
        default=1024, description="The longest answer, in tokens; by default FastChat's.", examples=[1024]
    )
    template: _Name | None = Field(
        default=None,
        description="A Jinja chat template for models that have none of their own, such as a base.",
        examples=["plain.jinja"],
    )

    def files(self) -> dict[str, str]:
        """What was written of each file, by its key."""
        named = {name: getattr(self, name) for name in ("questions", "prompts", "references", "template")}
        return {name: written for name, written in named.items() if written is not None}


class SuiteTask(Strict):
    """One task of a suite."""

    task: _Name = Field(
        description="Its name in the LM Evaluation Harness, or a task file relative to this one that ends in .yaml. "
        "With `judged`, a name of its own.",
        examples=["arc_challenge", "tasks/qasc.yaml"],
    )
    judged: JudgedQuestions | None = Field(
        default=None,
        description="Questions whose answers a judge reads, in place of a task of the harness; only `limit` may be set "
        "beside it.",
        examples=[{"questions": "question.jsonl", "prompts": "judge_prompts.jsonl"}],
    )
    shots: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Examples before each item. By default as the task says.", examples=[25]
    )
    limit: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Only this many items, the first ones.", examples=[250]
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

    @property
    def harness_tasks(self) -> tuple[tuple[int, SuiteTask], ...]:
        """The tasks of the harness, with their places in the file."""
        return tuple((i, task) for i, task in enumerate(self.file.tasks) if task.judged is None)

    @property
    def judged_tasks(self) -> tuple[tuple[int, SuiteTask, JudgedQuestions], ...]:
        """The tasks that a judge reads, with their places in the file."""
        return tuple((i, task, task.judged) for i, task in enumerate(self.file.tasks) if task.judged is not None)

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
    refuse_other_kind(path, "suite")
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
            yield suite.document.problem("duplicate-id", f"the task '{task.task}' appears twice", at)
        seen.add(task.task)
        file = suite.task_file(task)
        if task.judged is not None:
            yield from _check_judged(suite, i, task)
        elif file is not None and not file.is_file():
            hint = similar_file_hint(file)
            yield suite.document.problem("missing-file", f"there is no task file {file}", at, hint=hint)
        for where, written in _files_of(i, task):
            if written.startswith(HUB):
                continue
            variable = _VARIABLE.match(written)
            if variable and not os.environ.get(variable[1]):
                message = f"the environment variable {variable[1]} is not set"
                place, hint = suite.document.place(where), f"export {variable[1]}=FOLDER"
                yield Problem("missing-variable", message, place, hint, level="warning")
            elif not (path := suite.resolve(written)).is_file():
                hint = similar_file_hint(path)
                yield suite.document.problem("missing-file", f"there is no file {path}", where, hint=hint)


def _files_of(i: int, task: SuiteTask) -> Iterator[tuple[YamlPath, str]]:
    """What is written of a task's files of data, and where."""
    for split, one in task.data.items():
        inside: YamlPath = ("tasks", i, "data", split)
        yield (inside, one) if isinstance(one, str) else ((*inside, "file"), one.file)
    for key, written in task.judged.files().items() if task.judged is not None else ():
        yield ("tasks", i, "judged", key), written


def _check_judged(suite: LoadedSuite, i: int, task: SuiteTask) -> Iterator[Problem]:
    """What is wrong beside `judged`."""
    at: YamlPath = ("tasks", i)
    if _JUDGED_NAME.fullmatch(task.task) is None:
        message = f"'{task.task}' is not a name for judged questions"
        hint = "lower-case letters, digits, '.', '_' and '-'"
        yield suite.document.problem("bad-value", message, (*at, "task"), hint=hint)
    for key in sorted(task.model_fields_set - {"task", "judged", "limit"}):
        yield suite.document.problem("unused-key", f"'{key}' says nothing of judged questions", (*at, key))
    for key, written in task.judged.files().items() if task.judged is not None else ():
        if written.startswith(HUB) and _HUB_FILE.fullmatch(written) is None:
            hint = f"write {HUB}spaces/OWNER/NAME/PATH or {HUB}datasets/OWNER/NAME@REVISION/PATH"
            message = f"'{written}' is not a file of the Hub"
            yield suite.document.problem("bad-value", message, (*at, "judged", key), hint=hint)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository of the Hub."""

    kind: Literal["dataset", "space", "model"]
    repo: str
    revision: str | None
    path: str


def hub_file(written: str) -> HubFile | None:
    """What is written as `hf://...`; None for a path of this machine."""
    found = _HUB_FILE.fullmatch(written)
    if found is None:
        return None
    kind: Literal["dataset", "space", "model"]
    kind = "dataset" if found["kind"] == "datasets/" else "space" if found["kind"] == "spaces/" else "model"
    return HubFile(kind, found["repo"], found["revision"], found["path"])
