"""A card as a file: YAML front matter between two lines `---`, then a Markdown body.

Reading keeps positions, so that a mistake in a card is named with its line. `Card.edited` changes single keys of a
card a person wrote and keeps the order, the comments and the body.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card_front_matter import CardFront, View
from bezoar_data.config.files.card_text import FENCE, quoted
from bezoar_data.config.files.licence_names import licence_problem
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.validation import check
from bezoar_data.config.where import Where
from bezoar_data.config.yaml.document import Document, YamlPath, parse_yaml, read_text


@dataclass(frozen=True, slots=True)
class Card:
    """A card's file: its front matter as plain values, its body, and where both stand."""

    file: str
    text: str
    front: Mapping[str, Any]
    body: str
    body_line: int
    """The line of the file in which the body starts."""
    document: Document | None
    """The front matter with its places; None when it is empty."""

    @property
    def bezoar(self) -> Mapping[str, Any]:
        own = self.front.get("bezoar")
        return own if isinstance(own, Mapping) else {}

    @property
    def columns(self) -> Mapping[str, str | None] | None:
        """The columns of the dataset with their types, where a run has written them into the card."""
        info = self.front.get("dataset_info")
        features = info.get("features") if isinstance(info, Mapping) else None
        if not isinstance(features, list):
            return None
        return {str(f["name"]): _type_of(f) for f in features if isinstance(f, Mapping) and "name" in f}

    def place(self, path: YamlPath = (), key: bool = False) -> Place:
        return self.document.place(path, key) if self.document else Place(self.file, 1)

    def edited(self, changes: Mapping[str, Any]) -> Card:
        """This card with these keys of its front matter set; order, comments and body stay."""
        from ruamel.yaml import YAML

        yaml = YAML(typ="rt", pure=True)
        yaml.preserve_quotes = True
        yaml.width = 1_000_000
        front = yaml.load(self._front_lines()) or {}
        for key, value in changes.items():
            front[key] = quoted(value)
        out = io.StringIO()
        yaml.dump(front, out)
        return parse_card(f"{FENCE}\n{out.getvalue()}{FENCE}\n{self.body}", self.file)

    def _front_lines(self) -> str:
        return "\n".join(self.text.split("\n")[1 : self.body_line - 2]) + "\n"


def load_card(path: Path | str, *, lenient: bool = False) -> Card:
    """Read a card. Raises `InputError` for a missing file, missing front matter, broken YAML."""
    return parse_card(read_text(Path(path)), str(path), lenient=lenient)


def parse_card(text: str, file: str, *, lenient: bool = False) -> Card:
    """Parse a card's text. Raises `InputError`.

    `lenient=True` leaves mistakes that still can be read past, such as a key written twice, for `check_front` to
    report with all others.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.split("\n")
    hint = "a card starts with a line '---', its metadata as YAML, and a second line '---'"
    if lines[0].rstrip() != FENCE:
        raise InputError(Problem("no-front-matter", "this card has no front matter", Place(file, 1, 1), hint))
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise InputError(Problem("open-front-matter", "the front matter has no end", Place(file, 1, 1), hint))
    inside = lines[1:end]
    document = None
    if any(line.strip() and not line.lstrip().startswith("#") for line in inside):
        # The empty first line stands for the '---', so that positions are those of the file.
        document = parse_yaml("\n".join(["", *inside, ""]), file, lenient=lenient)
    front = document.value if document else {}
    if not isinstance(front, dict):
        raise InputError(Problem("bad-front-matter", "the front matter must be keys with values", Place(file, 2), hint))
    return Card(file, text, front, "\n".join(lines[end + 1 :]), end + 2, document)


_HUB_TYPES = {"string": "text", "large_string": "text", "bool": "boolean", "double": "number"}


def _type_of(feature: Mapping[str, Any]) -> str | None:
    """The type of a column by what the Hub calls it; None for those that we do not write."""
    if kind := next((ours for key, ours in (("list", "list"), ("struct", "record")) if key in feature), None):
        return kind
    name = str(feature.get("dtype"))
    if name.startswith(("int", "uint")):
        return "integer"
    return "number" if name.startswith("float") else _HUB_TYPES.get(name)


def check_front(card: Card, columns: Collection[str] | None = None) -> list[Problem]:
    """What is wrong with a card's front matter: the Hub's keys we know, and ours. `columns` are those of the dataset,
    where they are known."""
    if card.document is None:
        return []
    front, problems = check(card.document, CardFront)
    problems += _check_licence(card)
    problems += _check_keys(card)
    if front is not None and front.bezoar is not None and front.bezoar.views is not None:
        for kind, view in front.bezoar.views.by_kind.items():
            problems += _check_view(card, kind, view, columns)
    return problems


def _check_licence(card: Card) -> Iterator[Problem]:
    stated = card.front.get("license")
    for index, name in enumerate(stated) if isinstance(stated, list) else [(None, stated)]:
        path: YamlPath = ("license",) if index is None else ("license", index)
        found = licence_problem(name) if isinstance(name, str) else None
        if found is not None:
            yield Problem("unknown-licence", printable(found[0], 200), card.place(path), found[1])
        if name == "other" and not card.front.get("license_name"):
            hint = "add 'license_name' and, where its text stands, 'license_link'"
            yield Problem("missing-key", "a licence called 'other' needs its name", card.place(path), hint)


def _check_keys(card: Card) -> Iterator[Problem]:
    """Keys that are none of ours may be the Hub's; one that is nearly ours is most likely a slip."""
    for key in card.front:
        hint = did_you_mean(key, list(CardFront.model_fields))
        if key not in CardFront.model_fields and hint.startswith("did you mean"):
            message = f"neither the Hub nor bezoar-data reads the key '{printable(key, 40)}'"
            yield Problem("unknown-key", message, card.place((key,), key=True), hint, level="warning")


def _check_view(card: Card, kind: str, view: View, columns: Collection[str] | None) -> Iterator[Problem]:
    for role, column in view.columns.items():
        if columns is not None and column not in columns:
            message = f"the view '{kind}' reads a column '{printable(column)}', which the dataset does not have"
            place = card.place(("bezoar", "views", kind, role))
            yield Problem("unknown-column", message, place, did_you_mean(column, list(columns)))
    try:
        where = view_where(card, kind, view)
    except InputError as error:
        yield from error.problems
        return
    if where is not None:
        yield from where.check(columns)


def view_where(card: Card, kind: str, view: View) -> Where | None:
    """The view's `where`, with its place in the card. Raises `InputError`."""
    return None if view.where is None else Where.parse(view.where, card.place(("bezoar", "views", kind, "where")))
