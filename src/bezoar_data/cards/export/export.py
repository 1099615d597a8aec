"""A dataset's rows in the formats trainers read: those that are accepted, each split in a file of its own.

Rows are read by a view of the card, with the function that training reads them with, and stream from Parquet to files
that take their places when all of them are whole. What was not written is counted by its reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from bezoar_data.cards.export.exported import Exported
from bezoar_data.cards.export.formats import Files, Format, load_format
from bezoar_data.cards.export.held import CannotHold, held
from bezoar_data.cards.export.targets import targets, written_together
from bezoar_data.cards.export.views import ChosenView, choose_view, read_card
from bezoar_data.cards.truth import lies
from bezoar_data.config.errors import InputError, PolicyRefused, raise_errors
from bezoar_data.config.files.card import check_front
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.where import Where
from bezoar_data.runs.accepted import accepted_rows
from bezoar_data.runs.conversations.turns import Unread
from bezoar_data.runs.conversations.views import read_view
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import each_of
from bezoar_data.runs.published import data_files, dataset_folder, open_rows
from bezoar_data.runs.reviewed import corrected
from bezoar_data.runs.row import RESERVED

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.dataset import Dataset

_CHUNK = 1000
_TAKEN, _ACCEPTED = "\0taken", "\0accepted"
"""Columns of what was decided of a row, under names that no dataset has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose beside the format: which rows, read how.

    `where` goes before what is accepted, and `everything` takes all rows. `view` is one of the card's; `columns` name
    those of a view by role. `original` leaves responses as they were before people corrected them.
    """

    split: str | None = None
    where: str | None = None
    everything: bool = False
    view: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    original: bool = False


def export_rows(source: Path, form: str, out: Path | None = None, choice: Choice | None = None) -> Exported:
    """Write the rows of a run's or dataset's folder, or of a Parquet file. Raises `InputError`, and `PolicyRefused`
    where the dataset's card says otherwise than its lock, or the rows are not the lock's."""
    choice = choice or Choice()
    format_ = load_format(form)
    data = _Source.of(source, choice.split)
    data.refuse_lies()
    schema = data.splits[next(iter(data.splits))].schema
    place = Place(str(source))
    view = choose_view(data.card, schema, place, needed=format_.needs_view, wanted=choice.view, given=choice.columns)
    accepted = _accepted(schema, view, data.lock, choice)
    chosen = Where.parse(choice.where) if choice.where is not None else None
    taken = None if choice.everything else chosen if chosen is not None else accepted
    by_person = choice.everything or chosen is not None
    demo = data.lock is not None and data.lock.demo
    done = Exported(form, view, accepted.text if accepted else None, by_person, demo)
    paths, folder = targets(out, data.name, form, list(data.splits), folder=format_.beside is not None)
    _refuse_inputs(paths.values(), data)
    writing = _Writing(format_, view, choice.original, done)
    with written_together(paths, folder, data.path) as (files, add_text):
        for split, rows in data.splits.items():
            for row in _chosen_rows(data.path, rows, taken, accepted, done):
                value = writing.value(row)
                if value is not None:
                    files[split].add(value)
            done.files[split] = paths[split], files[split].count
        if format_.beside is not None and folder is not None:
            names = {split: path.name for split, path in paths.items()}
            about = Files(data.name, view.kind, folder, names, lambda name: _text_of(folder / name))
            for name, text in format_.beside(about).items():
                add_text(folder / name, text)
                done.beside.append(folder / name)
    return done


def _refuse_inputs(paths: Iterable[Path], data: _Source) -> None:
    """Refuse to write over the files that the dataset was made from."""
    try:
        made_of = Ingredients.of_run(RunFolder(data.path.resolve().parent))
    except (InputError, ValueError, KeyError, TypeError):
        return  # nothing says what it was made from
    inputs = {one.resolve() for one in made_of.inputs.values()}
    for path in paths:
        if path.resolve() in inputs:
            message = "the dataset was made from this file"
            raise InputError(Problem("bad-out", message, Place(str(path)), "name another file with --out"))


@dataclass(frozen=True, slots=True)
class _Source:
    """What is exported: rows by split, training rows first, with card and lock where there are any."""

    path: Path
    name: str
    splits: Mapping[str, Dataset]
    card: Any
    lock: Lock | None

    @classmethod
    def of(cls, source: Path, split: str | None) -> _Source:
        if source.is_file():
            return cls(source, source.stem, {"": _open_file(source, split)}, None, None)
        folder = dataset_folder(source)
        splits = list(dict.fromkeys(file.name.partition("-")[0] for file in data_files(folder, split)))
        home = folder.resolve().parent if folder.name == "dataset" else folder.resolve()
        rows = {one: open_rows(folder, one) for one in splits}
        return cls(folder, home.name, rows, read_card(folder), _read_lock(folder))

    def refuse_lies(self) -> None:
        """Raises `PolicyRefused`, and `InputError` for a card that cannot be read."""
        if self.lock is None or self.card is None:
            return
        raise_errors(check_front(self.card, tuple(self.lock.columns)))
        problems = list(lies(self.card, self.lock))
        if changed := self.lock.changed_files(self.path):
            hint = "rebuild it: run its pipeline again (answers come from the journal), or pull the dataset again"
            problems.append(
                Problem("data-differs", f"not the rows of its lock: {changed[0]}", Place(str(self.path)), hint)
            )
        if problems:
            raise PolicyRefused(problems)


def _read_lock(folder: Path) -> Lock | None:
    """None where there is none that this version reads: rows and their lineage tell nearly all of it."""
    try:
        return Lock.read(folder / "lock.json")
    except InputError:
        return None


def _open_file(path: Path, split: str | None) -> Dataset:
    import pyarrow as pa
    import pyarrow.dataset as ds

    if split is not None:
        raise InputError(Problem("unknown-split", "a file has no splits", Place(str(path)), "leave out --split"))
    try:
        return ds.dataset([str(path)], format="parquet")
    except (pa.ArrowInvalid, OSError) as error:
        hint = "name a run's folder, a dataset's folder, or a Parquet file"
        said = str(error).splitlines()[0]
        raise InputError(Problem("no-dataset", f"this is not a Parquet file: {said}", Place(str(path)), hint)) from None


def _accepted(schema: pa.Schema, view: ChosenView, lock: Lock | None, choice: Choice) -> Where | None:
    """Which rows are accepted. Where a person chose others, it is told of them what it can be."""
    own_choice = choice.everything or choice.where is not None
    try:
        return accepted_rows(schema, view.where, lock, view.place, "or here --where; --all takes all rows")
    except InputError as error:
        if own_choice and error.problems[0].code == "several-judges":
            return None
        raise


def _chosen_rows(
    path: Path, rows: Dataset, taken: Where | None, accepted: Where | None, done: Exported
) -> Iterator[dict[str, Any]]:
    """The rows that are taken; all others are counted."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    def decided(where: Where | None) -> Any:
        return pc.scalar(True) if where is None else where.arrow(rows.schema)

    columns = {name: ds.field(name) for name in rows.schema.names}
    columns |= {_TAKEN: decided(taken), _ACCEPTED: decided(accepted)}
    few = {"batch_size": _CHUNK, "batch_readahead": 1, "fragment_readahead": 1}
    for batch in each_of(rows.scanner(columns=columns, **few).to_batches(), path):
        is_taken = pc.fill_null(batch.column(_TAKEN), False)
        kept = batch.filter(is_taken)
        looked_at = (kept if done.by_person else batch).column(_ACCEPTED)
        done.rejected += pc.sum(pc.equal(looked_at, False)).as_py() or 0
        done.undecided += looked_at.null_count
        done.not_chosen += len(batch) - len(kept) if done.by_person else 0
        yield from kept.drop_columns([_TAKEN, _ACCEPTED]).to_pylist()


