"""Recipes from Python: plan, train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.cards.licences.lineage import commercial_use
from bezoar_data.cards.model_card.card import model_card
from bezoar_data.cards.truth import truth_of
from bezoar_data.config.shipped import file_meant, said_of_shipped
from bezoar_data.reports.training_plan import plan_as_json, rows_as_json
from bezoar_data.reports.training_report import TrainingReport
from bezoar_data.runs.events import Events
from bezoar_data.training.distributed import is_first
from bezoar_data.training.progress import Progress

if TYPE_CHECKING:
    from bezoar_data.training.instead import Instead
    from bezoar_data.training.planned import Prepared


def load_recipe(
    path: str | Path,
    *,
    runs: str | Path = "runs",
    out: str | Path | None = None,
    keep: Sequence[str] = (),
    instead: Instead | None = None,
) -> Recipe:
    """A recipe file, or the name of one that is in `recipes` here or comes with the package. Nothing is read or checked
    yet.

    `runs` is the folder that holds the runs whose datasets the recipe's cards name, `out` where the stages are left
    (default `trained/NAME`). `keep` names finished stages that stay, with all before them, whatever has changed;
    `instead` what is otherwise than in the file.
    """
    return Recipe(file_meant("recipes", path), Path(runs), Path(out) if out is not None else None, tuple(keep), instead)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe file, where its data is and where its stages go: see `load_recipe`, which makes one."""

    path: Path
    runs: Path = Path("runs")
    out: Path | None = None
    keep: tuple[str, ...] = ()
    instead: Instead | None = None

    def prepare(self) -> Prepared:
        """Check the recipe, its policy and its data, and make every stage's examples. Loads no weights. Raises
        `InputError`, and `PolicyRefused` where the policy forbids a card or the base."""
        from bezoar_data.training.train import prepare

        return prepare(
            self.path,
            runs=self.runs,
            out=self.out,
            commercial=commercial_use,
            truth_of=truth_of,
            keep=self.keep,
            instead=self.instead,
        )

    def plan(self) -> dict[str, Any]:
        """What `train` would do, as plain values: stages, rows, tokens, steps, and what is done already. Every stage's
        trainer is built on a shrunken base. Without the libraries of training: stages and rows, and what was not
        checked among the warnings. Raises `InputError` and `PolicyRefused`."""
        from bezoar_data.training.train import missing_libraries, read_recipe

        if missing := missing_libraries():
            read = read_recipe(
                self.path,
                runs=self.runs,
                out=self.out,
                commercial=commercial_use,
                truth_of=truth_of,
                instead=self.instead,
            )
            return rows_as_json(read, missing)
        return plan_as_json(self.tried(self.prepare(), elsewhere=True))

    def tried(self, prepared: Prepared, *, elsewhere: bool) -> Prepared:
        """The same, when every stage's trainer could be built; with what was not checked among its warnings. Raises
        `InputError`. `elsewhere`: a GPU that is not here is not asked for."""
        from bezoar_data.training.trial import try_stages

        unchecked = try_stages(prepared, elsewhere=elsewhere)
        warnings = (*prepared.warnings, *([f"not checked: {unchecked}"] if unchecked else []))
        return replace(prepared, warnings=warnings)

    def train(
        self,
        *,
        quiet: bool = False,
        prepared: Prepared | None = None,
        trial: bool = True,
        events: Events | None = None,
    ) -> TrainingReport:
        """Run every stage that is not done. The same call again goes on after an interruption: finished stages stay,
        and one that was cut short goes on from its last checkpoint. `quiet` shows nothing but warnings; `prepared` is
        what `prepare` gave, where that was called already; without `trial` the trainers are not tried out first.
        `events` is told how far it is. A page of all stages is left beside them."""
        from bezoar_data.training.train import train

        prepared, progress = prepared or self.prepare(), Progress(quiet=quiet, events=events)
        if trial:
            prepared = self.tried(prepared, elsewhere=False)
        for note in (*said_of_shipped("recipes", self.path), *prepared.warnings):
            progress.note(note)
        trained = train(prepared, progress, model_card)
        from bezoar_data.api.reports import report_of_training

        page, no_page = report_of_training(trained.folder) if is_first() else (None, "")
        return TrainingReport(trained.folder, trained.stages, page, no_page)
