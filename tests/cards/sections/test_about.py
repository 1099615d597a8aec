"""What only people can say of a dataset: shown where they said it, asked for where they did not, never made up."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from support.cards import render_card

SAID = """\
---
bezoar:
  about:
    creators: [Ada Lovelace, {organization: "Example & Sons"}]
    contact: data@example.org
    date: 2026-11-30
    url: https://huggingface.co/datasets/example/answers
    intended_use: "Small models. <b>Not large ones</b>"
    unintended_use: As a source of facts.
    changes: {"2": Long answers are dropped., "10": The judge is another.}
---
# {{ title }}
"""


def rendered(build: Callable[..., Any], tmp_path: Path, text: str, **pipeline: Any) -> str:
    template = tmp_path / "card.md"
    template.write_text(text)
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["pipeline"].update(pipeline)
    return render_card(template, lock, made.example)


def test_what_people_said_stands_on_the_card(build: Callable[..., Any], tmp_path: Path) -> None:
    text = rendered(build, tmp_path, SAID, version=10)
    for words in (
        "- **Creators:** Ada Lovelace, Example &amp; Sons",
        "- **Contact:** data@example.org",
        "- **Date:** 2026-11-30",
        "- **For:** Small models. &lt;b&gt;Not large ones&lt;/b&gt;",
        'load_dataset("example/answers")\n',
        "  author = {Ada Lovelace and {Example Sons}},",
        "  year   = {2026},",
        "  url    = {https://huggingface.co/datasets/example/answers},",
        "- Version 10: The judge is another.\n- Version 2: Long answers are dropped.",
    ):
        assert words in text
    assert "Not stated" not in text
    assert rendered(build, tmp_path, SAID, version=10) == text


def test_what_nobody_said_is_asked_for(build: Callable[..., Any], tmp_path: Path) -> None:
    text = rendered(build, tmp_path, "---\n---\n# {{ title }}\n", version=2)
    assert "Not stated: who made it, whom to ask, when it was published, what it is for, what it is not for." in text
    assert "- Version 2: what it changed is not stated." in text
    assert "author" not in text[text.index("```bibtex") :]
    assert "year" not in text[text.index("```bibtex") :]


@pytest.mark.parametrize(
    ("line", "key"),
    [("date: yesterday", "date"), ("date: 2026-13-01", "date"), ("url: 'javascript:x'", "url"), ("who: me", "who")],
)
def test_what_is_no_date_or_address_is_refused_with_its_place(
    build: Callable[..., Any], tmp_path: Path, line: str, key: str
) -> None:
    with pytest.raises(InputError) as caught:
        rendered(build, tmp_path, f"---\nbezoar:\n  about:\n    {line}\n---\n# T\n")
    (problem,) = caught.value.problems
    assert problem.place is not None
    assert problem.place.line == 4


def test_after_a_review_peoples_verdict_decides(build: Callable[..., Any], tmp_path: Path) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["columns"]["final_status"] = "string"
    lock["review"] = {
        "answers_sha256": "0" * 64, "rows": 4, "even": 4, "people": 2, "answers": 8, "discarded": 1, "drafts": 0,
        "status": {"Accept": 4}, "preference": {}, "divided": 0, "corrected": 0, "between_people": None,
        "licences": {},
    }  # fmt: skip
    text = render_card(None, lock, made.example)
    assert 'accepted = dataset.filter(lambda row: row["final_status"] == "Accept")' in text
    assert "**Reviewed by people:** 4 of 10 rows, by 2 people." in text
    assert "Who they were, how they were found, paid and guided is not stated." in text
    assert "1 answers were discarded" not in text
