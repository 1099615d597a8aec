"""Which view an export reads rows by: the card's, one that a person gave in options, or one told by column names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bezoar_data.cards.infer_views import infer_view
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import Card, check_front, load_card, view_where
from bezoar_data.config.files.card_front_matter import View, Views
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.where import Where

if TYPE_CHECKING:
    import pyarrow as pa

_NO_CARD = ("missing-file", "no-front-matter")
_CARD = "bezoar-data card init PIPELINE writes a card"


@dataclass(frozen=True, slots=True)
class ChosenView:
    """A view with the column of each role, and where it is from. No kind: rows are taken as they are."""

    kind: str
    columns: Mapping[str, str]
    source: Literal["card", "options", "names", "none"]
    where: Where | None
    """Which rows are accepted, as the card says."""
    place: Place
    """Where the card's views stand, or should stand."""

    def __str__(self) -> str:
        return ", ".join(f"{role}: {column}" for role, column in self.columns.items())


def read_card(folder: Path) -> Card | None:
    """The card of a dataset's folder; None where there is none. Raises `InputError`."""
    try:
        return load_card(folder / "README.md")
    except InputError as error:
        if error.problems[0].code in _NO_CARD:
            return None
        raise


def choose_view(
    card: Card | None,
    schema: pa.Schema,
    place: Place,
    *,
    needed: bool,
    wanted: str | None = None,
    given: Mapping[str, str] | None = None,
) -> ChosenView:
    """The view to read rows by. `needed` is whether the format reads any, `wanted` the kind of the card's view, `given`
    the columns that a person named, by role. Raises `InputError`."""
    names = schema.names
    if card is not None:
        raise_errors(check_front(card, names))
        place = card.place(("bezoar", "views")) if "views" in card.bezoar else card.place()
    views = Views.model_validate((card.bezoar.get("views") if card else None) or {}).by_kind
    if given or not views:
        return _worked_out(card, views, names, place, needed, wanted, given or {})
    if wanted is not None and wanted not in views:
        hint = did_you_mean(wanted, list(views))
        raise InputError(Problem("unknown-view", f"the card has no view '{wanted}'", place, hint))
    assert card is not None  # noqa: S101 (it has views)
    if wanted is None and len(views) > 1:
        if not needed:
            return ChosenView("", {}, "none", _one_where(card, views, place), place)
        said = f"the card has several views: {', '.join(views)}"
        raise InputError(Problem("several-views", said, place, f"name one: {_options(views)}"))
    kind = wanted or next(iter(views))
    if needed and kind == "rating":
        message = "the card's view is of rated answers, which no format for training holds"
        raise InputError(Problem("no-format", message, place, "--format jsonl takes rows as they are"))
    columns = views[kind].columns if needed else {}
    return ChosenView(kind if needed else "", columns, "card", view_where(card, kind, views[kind]), place)


def _worked_out(
    card: Card | None,
    views: Mapping[str, View],
    names: list[str],
    place: Place,
    needed: bool,
    wanted: str | None,
    given: Mapping[str, str],
) -> ChosenView:
    where = _one_where(card, views, place) if card is not None else None
    if wanted is not None:
        hint = f"leave out --{next(iter(given))}" if given else _CARD
        raise InputError(Problem("unknown-view", f"there is no card's view '{wanted}' to read by", place, hint))
    raise_errors(
        Problem("unknown-column", f"--{role}: there is no column '{column}'", place, did_you_mean(column, names))
        for role, column in given.items()
        if column not in names
    )
    if not needed:
        return ChosenView("", {}, "none", where, place)
    found = infer_view(names, given)
    if found is None:
        hint = "name them: --prompt COLUMN --response COLUMN, --messages COLUMN, or --chosen and --rejected"
        message = f"nothing says how these columns become training text: {', '.join(names)}"
        raise InputError(Problem("no-views", message, place, f"{hint}; --format jsonl takes rows as they are; {_CARD}"))
    return ChosenView(found[0], found[1], "options" if given else "names", where, place)


def _one_where(card: Card, views: Mapping[str, View], place: Place) -> Where | None:
    """The `where` that all views agree on. Raises `InputError`."""
    if len({view.where for view in views.values()}) > 1:
        said = "the views of the card accept different rows"
        raise InputError(Problem("several-views", said, place, f"name one: {_options(views)}"))
    return next((view_where(card, kind, view) for kind, view in views.items()), None)


def _options(views: Mapping[str, View]) -> str:
    return ", or ".join(f"--view {kind}" for kind in views)
