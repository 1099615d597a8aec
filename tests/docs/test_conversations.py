"""The page on conversations names what is read, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bezoar_data.config.files.card_front_matter import Views
from bezoar_data.runs.conversations.spellings import LEARNT_KEYS, ROLE_OF, ROLES, TEXT_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "conversations.md").read_text()


def words(row: str) -> set[str]:
    """The words in the second cell of a row of the page's tables."""
    (cell,) = re.findall(rf"^\| {re.escape(row)} \| (.*) \|$", PAGE, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", cell))


@pytest.mark.parametrize("role", ROLES)
def test_spellings_of_roles(role: str):
    assert words(f"`{role}`") == {word for word, known in ROLE_OF.items() if known == role}


def test_keys_of_turns():
    assert words("thoughts") == set(TEXT_KEYS["reasoning_content"])
    assert words("weight") == set(LEARNT_KEYS)


def test_parts_of_views():
    shown = re.findall(r"^    (sft|messages|preference): \{(.*)\}$", PAGE, re.MULTILINE)
    views = {kind: dict(part.split(": ") for part in parts.split(", ")) for kind, parts in shown}
    assert Views.model_validate(views).model_dump(exclude_none=True) == views
