"""Checking files of every kind together: what `bezoar-data validate` does, apart from the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bezoar_data.api.ablation_check import check_ablation
from bezoar_data.cards.cross_check import check_pipeline_card
from bezoar_data.cards.render import check_card
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import check_front, load_card
from bezoar_data.config.files.discovery import Kind, find_files
from bezoar_data.config.files.expectations import load_expectations
from bezoar_data.config.files.models import load_models_file
from bezoar_data.config.files.suite import load_suite
from bezoar_data.config.problems import Problem
from bezoar_data.config.render import in_order
from bezoar_data.config.shipped import as_named
from bezoar_data.llms.providers.base import known_providers
from bezoar_data.pipeline.builders import pipelines_beside
from bezoar_data.pipeline.load import Checked, load
from bezoar_data.runs.row import LINEAGE_TYPES
from bezoar_data.training.stages.registry import load_recipe


@dataclass
class Findings:
    """The files that were looked at, and everything found in them, in the order of their places."""

    files: list[tuple[Path, Kind]] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    unchecked: tuple[str, ...] = ()
    """What no look at files can tell."""

    @property
    def errors(self) -> int:
        return sum(p.level == "error" for p in self.problems)


def check_files(paths: Sequence[Path], *, overrides: Sequence[str] = (), models: Path | None = None) -> Findings:
    """Check every file that `paths` name, and what these name in turn. Mistakes in them are not raised but returned.

    `overrides` and `models` are those of a run, for the pipelines among the files.
    """
    found = Findings()
    problems: list[Problem] = []
    unchecked: list[str] = []
    built = _Built()
    seen: set[str] = set()
    """Cards that were checked with their pipeline."""
    try:
        for path, kind in find_files(paths):
            found.files.append((path, kind))
            try:
                problems += _check(path, kind, built, seen, unchecked, overrides, models)
            except InputError as error:
                problems += error.problems
    except InputError as error:
        problems += error.problems
    found.problems = in_order(problems)
    found.unchecked = tuple(dict.fromkeys(unchecked))
    return found


def _check(
    path: Path,
    kind: Kind,
    built: _Built,
    seen: set[str],
    unchecked: list[str],
    overrides: Sequence[str],
    models: Path | None,
) -> Sequence[Problem]:
    """The warnings of one file; what was not checked goes to `unchecked`. Raises `InputError` with its mistakes."""
    match kind:
        case "pipeline":
            checked = load(path, overrides=overrides, models=models)
            built.add(checked)
            unchecked += checked.unchecked()
            if checked.card is not None:
                seen.add(os.path.realpath(checked.card))
            return [*checked.warnings, *check_pipeline_card(checked)]
        case "models":
            load_models_file(path, known_providers())
        case "card":
            return _check_card(path) if os.path.realpath(path) not in seen else ()
        case "recipe":
            unchecked.append(f"whether base and rows fit: bezoar-data train {as_named(path)} --plan")
            return load_recipe(path, built.columns).warnings
        case "suite":
            return load_suite(path).warnings
        case "ablation":
            return check_ablation(path).warnings
        case "expectations":
            load_expectations(path)
    return ()


class _Built:
    """The columns of the datasets that cards are the templates of: those of the pipelines that build them."""

    def __init__(self) -> None:
        self._columns: dict[str, Mapping[str, str | None] | None] = {}
        self._searched: set[Path] = set()

    def add(self, checked: Checked) -> None:
        if checked.card is not None:
            known = checked.columns
            columns = None if known is None else {**known, **LINEAGE_TYPES}
            self._columns.setdefault(os.path.realpath(checked.card), columns)

    def columns(self, card: Path) -> Mapping[str, str | None] | None:
        """The columns with their types, or None where no pipeline is known that builds the card, not even beside it."""
        name = os.path.realpath(card)
        if name not in self._columns and card.parent not in self._searched:
            self._searched.add(card.parent)
            for path in pipelines_beside(card):
                try:
                    self.add(load(path))
                except InputError:
                    continue
        return self._columns.get(name)


def _check_card(path: Path) -> list[Problem]:
    card = load_card(path, lenient=True)
    # A card that a run has filled in is not a template any more: its front matter alone is a person's to change.
    return check_front(card) if "lock" in card.bezoar else check_card(card)
