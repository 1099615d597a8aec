"""From a run's lock to its card: `dataset/README.md`.

A card is rendered from a template (the pipeline's `card:`, or the one that comes with the package), the lock, one
example row, and the card that stood in the place before. Every figure is the lock's; the words around the figures are
a person's and survive, see `cards.merge`: what they write in the template always stands, and what they change in the
rendered README by hand is kept when it is rendered again. Figures belong into sections: one that a template puts into
a sentence stays as it is once a person has edited that sentence in the README. The same inputs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from bezoar_data.cards import croissant
from bezoar_data.cards.front_matter import GENERATED, build_front
from bezoar_data.cards.licences.hub_keys import stated_names
from bezoar_data.cards.licences.lineage import licence_of
from bezoar_data.cards.merge import hash_of, join_body, merge_body, merge_front, split_body, with_hashes, wrap
from bezoar_data.cards.sample_lock import SAMPLE, sample_values
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.cards.sections.registry import SECTIONS
from bezoar_data.cards.template import VALUES, check_template, render_body
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import Card, check_front, load_card, parse_card
from bezoar_data.config.files.card_text import front_text
from bezoar_data.config.problems import Problem
from bezoar_data.runs.lock import Lock, RenderCard
from bezoar_data.runs.row import LINEAGE_TYPES, RESERVED

DEFAULT_TEMPLATE = "default_card.md"
README = "dataset/README.md"


def card_renderer(
    template: Path | None, columns: Collection[str] | None = None, previous: Path | None = None
) -> RenderCard:
    """What makes the files that describe a dataset, its card and its Croissant: texts by file name.

    `template` None takes the one that comes with the package.

    A template of a person's is read and checked here, before a run has cost anything, and so is the README that stands
    in the place, `previous`, which a person may have edited. `columns` are those the pipeline will write, where they
    are known. Raises `InputError`.
    """
    card = read_template(template)
    problems = [] if template is None else check_card(card, columns)
    if previous is not None and previous.exists():
        problems += check_front(load_card(previous))
    raise_errors(problems)

    def render(lock: Lock, example: Mapping[str, Any] | None, previous: str | None) -> dict[str, str]:
        return _render(card, lock, example, previous)

    return render


def read_template(path: Path | None) -> Card:
    """A template's card. Raises `InputError` for one that cannot be read."""
    if path is not None:
        return load_card(path)
    text = files("bezoar_data.cards").joinpath(DEFAULT_TEMPLATE).read_text("utf-8")
    return parse_card(text, DEFAULT_TEMPLATE)


def check_card(card: Card, columns: Collection[str] | None = None) -> list[Problem]:
    """Everything that is wrong with a template, found without a run: it is rendered once from a made-up lock.

    `columns` are those the pipeline will write, where they are known; the lineage columns come by themselves.
    """
    known = None
    if columns is not None:
        types = columns if isinstance(columns, Mapping) else dict.fromkeys(columns)
        known = {**types, **LINEAGE_TYPES, RESERVED: "text"}
    problems = check_front(card, known) + check_template(card, SECTIONS)
    if not any(p.level == "error" for p in problems):
        try:
            _body(card, CardContext.of(SAMPLE, None, card), sample_values())
        except InputError as error:
            problems += error.problems
    return problems


def _render(card: Card, lock: Lock, example: Mapping[str, Any] | None, previous: str | None) -> dict[str, str]:
    raise_errors(check_front(card, tuple(lock.columns)))
    written = {k: v for k, v in card.front.items() if k not in GENERATED}
    fresh = _front(card, written, lock)
    record = {k: hash_of(v) for k, v in fresh.items() if k not in GENERATED}
    person, old = written, None
    if previous:
        last = parse_card(previous, README)
        raise_errors(check_front(last))
        old = split_body(last.body)
        before = {k: v for k, v in last.front.items() if k not in GENERATED}
        person = merge_front(written, fresh, before, old.front_record)
    front, context = _front(card, person, lock), CardContext.of(lock, example, card, person)
    body = with_hashes(split_body(_body(card, context, lock.as_json())))
    text = front_text(front) + "\n" + join_body(merge_body(body, old) if old else body, record)
    read = parse_card(text, README).front
    return {README.rpartition("/")[2]: text, croissant.FILE: croissant.croissant_text(lock, read, context.licence)}


def _front(card: Card, person: Mapping[str, Any], lock: Lock) -> dict[str, Any]:
    licence = licence_of(lock, stated_names(person), card.bezoar.get("terms"))
    return build_front(person, card.bezoar, lock, licence)


def _body(card: Card, context: CardContext, lock: Mapping[str, Any]) -> str:
    """The template's body, filled in. `lock` is the lock as a template reads it."""
    sections = {name: wrap(name, section.make(context)) for name, section in SECTIONS.items()}
    values = {**{key: lock[key] for key in VALUES if key in lock}, "title": context.title, "lock": context.lock.hash}
    body = render_body(card, values, sections)
    # A section that the template leaves out still stands on the card: at its end, in the usual order.
    placed = split_body(body).order
    for name, section in SECTIONS.items():
        if name not in placed:
            heading = f"## {section.title}\n\n" if section.title else ""
            body = f"{body.rstrip()}\n\n{heading}{sections[name]}\n"
    return body
