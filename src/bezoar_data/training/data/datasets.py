"""The data of a stage: from the card that a recipe names to the rows it trains on and those it holds out.

A card is the template of a dataset that a run here has built, or the card of a dataset that is there already (a run's,
or a pulled one). Either way the rows are those that the dataset's lock names, byte for byte.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import load_card, view_where
from bezoar_data.config.files.card_front_matter import View, Views
from bezoar_data.config.files.recipe import LoadedRecipe, Split, TrainingStage
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.shipped import as_named
from bezoar_data.config.where import Where
from bezoar_data.pipeline.builders import builder_of
from bezoar_data.runs.accepted import accepted_rows
from bezoar_data.runs.gate import unmet
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import readable
from bezoar_data.runs.published import data_files
from bezoar_data.runs.reviewed import corrected
from bezoar_data.runs.splits import SplitPlan
from bezoar_data.training.data.examples import StageRows

if TYPE_CHECKING:
    import pyarrow as pa

_HELD_OUT = "validation"


@dataclass(frozen=True, slots=True)
class StageCard:
    """The dataset that a stage trains on: its folder, what its lock says, as a card has it under `bezoar:`, and the
    lock's hash."""

    index: int
    """Of the stage in the recipe."""
    stage: TrainingStage
    folder: Path
    own: Mapping[str, Any]
    lock: str
    place: Place
    """Where the recipe names it."""
    unreviewed: tuple[str, ...] = ()
    """What the pipeline's `review` asks for and people have not done yet, as sentences."""
    lies: tuple[Problem, ...] = ()
    """Where the card says otherwise than its lock."""

    @property
    def name(self) -> str:
        return str((self.own.get("pipeline") or {}).get("name") or self.folder.name)


class Truth(Protocol):
    """What a dataset's lock says, as its card has it under `bezoar:`, and where the card says otherwise."""

    @property
    def own(self) -> Mapping[str, Any]: ...

    @property
    def lies(self) -> tuple[Problem, ...]: ...


TruthOf = Callable[[Path], Truth]
"""Works it out anew for a dataset's folder: training knows nothing of cards, and believes none."""


def find_cards(
    recipe: LoadedRecipe, runs: Path, truth_of: TruthOf, built: Mapping[Path, Path] = {}
) -> dict[int, StageCard]:
    """The dataset of each stage that trains, by the stage's index. `runs` is the folder that holds the runs of here;
    `built` names the run of a card, by the card's real path, where that is another.

    Raises `InputError` with every card whose dataset is not there, or is not what its lock says.
    """
    found: dict[int, StageCard] = {}
    problems: list[Problem] = []
    for i, stage in enumerate(recipe.file.stages):
        if not isinstance(stage, TrainingStage):
            continue
        place = recipe.document.place(("stages", i, "card"))
        try:
            folder = _dataset_of(recipe, stage, runs, built, place)
            card = load_card(folder / "README.md")
            lock, unreviewed = _lock_of(folder, card.bezoar, place)
            truth = truth_of(folder)
        except InputError as error:
            problems += error.problems
            continue
        found[i] = StageCard(i, stage, folder, truth.own, lock, place, unreviewed, truth.lies)
    raise_errors(dict.fromkeys(problems))
    return found


def _dataset_of(
    recipe: LoadedRecipe, stage: TrainingStage, runs: Path, built: Mapping[Path, Path], place: Place
) -> Path:
    path = recipe.resolve(stage.card)
    if path.suffix != ".md":
        pulled = Path("pulled") / stage.card.rpartition("/")[2]
        if (pulled / "lock.json").is_file():
            return pulled
        message = f"the dataset '{stage.card}' is not here"
        raise InputError(Problem("no-dataset", message, place, f"fetch it: bezoar-data pull {stage.card}"))
    if (path.parent / "lock.json").is_file():
        return path.parent
    if (run := built.get(path.resolve())) is not None:
        return run / "dataset"
    pipeline = builder_of(path)
    name = pipeline.loaded.file.name if pipeline is not None else path.stem
    folder = runs / name / "dataset"
    if (folder / "lock.json").is_file():
        return folder
    message = f"the dataset of this card is not built: there is no {relative_to_cwd(folder)}"
    hint = _how_to_build(as_named(pipeline.loaded.path), folder.parent) if pipeline else ""
    raise InputError(Problem("no-dataset", message, place, hint))


def _how_to_build(pipeline: str, run: Path) -> str:
    hint = f"run its pipeline first: bezoar-data run {pipeline}"
    tried = next((one.name for one in sorted(run.parent.glob(f"{run.name}-limit*"))), None)
    if tried is None:
        return hint
    return f"{hint}; to train on a few rows, such as those of {tried}, add --limit N --out {relative_to_cwd(run)}"


def _lock_of(folder: Path, own: Mapping[str, Any], place: Place) -> tuple[str, tuple[str, ...]]:
    """The hash of the dataset's lock, when card and rows are those it names, and what review it lacks. Raises
    `InputError`."""
    lock = Lock.read(folder / "lock.json")
    hint = "run its pipeline again; `bezoar-data card check` shows what differs"
    if own.get("lock") != lock.hash:
        message = f"the card of {relative_to_cwd(folder)} belongs to another build than its lock"
        raise InputError(Problem("lock-differs", message, place, hint))
    if lock.changed_files(folder):
        message = f"the rows of {relative_to_cwd(folder)} are not those of its lock"
        raise InputError(Problem("data-differs", message, place, hint))
    return lock.hash, tuple(unmet(lock))


