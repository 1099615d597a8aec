"""What a dataset's card must say, worked out anew from its lock: who asks what a dataset is, asks here.

A README is text that anyone can edit. Whether rows are a demo, under which licence they stand, what judges and people
said of them: training, publishing and exports take it from the lock alone, and refuse a card that says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.cards.front_matter import GENERATED, build_front, facts_of
from bezoar_data.cards.licences.hub_keys import KEYS, stated_names
from bezoar_data.cards.licences.lineage import Licence, licence_of
from bezoar_data.cards.merge import split_body
from bezoar_data.cards.origins import ORIGINS
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.cards.sections.registry import SECTIONS
from bezoar_data.config.errors import raise_errors
from bezoar_data.config.files.card import Card, check_front, load_card
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.lock import Lock


@dataclass(frozen=True, slots=True)
class Truth:
    """What the lock of a dataset says (`front_matter.facts_of`), and where its card says otherwise. A person's own keys
    under `bezoar:` are the card's."""

    own: Mapping[str, Any]
    lies: tuple[Problem, ...]


def truth_of(dataset: Path) -> Truth:
    """Raises `InputError` where there is no dataset, or a card that cannot be read."""
    lock, card = Lock.read(dataset / "lock.json"), load_card(dataset / "README.md")
    raise_errors(check_front(card, tuple(lock.columns)))
    return Truth(facts_of(card.bezoar, lock, true_licence(card, lock)), tuple(lies(card, lock)))


def expected_front(card: Card, lock: Lock) -> dict[str, Any]:
    """The front matter that a card has when it is rendered from this lock, with what a person wrote into it."""
    return build_front(persons_keys(card), card.bezoar, lock, true_licence(card, lock))


def true_licence(card: Card, lock: Lock) -> Licence:
    """The licence that follows from the lock and what the card's author states."""
    return licence_of(lock, stated_names(persons_keys(card)), card.bezoar.get("terms"))


def persons_keys(card: Card) -> dict[str, Any]:
    """The keys of a rendered card that a person wrote. A licence is theirs where the card says that they stated it."""
    person = {key: value for key, value in card.front.items() if key not in GENERATED}
    licence = card.bezoar.get("licence")
    if not isinstance(licence, Mapping) or not licence.get("stated"):
        person = {key: value for key, value in person.items() if key not in KEYS}
    return person


def differences(card: Card, lock: Lock) -> Iterator[Problem]:
    """Where a card's front matter, which can be read, is not what follows from the lock."""
    expected = expected_front(card, lock)
    same_version = lock.software.get("bezoar-data") == __version__
    hint = f"bezoar-data {lock.software.get('bezoar-data')} rendered this card, and this is {__version__}"
    for problem in (*_keys(card, expected), *_ours(card, expected["bezoar"])):
        yield problem if same_version else replace(problem, hint="; ".join(filter(None, (problem.hint, hint))))


def lies(card: Card, lock: Lock) -> Iterator[Problem]:
    """Where a card, which can be read, is not what the lock alone gives: in all but the row that it shows. Of a card
    that another version rendered it is the front matter, as its sentences may be others."""
    yield from differences(card, lock)
    if lock.software.get("bezoar-data") == __version__:
        yield from section_differences(card, lock, None, without=("example",))


def section_differences(
    card: Card, lock: Lock, example: Mapping[str, Any] | None, *, without: Collection[str] = ()
) -> Iterator[Problem]:
    """Sections that are not what the lock and the row that a card shows give."""
    context = CardContext.of(lock, example, card, persons_keys(card))
    found = split_body(card.body).sections
    for name, what in SECTIONS.items():
        if name not in without and found.get(name, "").strip() != what.make(context).strip():
            line = next((i for i, t in enumerate(card.text.split("\n"), 1) if f"bezoar:begin {name} " in t), 1)
            said = f"the section '{what.title or name}' is not what follows from the lock"
            yield Problem("section-differs", said, Place(card.file, line))


def _keys(card: Card, expected: Mapping[str, Any]) -> Iterator[Problem]:
    """The Hub's keys."""
    for key, value in expected.items():
        if key != "bezoar" and card.front.get(key) != value:
            yield Problem("card-differs", f"'{key}' is not what follows from the lock", card.place((key,)), _be(value))
    for key in (*KEYS, *ORIGINS):
        if key in card.front and key not in expected:
            yield Problem("card-differs", f"'{key}' does not follow from the lock", card.place((key,)))


def _ours(card: Card, expected: Mapping[str, Any]) -> Iterator[Problem]:
    """Ours, but for the build's name, which has a message of its own."""
    for key in dict.fromkeys((*expected, *card.bezoar)):
        said, value = card.bezoar.get(key), expected.get(key)
        if said != value and key != "lock":
            place = card.place(("bezoar", key) if key in card.bezoar else ("bezoar",))
            yield Problem("card-differs", f"'bezoar: {key}' is not what follows from the lock", place, _be(value))


def _be(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"it should be {text if len(text) <= 200 else text[:200] + '…'}"
