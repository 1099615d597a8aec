"""The expectations file: what a person's dataset must keep to whenever it is made anew. Nothing is looked at here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.paths import expand_home, normalized
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import check
from bezoar_data.config.where import Where
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

_HUB = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?")
_Text = Annotated[str, Field(min_length=1)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0)]


class Counts(Strict):
    """How many there may be, at least and at most."""

    least: _Count | None = Field(default=None, description="No fewer than these.", examples=[100])
    most: _Count | None = Field(default=None, description="No more than these.", examples=[5000])


class Shares(Strict):
    """Which share there may be, at least and at most: from 0 to 1."""

    least: _Share | None = Field(default=None, description="No smaller a share than this.", examples=[0.6])
    most: _Share | None = Field(default=None, description="No larger a share than this.", examples=[0.95])


class ColumnRules(Strict):
    """What must hold of a column. It must be there."""

    empty: _Share | None = Field(
        default=None,
        description="The largest share of rows that may have nothing in it, in place of the file's `empty`.",
        examples=[0.1],
    )
    characters: Counts | None = Field(
        default=None,
        description="Characters of each text that is not empty, or of each message of a conversation.",
        examples=[{"least": 20, "most": 8000}],
    )
    turns: Counts | None = Field(default=None, description="Turns of each conversation.", examples=[{"least": 2}])
    values: tuple[str | int | float | bool, ...] | None = Field(
        default=None, description="The only values it may hold, where it holds any.", examples=[["Accept", "Reject"]]
    )


class RowRule(Strict):
    """What must be true of rows."""

    where: _Text = Field(
        description="An expression, as in a pipeline's filters.", examples=["length(response) > length(instruction)"]
    )
    share: _Share = Field(default=1.0, description="Of which share of all rows, at least.", examples=[0.95])


class Expectations(Strict):
    """What is expected."""

    rows: Counts | None = Field(default=None, description="Rows of the dataset.", examples=[{"least": 1000}])
    dropped: Shares | None = Field(
        default=None,
        description="The share of rows that were dropped, of all that were kept or dropped.",
        examples=[{"most": 0.3}],
    )
    accepted: Shares | None = Field(
        default=None,
        description="The share of the dataset's rows that are accepted, by the rule by which they leave it for "
        "training: people's verdict, else the card's view, else the judge's.",
        examples=[{"least": 0.6}],
    )
    empty: _Share | None = Field(
        default=None,
        description="The largest share of rows that may have nothing in a column, for every column of texts: no value, "
        "blanks, or an empty list.",
        examples=[0],
    )
    columns: dict[_Text, ColumnRules] = Field(
        default_factory=dict,
        description="Columns, with what must hold of them.",
        examples=[{"response": {"characters": {"least": 20}}}],
    )
    holds: tuple[RowRule, ...] = Field(
        default=(), description="What must be true of rows.", examples=[[{"where": "length(response) > 20"}]]
    )
    licence: tuple[_Text, ...] | None = Field(
        default=None,
        description="The licences that the dataset may have, as its card names them.",
        examples=[["cc-by-4.0", "apache-2.0"]],
    )
    commercial: bool | None = Field(
        default=None,
        description="Whether commercial use must be allowed (true), where `unknown` is not enough.",
        examples=[True],
    )
    kappa: dict[str, Annotated[float, Field(ge=-1, le=1)]] = Field(
        default_factory=dict,
        description="By judge, the least kappa between it and people. It must have been measured.",
        examples=[{"judge": 0.4}],
    )
    contamination: _Count | None = Field(
        default=None,
        description="The most rows that may hold an item of an evaluation set. It must have been looked for.",
        examples=[0],
    )
    reviewed: _Count | None = Field(
        default=None, description="The fewest rows that people must have reviewed.", examples=[50]
    )
    demo: bool | None = Field(default=None, description="false: the dataset must not be a demo.", examples=[False])


class ExpectationsFile(Strict):
    """Expectations of a dataset, checked after each run and in CI."""

    model_config = ConfigDict(title="Expectations of bezoar-data")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)] = Field(
        description="lower-case letters, digits, '_' and '-', starting with a letter or digit.", examples=["orca"]
    )
    version: Literal[1] = Field(description="The version of this file format: 1.", examples=[1])
    description: str = Field(default="", description="What it is for, in a sentence.", examples=["What we publish"])
    dataset: _Text | None = Field(
        default=None,
        description="What is checked, unless the command says otherwise: a run's folder or a dataset's, relative to "
        "this file, or a dataset of the Hub.",
        examples=["../runs/orca", "hf://datasets/my-name/orca"],
    )
    expect: Expectations = Field(
        description="What it must keep to, of what is named here.", examples=[{"rows": {"least": 1000}}]
    )


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A dataset of the Hub. `revision` is a tag, a branch, a commit or a lock's hash; None: its newest."""

    repo: str
    revision: str | None


@dataclass(frozen=True)
class LoadedExpectations:
    """A checked expectations file with the places of its values."""

    file: ExpectationsFile
    document: Document
    path: Path

    @property
    def dataset(self) -> Path | HubDataset | None:
        """What is checked, as the file says."""
        named = self.file.dataset
        if named is None:
            return None
        return hub_dataset(named) or normalized(self.path.parent / expand_home(named))


def hub_dataset(named: str) -> HubDataset | None:
    """None for a path of this machine."""
    found = _HUB.fullmatch(named)
    return None if found is None else HubDataset(found["repo"], found["revision"])


def load_expectations(path: Path) -> LoadedExpectations:
    """Read and check a file of expectations. Raises `InputError` with every mistake found."""
    document = load_yaml(path)
    file, problems = check(document, ExpectationsFile)
    if file is not None:
        problems += _check(file, document)
    raise_errors(problems)
    if file is None:
        raise InputError(problems)
    return LoadedExpectations(file, document, path)


def _check(file: ExpectationsFile, document: Document) -> Iterator[Problem]:
    """What is wrong with the values."""
    if not file.expect.model_fields_set:
        yield document.problem("missing-key", "it expects nothing", ("expect",), hint="for example: rows: {least: 100}")
    for i, rule in enumerate(file.expect.holds):
        try:
            Where.parse(rule.where, document.place(("expect", "holds", i, "where")))
        except InputError as error:
            yield from error.problems
    for at, bounds in _bounds(file.expect):
        if bounds.least is None and bounds.most is None:
            yield document.problem("missing-key", "it says neither 'least' nor 'most'", at)
        elif bounds.least is not None and bounds.most is not None and bounds.least > bounds.most:
            yield document.problem("bad-value", "'least' is more than 'most'", (*at, "least"))
    if file.dataset is not None and file.dataset.startswith("hf:") and hub_dataset(file.dataset) is None:
        hint = "write hf://datasets/OWNER/NAME, perhaps with @REVISION"
        yield document.problem("bad-value", f"'{file.dataset}' is not a dataset of the Hub", ("dataset",), hint=hint)


def _bounds(expect: Expectations) -> Iterator[tuple[YamlPath, Counts | Shares]]:
    for name in ("rows", "dropped", "accepted"):
        if (bounds := getattr(expect, name)) is not None:
            yield ("expect", name), bounds
    for column, rules in expect.columns.items():
        for name in ("characters", "turns"):
            if (bounds := getattr(rules, name)) is not None:
                yield ("expect", "columns", column, name), bounds
