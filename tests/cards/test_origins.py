"""Who wrote and labelled a dataset's rows, by its lock: no card says otherwise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.cards.origins import origin_keys
from bezoar_data.cards.truth import differences
from bezoar_data.config.files.card import parse_card
from support.cards import lock_of, render_card
from support.lies import copied

CARD = "---\nlanguage: {language}\n{more}\nbezoar: {{}}\n---\n\n# Title\n"


def test_the_lock_says_who_wrote_and_labelled_and_people_only_which_people(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    made = build()
    template = tmp_path / "card.md"
    template.write_text(CARD.format(language="[en, de]", more="annotations_creators: [expert-generated]"))
    text = render_card(template, made.lock, made.example)
    front = parse_card(text, "README.md").front
    assert front["annotations_creators"] == ["expert-generated", "machine-generated"]
    assert front["language_creators"] == ["found", "machine-generated"]
    assert (front["multilinguality"], front["arxiv"]) == (["multilingual"], ["2306.02707"])
    assert render_card(template, made.lock, made.example, previous=text) == text
    # The same card over a lock of rows that nobody wrote, judged or sorted.
    lock = copy.deepcopy(made.lock)
    lock["steps"], lock["models"] = lock["steps"][:1], []
    template.write_text(CARD.format(language="en", more=""))
    front = parse_card(render_card(template, lock, made.example, previous=text), "README.md").front
    assert (front["annotations_creators"], front["language_creators"]) == (["no-annotation"], ["found"])
    assert front["multilinguality"] == ["monolingual"]
    assert "arxiv" not in front


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- machine-generated\nlanguage_creators:", "- no-annotation\nlanguage_creators:"),
        ("language_creators:\n- found\n- machine-generated", "language_creators:\n- found"),
        ("- monolingual", "- multilingual"),
        ('- "2306.02707"', '- "9999.99999"'),
    ],
)
def test_a_card_that_says_otherwise_is_found_out(build: Callable[..., Any], tmp_path: Path, old: str, new: str) -> None:
    made, template = build(), tmp_path / "card.md"
    template.write_text(CARD.format(language="en", more=""))
    text = render_card(template, made.lock, made.example)
    assert old in text
    lied = parse_card(text.replace(old, new, 1), "README.md")
    assert [problem.code for problem in differences(lied, lock_of(made.lock))] == ["card-differs"]


def test_people_in_review_are_told_and_labels_that_came_with_the_rows(honest: Path, tmp_path: Path) -> None:
    card = parse_card((copied(honest, tmp_path).dataset / "README.md").read_text(), "README.md")
    assert card.front["annotations_creators"] == ["machine-generated", "other"]
    assert card.front["language_creators"] == ["found", "machine-generated", "other"]


def test_labels_that_came_with_the_rows_were_found(build: Callable[..., Any]) -> None:
    lock = copy.deepcopy(build().lock)
    lock["steps"], lock["models"] = lock["steps"][:1], []
    own = {"views": {"preference": {"chosen": "a", "rejected": "b"}}}
    assert origin_keys({}, own, lock_of(lock))["annotations_creators"] == ["found"]
    assert origin_keys({"multilinguality": "translation"}, own, lock_of(lock))["multilinguality"] == ["translation"]
