"""A card as a file: YAML front matter between two lines `---`, then a Markdown body.

Reading keeps positions, so that a mistake in a card is named with its line. Writing has two ways: `edited` changes
single keys of a card a person wrote and keeps the order, the comments and the body; `front_text` writes front matter
that we make, quoted so that readers of YAML 1.1 (`huggingface_hub`, `datasets`) and of YAML 1.2 (the Hub) see the same
values: a bare `no`, a Norwegian card's language, is false to the one and text to the other.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.cards.views import check_views
from bezoar_data.spec.errors import InputError, Place, Problem, did_you_mean
from bezoar_data.spec.yaml_text import Document, YamlPath, parse_yaml, read_text

FENCE = "---"

PERSONS_KEYS = ("views", "fields")
"""What a person writes under `bezoar:`."""

MADE_KEYS = (
    "version",
    "pipeline",
    "lock",
    "demo",
    "counts",
    "cost",
    "sources",
    "models",
    "licence",
    "judge",
    "review",
    "contamination",
)
"""What a run writes under `bezoar:`, each time anew."""

_TEXTS = ("license", "language", "task_categories", "tags", "source_datasets", "size_categories")
_HARMLESS = re.compile(r"[A-Za-z][A-Za-z0-9_./()-]*( [A-Za-z0-9_./()-]+)*\Z")
_WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


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
            front[key] = _quoted(value)
        out = io.StringIO()
        yaml.dump(front, out)
        return parse_card(f"{FENCE}\n{out.getvalue()}{FENCE}\n{self.body}", self.file)

    def _front_lines(self) -> str:
        return "\n".join(self.text.split("\n")[1 : self.body_line - 2]) + "\n"


def load_card(path: Path | str) -> Card:
    """Read a card. Raises `InputError` for a missing file, missing front matter, broken YAML."""
    return parse_card(read_text(Path(path)), str(path))


def parse_card(text: str, file: str) -> Card:
    """Parse a card's text. Raises `InputError`."""
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
        document = parse_yaml("\n".join(["", *inside, ""]), file)
    front = document.value if document else {}
    if not isinstance(front, dict):
        raise InputError(Problem("bad-front-matter", "the front matter must be keys with values", Place(file, 2), hint))
    return Card(file, text, front, "\n".join(lines[end + 1 :]), end + 2, document)


def write_card(path: Path, card: Card) -> None:
    """Write a card's text as it is, the old file staying until the new one is whole."""
    from bezoar_data.runs.folder import write_text

    write_text(path, card.text)


def check_front(card: Card, columns: Collection[str] | None = None) -> list[Problem]:
    """What is wrong with a card's front matter: the Hub's keys we know, and ours. Other keys are the Hub's affair."""
    problems = [p for key in _TEXTS if key in card.front for p in _check_texts(card, key)]
    name = card.front.get("pretty_name", "")
    if not isinstance(name, str):
        problems.append(Problem("wrong-type", "'pretty_name' must be text", card.place(("pretty_name",)), "quote it"))
    own = card.front.get("bezoar", {})
    if not isinstance(own, Mapping):
        message = "'bezoar' must hold keys with values"
        return [*problems, Problem("wrong-type", message, card.place(("bezoar",)), f"such as {PERSONS_KEYS[0]}")]
    for key in own:
        if key not in PERSONS_KEYS and key not in MADE_KEYS:
            place = card.place(("bezoar", key), key=True)
            hint = did_you_mean(key, PERSONS_KEYS)
            problems.append(Problem("unknown-key", f"there is no '{key}' under 'bezoar'", place, hint))
    if "views" in own:
        problems += check_views(own["views"], columns, lambda path: card.place(("bezoar", "views", *path)))
    fields = own.get("fields", {})
    if not isinstance(fields, Mapping):
        message = "'fields' must map columns to what they mean"
        problems.append(Problem("wrong-type", message, card.place(("bezoar", "fields"))))
    else:
        for column, meaning in fields.items():
            if not isinstance(meaning, str):
                place = card.place(("bezoar", "fields", column))
                message = f"what the column '{column}' means must be text"
                problems.append(Problem("wrong-type", message, place, "quote it"))
    return problems


def front_text(front: Mapping[str, Any]) -> str:
    """Front matter that we make, with both its fences. The same values give the same bytes."""
    from ruamel.yaml import YAML, RoundTripRepresenter

    # A class of its own: representers are added to the class, and other YAML must not change with ours.
    class Plain(RoundTripRepresenter):
        pass

    Plain.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))
    Plain.add_representer(float, lambda dumper, v: dumper.represent_scalar("tag:yaml.org,2002:float", _float(v)))
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = Plain
    yaml.width = 1_000_000
    out = io.StringIO()
    yaml.dump(_quoted(dict(front)), out)
    return f"{FENCE}\n{out.getvalue()}{FENCE}\n"


def _float(value: float) -> str:
    """A number's text: to YAML 1.1, `1e-05` without a point is no number."""
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"


def _check_texts(card: Card, key: str) -> list[Problem]:
    value = card.front[key]
    items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
    problems = []
    for index, item in items:
        if not isinstance(item, str):
            place = card.place((key,) if index is None else (key, index))
            problems.append(Problem("wrong-type", f"'{key}' must be text, or a list of texts", place, "quote it"))
    return problems


def _quoted(value: Any) -> Any:
    """The value with every text in double quotes that some reader of YAML could take for something else."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        plain = _HARMLESS.match(value) and value.lower() not in _WORDS_OF_YAML
        return value if plain else DoubleQuotedScalarString(value)
    if isinstance(value, Mapping):
        made = CommentedMap()
        for key, inner in value.items():
            made[_quoted(str(key))] = _quoted(inner)
        return made
    if isinstance(value, list | tuple):
        return [_quoted(inner) for inner in value]
    return value