class _Writing:
    """Makes the values that are written of rows."""

    def __init__(self, format_: Format, view: ChosenView, original: bool, done: Exported) -> None:
        self._format = format_
        self._convert = format_.converter(view.kind)
        self._view = view
        self._original = original
        self._done = done

    def value(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """None for a row that is left out."""
        done = self._done
        done.demo = done.demo or _is_demo(row)
        if not self._original and (better := corrected(row)) is not row:
            row, done.corrected = better, done.corrected + 1
        if not self._format.needs_view:
            return _with_finite_numbers(self._convert(row, None), done)
        example = read_view(self._view.kind, {role: row[name] for role, name in self._view.columns.items()})
        if isinstance(example, Unread):
            done.leave_out(example.reason, example.detail)
            return None
        try:
            example, cut = held(example, self._format.held_of(example))
            value = self._convert(row, example)
        except CannotHold as why:
            done.leave_out(why.reason, why.detail)
            return None
        done.cut.update(cut)
        return _with_finite_numbers(value, done)


def _is_demo(row: Mapping[str, Any]) -> bool:
    """Whether the row's own lineage says that it only shows the flow."""
    lineage = row.get(RESERVED)
    return isinstance(lineage, str) and '"demo"' in lineage and bool(orjson.loads(lineage).get("demo"))


def _with_finite_numbers(value: dict[str, Any], done: Exported) -> dict[str, Any]:
    """JSON has no word for NaN and infinities: they are null, and counted."""
    for name, one in value.items():
        if type(one) is not str and not _is_finite(one):
            done.cut[f"{name}: NaN or infinite"] += 1
            value = {**value, name: _finite(one)}
    return value


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(type(one) is str or _is_finite(one) for one in value.values())
    return all(map(_is_finite, value)) if isinstance(value, list) else True


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list) else value if _is_finite(value) else None


def _text_of(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
