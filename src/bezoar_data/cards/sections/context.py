"""What the sections of a card are made from: the lock, one example row, and what a person said of the fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.cards.licences.hub_keys import stated_names
from bezoar_data.cards.licences.lineage import HUB, Licence, licence_of
from bezoar_data.config.files.card import Card
from bezoar_data.config.files.card_front_matter import RatingView
from bezoar_data.config.words import the_judge
from bezoar_data.measures.helpsteer_scales import SCALES
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.reviewed import SIDES, level_column

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")

_MEANINGS: Mapping[str, str] = {
    "id": "Identity of the row: a hash of its source, the source's revision and its index there; of a row made from "
    "others, a hash of its parents, the step and its number",
    "content_hash": "Hash of what the row says, lineage aside",
    "seed_ids": "Identities of the source rows it comes from",
    "parent_ids": "Identities of the rows it was made from; empty for a source row",
    "_bezoar": "Lineage as JSON: for each step that asked a model, the model that answered and the keys of its answers",
    "review_status": "What most people said who reviewed the row: Accept or Reject; empty where nobody did, or evenly "
    "divided",
    "review_preference": "Which answer most people preferred: a, b or tie",
    "review_people": "How many people reviewed the row",
    "review_response": "The latest response that a person corrected; the original stays in its column",
    "review_corrects": "The column that it corrects",
    "final_status": "People's verdict, else the judge's",
    "review_dropped": "Why people's protocol dropped the row: spread, where they are too far apart on its prompt",
    "review_strength": "How much better the second response is to people, from -3 to 3; below 0 the first is better",
}


@dataclass(frozen=True, slots=True)
class Creator:
    name: str
    organization: bool


@dataclass(frozen=True, slots=True)
class AboutDataset:
    """What people say of a dataset, a card's `bezoar: about:`; None or empty where they said nothing."""

    creators: tuple[Creator, ...] = ()
    contact: str | None = None
    date: str | None = None
    url: str | None = None
    intended_use: str | None = None
    unintended_use: str | None = None
    annotators: str | None = None
    changes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, own: Mapping[str, Any]) -> AboutDataset:
        """From a card's `bezoar:`, which was checked."""
        said = dict(own.get("about") or {})
        creators = tuple(
            Creator(str(one["organization"]), True) if isinstance(one, Mapping) else Creator(str(one), False)
            for one in said.pop("creators", None) or ()
        )
        changes = {str(version): str(what) for version, what in (said.pop("changes", None) or {}).items()}
        return cls(creators=creators, changes=changes, **said)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.creators]

    @property
    def repository(self) -> str | None:
        """Its name on the Hub, if it is there."""
        name = (self.url or "").removeprefix(HUB).rstrip("/")
        return name if HUB_ID.match(name) else None


@dataclass(frozen=True, slots=True)
class CardContext:
    """Everything a section may show."""

    lock: Lock
    example: Mapping[str, Any] | None
    title: str
    meanings: Mapping[str, str]
    views: Mapping[str, Mapping[str, str]]
    licence: Licence
    about: AboutDataset
    answers: Mapping[str, Any] | None
    """The answers that were published beside the rows, as the card's front matter tells them."""

    @classmethod
    def of(
        cls,
        lock: Lock,
        example: Mapping[str, Any] | None,
        card: Card,
        person: Mapping[str, Any] | None = None,
    ) -> CardContext:
        """`person` is what people wrote into the front matter, where it differs from the template's."""
        front = card.front if person is None else person
        return cls(
            lock=lock,
            example=example,
            title=str(front.get("pretty_name") or lock.pipeline.name),
            meanings=meanings_of(lock, card.bezoar),
            views={kind: dict(_parts(view)) for kind, view in (card.bezoar.get("views") or {}).items()},
            licence=licence_of(lock, stated_names(front), card.bezoar.get("terms")),
            about=AboutDataset.of(card.bezoar),
            answers=told_answers(card.bezoar),
        )


def told_answers(own: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a card's `bezoar: answers:` tells of the answers beside the rows; None for anything else that stands
    there."""
    told = own.get("answers")
    shape = {"entries": int, "sha256": str}
    if not isinstance(told, Mapping) or {*told} != {*shape}:
        return None
    return told if all(isinstance(told[key], kind) for key, kind in shape.items()) else None


_SCORED: Mapping[str, str] = {
    "helpfulness": "How well the response serves what was wanted, from 0 to 4",
    "correctness": "Whether it is true and nothing asked for is missing, from 0 to 4",
    "coherence": "Whether it is clear and consistent, from 0 to 4",
    "complexity": "How much learning it takes to write it, from 0 to 4",
    "verbosity": "How long it is for what was asked, from 0 to 4",
    "safety": "Whether it is safe: pass or fail",
    "goodness": "The attributes weighted into one number",
    "attributes_reason": "Why the scores were given, in the judge's own words",
}
_RATED_MEANINGS: Mapping[str, str] = {
    level_column(side, scale): f"{_SCORED[scale]}: the label of the three people who agree most{which}"
    for side, which in zip(SIDES, ("", ", of the first response", ", of the second response"), strict=True)
    for scale in SCALES
}
_COMPARED: Mapping[str, str] = {
    "preference": "Which answer is better: a, b, tie, or inconsistent where the verdict changed with the order",
    "order_ab": "Which answer was called better when a stood first: a, b or tie",
    "order_ba": "Which answer was called better when b stood first: a, b or tie",
    "preference_reason": "Why, in the judge's own words, when a stood first",
}


def meanings_of(lock: Lock, own: Mapping[str, Any]) -> dict[str, str]:
    """What each column means, as far as anyone said. `own` is a card's `bezoar:`."""
    return {**_MEANINGS, **_RATED_MEANINGS, **_judge_meanings(lock), **(own.get("fields") or {})}


def _judge_meanings(lock: Lock) -> dict[str, str]:
    meanings = {}
    for judge in lock.judges:
        name = judge.name
        who = the_judge(name)
        meanings[f"{name}_status"] = f"Verdict of {who}: Accept or Reject"
        meanings[f"{name}_rating"] = f"Rating by {who}"
        meanings[f"{name}_reason"] = f"Why {who} decided so, in its own words"
        meanings[f"{name}_samples"] = f"Every verdict of {who}, which was asked several times"
    described = [(judge.name, _SCORED) for judge in lock.judging.attributes]
    described += [(judge.name, _COMPARED) for judge in lock.judging.comparisons]
    for name, columns in described:
        prefix = f"{name}_" if name else ""
        meanings |= {prefix + column: meaning for column, meaning in columns.items()}
    return meanings


def _parts(view: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a view says, as it is written, each rated attribute by itself."""
    for role, column in view.items():
        if role == "attributes":
            yield from RatingView.rated(column).items()
        else:
            yield role, column
