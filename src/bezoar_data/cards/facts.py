"""What the sections of a card are made from: the lock, one example row, and what a person said of the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.cards.document import Card
from bezoar_data.cards.licence import Licence, licence_of

_MEANINGS: Mapping[str, str] = {
    "id": "Identity of the row: a hash of its source, the source's revision and its index there; of a row made from "
    "others, a hash of its parents, the step and its number",
    "content_hash": "Hash of what the row says, lineage aside",
    "seed_ids": "Identities of the source rows it comes from",
    "parent_ids": "Identities of the rows it was made from; empty for a source row",
    "_bezoar": "Lineage as JSON: for each step that asked a model, the model that answered and the keys of its answers",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a section may tell."""

    lock: Mapping[str, Any]
    lock_hash: str
    example: Mapping[str, Any] | None
    title: str
    meanings: Mapping[str, str]
    views: Mapping[str, Mapping[str, str]]
    licence: Licence

    @classmethod
    def of(
        cls,
        lock: Mapping[str, Any],
        lock_hash: str,
        example: Mapping[str, Any] | None,
        card: Card,
        front: Mapping[str, Any] | None = None,
    ) -> Facts:
        """`front` is the merged front matter where it differs from the template's."""
        front = card.front if front is None else front
        fields = card.bezoar.get("fields") or {}
        return cls(
            lock=lock,
            lock_hash=lock_hash,
            example=example,
            title=str(front.get("pretty_name") or lock["pipeline"]["name"]),
            meanings={**_MEANINGS, **_judge_meanings(lock), **fields},
            views=card.bezoar.get("views") or {},
            licence=licence_of(lock, front.get("license")),
        )


def _judge_meanings(lock: Mapping[str, Any]) -> dict[str, str]:
    meanings = {}
    for judge in lock["judges"]:
        name = judge["name"]
        meanings[f"{name}_status"] = f"Verdict of the judge {name}: Accept or Reject"
        meanings[f"{name}_rating"] = f"Rating by the judge {name}"
        meanings[f"{name}_reason"] = f"Why the judge {name} decided so, in its own words"
    return meanings