def read_rows(recipe: LoadedRecipe, card: StageCard) -> StageRows:
    """The rows a stage trains on, and those it holds out. Raises `InputError`."""
    stage = card.stage
    split = stage.split if isinstance(stage.split, Split) else Split(train=stage.split)
    kind, view = _view(card)
    names, notes = _splits(card.folder, split)
    table = _table(card.folder, *names)
    _check_columns(card, view.columns, table)
    where = _where(recipe, card, kind, view, table.schema)
    rows = _chosen(table, where)
    seed = recipe.file.seed if split.seed is None else split.seed
    if split.rows is not None and split.rows < len(rows):
        drawn = random.Random(f"rows {seed}").sample(range(len(rows)), split.rows)
        rows = [rows[i] for i in sorted(drawn)]
    passed_over = table.num_rows - len(rows)
    held_out: list[dict[str, Any]] = []
    if isinstance(split.validation, str):
        held_out = _chosen(_table(card.folder, split.validation), where)
    elif split.validation is not None:
        rows, held_out = _held_out(rows, split.validation, seed)
        notes += _far_off(split.validation, len(held_out), len(rows) + len(held_out))
    if not rows:
        message = f"no rows are left to train on, of {table.num_rows:,} in {relative_to_cwd(card.folder)}"
        hint = f"its rows are those for which {where.text}" if where is not None else ""
        raise InputError(Problem("no-rows", message, recipe.document.place(("stages", card.index)), hint))
    return StageRows(
        view.columns,
        rows,
        held_out,
        passed_over,
        where.text if where is not None else None,
        train_on=getattr(stage, "train_on", ("assistant",)),
        stage=stage,
        notes=tuple(notes),
    )


def _splits(folder: Path, split: Split) -> tuple[list[str], list[str]]:
    """The splits to train on, and what is to be said of them. A fraction is held out once: of all rows, those that the
    dataset holds out itself among them, unless the recipe names the split to train on."""
    if "train" in split.model_fields_set or not isinstance(split.validation, float):
        return [split.train], []
    if not any(file.name.partition("-")[0] == _HELD_OUT for file in data_files(folder)):
        return [split.train], []
    note = f"the dataset's own split '{_HELD_OUT}' is drawn from as well: rows are held out once"
    return [split.train, _HELD_OUT], [note]


def _held_out(
    rows: list[dict[str, Any]], fraction: float, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    # Rows without lineage are groups of their own.
    groups = [tuple(row.get("seed_ids") or (str(row.get("id", i)),)) for i, row in enumerate(rows)]
    plan = SplitPlan(groups, {_HELD_OUT: fraction}, seed)
    sides = [plan.split_of(ids) == _HELD_OUT for ids in groups]
    return (
        [row for row, held in zip(rows, sides, strict=True) if not held],
        [row for row, held in zip(rows, sides, strict=True) if held],
    )


def _far_off(wanted: float, got: int, rows: int) -> Iterator[str]:
    if rows and abs(got - wanted * rows) > max(1, wanted * rows / 4):
        why = "rows of one seed stay on one side, and a seed has many" if rows > 1 else "there is one row"
        yield f"wanted {wanted:.1%} held out, got {got / rows:.1%} ({got:,} of {rows:,} rows): {why}"


def _view(card: StageCard) -> tuple[str, View]:
    views = Views.model_validate(card.own.get("views") or {}).by_kind
    stage = card.stage
    for kind in (stage.view,) if stage.view is not None else stage.views:
        if kind in views:
            return kind, views[kind]
    message = f"the card of {relative_to_cwd(card.folder)} has no view that '{stage.use}' trains on"
    raise InputError(Problem("missing-view", message, card.place, "run its pipeline again if its card has one now"))


def _table(folder: Path, *splits: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for file in (file for split in splits for file in data_files(folder, split)):
        with readable(file):
            tables.append(pq.read_table(file))
    return pa.concat_tables(tables)


def _check_columns(card: StageCard, view: Mapping[str, str], table: pa.Table) -> None:
    message = f"the view reads a column that {relative_to_cwd(card.folder)} does not have: "
    raise_errors(
        Problem("unknown-column", message + column, card.place)
        for column in view.values()
        if column not in table.column_names
    )


def _where(recipe: LoadedRecipe, card: StageCard, kind: str, view: View, schema: pa.Schema) -> Where | None:
    """Which rows the stage takes: what it says itself, else those that are accepted."""
    if card.stage.where is not None:
        return Where.parse(card.stage.where, recipe.document.place(("stages", card.index, "where")))
    readme = load_card(card.folder / "README.md")
    lock = Lock.read(card.folder / "lock.json")
    return accepted_rows(schema, view_where(readme, kind, view), lock, card.place, "or write it in this stage")


def _chosen(table: pa.Table, where: Where | None) -> list[dict[str, Any]]:
    """The rows it chooses, each with the response that a person corrected."""
    if where is not None:
        table = table.filter(where.arrow(table.schema))
    return [dict(corrected(row)) for row in table.to_pylist()]


def seeds_on_both_sides(rows: StageRows) -> Iterator[str]:
    """Seeds from which rows on both sides come: none, unless the dataset's own splits were not grouped."""
    train = {seed for row in rows.train for seed in row.get("seed_ids") or ()}
    held_out = {seed for row in rows.held_out for seed in row.get("seed_ids") or ()}
    yield from sorted(train & held_out)
